"""The Models page in a real browser: fetching and pausing, adding what lies on this machine, checking, removing."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.hub_server import BODY, COMMIT, ON_HUB, Fault, HubServer
from tests.support.web.browser import PATIENCE, Watch, answered, conversation, send, settle, visit
from tests.support.web.served import ROOT, Served
from tests.tiny.tiny_gguf import write_tiny_gguf

pytestmark = pytest.mark.browser

ENTRY = f"""
[[model]]
id = "{{id}}"
name = "{{name}}"
task = "embed"
engine = "clip"
licence = "{{licence}}"
memory_mb = 100
revision = "{COMMIT}"
about = "Nothing but noise."
about_zh = "只是噪声。"
languages = ["zh", "en", "de", "fr"]
terms = "{{terms}}"

[[model.file]]
name = "model.bin"
bytes = {len(BODY)}
sha256 = "{hashlib.sha256(BODY).hexdigest()}"
sources = [{{{{ hub = "someone/tiny", revision = "{COMMIT}", path = "model.bin" }}}}]
"""
FOLDERS = """
from pathlib import Path
from tests.tiny.tiny_diffusion import write_tiny_diffusion
from tests.tiny.tiny_llava import write_tiny_llava
from tests.tiny.tiny_mmproj import write_tiny_vision_gguf
from tests.tiny.tiny_vits import write_tiny_vits
here = Path({folder!r})
write_tiny_llava(here / "tiny-llava", trained=False)
write_tiny_vision_gguf(here / "tiny-vision", here / "tiny-llava")
write_tiny_diffusion(here / "tiny-painter")
write_tiny_vits(here / "tiny-voice", ("Ada", "李明"))
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    hub = HubServer()
    hub.files[ON_HUB] = BODY
    yield hub
    hub.close()


@pytest.fixture(scope="module")
def served(hub: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without models, with three on a hub of this machine in its own catalogue."""
    home = tmp_path_factory.mktemp("parlor") / "home"
    home.mkdir()
    entries = {"tiny": ("MIT", ""), "other": ("MIT", ""), "guarded": ("CPML", "https://licence.example/cpml")}
    (home / "catalogue.toml").write_text(
        "".join(
            ENTRY.format(id=id, name=f"{id.title()} noise", licence=licence, terms=terms)
            for id, (licence, terms) in entries.items()
        )
    )
    network = {"HF_ENDPOINT": hub.url, "PIP_INDEX_URL": f"{hub.url}/simple/", "NO_PROXY": "127.0.0.1"}
    served = Served(home, PARLOR_OFFLINE="0", PARLOR_MAX_TOKENS="24", PARLOR_TEMPERATURE="0", **network)
    yield served
    served.stop()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaVA, a GGUF model that sees, a Stable Diffusion and a VITS, each tiny and in a folder of its own."""
    folder = tmp_path_factory.mktemp("folders")
    subprocess.run(
        [sys.executable, "-c", FOLDERS.format(folder=str(folder))], cwd=ROOT, check=True, capture_output=True
    )
    return folder


@pytest.fixture
def chinese(chromium: Browser, watch: Watch) -> Iterator[Page]:
    """A tab of a narrow browser in Chinese."""
    context = chromium.new_context(locale="zh-CN", viewport={"width": 390, "height": 844})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    watch.over(page)
    yield page
    context.close()
    assert not watch.errors


def card(page: Page, id: str) -> Locator:
    return page.locator(f".st-key-model-{id}")


def show(page: Page, served: Served, task: str = "embed") -> None:
    visit(page, f"{served.url}/Models?task={task}")


def choose(page: Page, id: str, action: str) -> None:
    """One of the actions behind a model's three dots."""
    card(page, id).locator(f".st-key-menu-{id} button").click()
    page.get_by_role("menuitem", name=action).click()


def add(page: Page, way: str, path: Path | str) -> None:
    page.locator(".st-key-add_model button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name=way).click()
    dialog.locator(f".st-key-add_{way.lower()} input").fill(str(path))


def confirm(page: Page) -> None:
    """Press Add, as soon as what was named has been recognised, and wait for the end."""
    page.locator(".st-key-add_now button:enabled").click()
    page.get_by_role("dialog").wait_for(state="detached")
    page.locator(".st-key-said-add").wait_for()


# ── from this machine ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_of_ones_own_answers_and_survives_a_restart(served: Served, page: Page, tmp_path: Path) -> None:
    file = write_tiny_gguf(tmp_path / "my-noise.gguf")
    show(page, served, "chat")
    add(page, "File", file)
    confirm(page)
    expect(card(page, "my-noise").get_by_text("In use")).to_be_visible()
    expect(card(page, "my-noise").get_by_text("Yours")).to_be_visible()
    visit(page, served.url)
    send(page, "Hello.")
    answered(page)
    made_by = served.store().path(conversation(page))[-1].message.made_by
    assert [made.model for made in made_by] == ["my-noise"]
    served.stop()
    served.start()
    show(page, served, "chat")
    expect(card(page, "my-noise").get_by_text("In use")).to_be_visible()
    page.locator(".st-key-loaded_now summary").click()
    page.locator(".st-key-loaded-my-noise").get_by_role("button", name="Keep loaded").click()
    page.get_by_role("button", name="Stop keeping it loaded").wait_for()
    page.locator(".st-key-loaded-my-noise").get_by_role("button", name="Unload").click()
    expect(page.get_by_text("Nothing is loaded")).to_be_visible()


def test_what_is_no_model_is_told_at_once(served: Served, page: Page, chinese: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("buy milk")
    for tab, way, missing, told in (
        (page, "Folder", "There is nothing at this path", "nothing that Parlor understands"),
        (chinese, "文件夹", "此路径下没有内容", "Parlor"),
    ):
        show(tab, served)
        tab.locator(".st-key-add_model button").click()
        tab.get_by_role("dialog").get_by_role("radio", name=way).click()
        tab.locator(".st-key-add_folder input").fill(str(tmp_path / "gone"))
        expect(tab.get_by_text(missing)).to_be_visible()
        tab.locator(".st-key-add_folder input").fill(str(tmp_path))
        expect(tab.locator(".st-key-trouble-found").get_by_text(told)).to_be_visible()
        expect(tab.locator(".st-key-add_now button")).to_be_disabled()


@pytest.mark.slow
def test_folders_are_recognised_and_shown_under_their_task(served: Served, page: Page, folders: Path) -> None:
    show(page, served, "chat")
    for name, task, label in (
        ("tiny-llava", "see", "See"),
        ("tiny-vision", "see", "See"),
        ("tiny-painter", "paint", "Draw"),
        ("tiny-voice", "speak", "Speak"),
    ):
        add(page, "Folder", folders / name)
        expect(page.locator(".st-key-said-found").get_by_text(label)).to_be_visible()
        confirm(page)
        page.locator(".st-key-show_added button").click()
        settle(page)
        expect(page.get_by_role("radio", name=label)).to_be_checked()
        page.locator(".st-key-models_m_installed").get_by_text(name, exact=True).first.wait_for()
        assert f"task={task}" in page.url


# ── from the hub ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_download_is_paused_resumed_and_finished(served: Served, hub: HubServer, page: Page) -> None:
    hub.fail(ON_HUB, Fault(drip=1000))
    show(page, served)
    card(page, "tiny").get_by_role("button", name="Get · 2 MB").click()
    expect(card(page, "tiny").get_by_text(re.compile(r"kB of 2 MB, \d+ kB/s, \d+ s left · \d+ %"))).to_be_visible()
    card(page, "tiny").get_by_role("button", name="Pause").click()
    expect(card(page, "tiny").get_by_text(re.compile(r"Paused with \d+ [kM]B of 2 MB here"))).to_be_visible()
    card(page, "tiny").get_by_role("button", name="Resume").click()
    expect(card(page, "tiny").get_by_text("Tiny noise is installed")).to_be_visible()
    assert hub.ranges(ON_HUB)[-1].startswith("bytes=")
    assert (served.home / "models/tiny/model.bin").read_bytes() == BODY


def test_a_cancelled_download_leaves_nothing(served: Served, hub: HubServer, page: Page) -> None:
    hub.fail(ON_HUB, Fault(hold=600_000))
    show(page, served)
    card(page, "other").get_by_role("button", name="Get").click()
    expect(card(page, "other").get_by_text("of 2 MB")).to_be_visible()
    card(page, "other").get_by_role("button", name="Cancel").click()
    expect(card(page, "other").get_by_role("button", name="Get · 2 MB")).to_be_visible()
    assert not (served.home / "models/.partial/other").exists()


def test_a_failed_download_says_why_until_it_is_tried_again(served: Served, hub: HubServer, page: Page) -> None:
    hub.fail(ON_HUB, Fault(status=403))
    show(page, served)
    card(page, "other").get_by_role("button", name="Get").click()
    expect(card(page, "other").get_by_text("could not be downloaded")).to_be_visible()
    show(page, served)
    expect(card(page, "other").get_by_text("could not be downloaded")).to_be_visible()
    card(page, "other").get_by_role("button", name="Try again").click()
    expect(card(page, "other").get_by_text("Other noise is installed")).to_be_visible()


def test_a_licence_is_agreed_to_before_anything_is_fetched(served: Served, hub: HubServer, page: Page) -> None:
    show(page, served)
    expect(card(page, "guarded").get_by_text("CPML, needs accepting")).to_be_visible()
    before = len(hub.seen)
    card(page, "guarded").get_by_role("button", name="Get").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("https://licence.example/cpml")).to_be_visible()
    expect(dialog.get_by_text("non-commercial")).to_be_visible()
    expect(dialog.get_by_role("button", name="Get")).to_be_disabled()
    assert len(hub.seen) == before
    dialog.get_by_text("I have read the licence").click()
    dialog.get_by_role("button", name="Get").click()
    expect(card(page, "guarded").get_by_text("Guarded noise is installed")).to_be_visible()
    assert "cpml" in (served.home / "accepted.toml").read_text("utf-8")


def test_a_model_is_added_by_its_name_on_the_hub(served: Served, hub: HubServer, page: Page, tmp_path: Path) -> None:
    gguf = {"architecture": "llama", "context_length": 2048, "total": 1_000_000}
    body = write_tiny_gguf(tmp_path / "hum.gguf", seed=1).read_bytes()
    card_data = {"license": "other", "license_name": "hum-research", "license_link": "https://licence.example/hum"}
    hub.add_repo("somebody/Hum-GGUF", {"hum-Q4_K_M.gguf": body}, gguf=gguf, cardData=card_data)
    show(page, served)
    add(page, "Hub", "hum")
    expect(page.get_by_text("is called owner/name")).to_be_visible()
    page.locator(".st-key-add_hub input").fill("somebody/Hum-GGUF")
    page.locator(".st-key-add_now button:enabled").click()
    expect(page.get_by_role("dialog").get_by_text("https://licence.example/hum")).to_be_visible()
    page.get_by_role("dialog").get_by_text("I have read the licence").click()
    page.get_by_role("dialog").get_by_role("button", name="Get").click()
    page.get_by_role("radio", name="Chat").click()
    expect(page.locator(".st-key-models_m_installed").get_by_text("somebody/Hum-GGUF")).to_be_visible()


def test_what_the_hub_refuses_is_told(served: Served, page: Page) -> None:
    show(page, served)
    add(page, "Hub", "somebody/nothing")
    page.locator(".st-key-add_now button:enabled").click()
    expect(page.locator(".st-key-trouble-add").get_by_text("somebody/nothing")).to_be_visible()
    page.locator(".st-key-trouble-add").get_by_role("button", name="Dismiss").click()
    expect(page.locator(".st-key-trouble-add")).to_have_count(0)


def test_damage_is_found_and_mended(served: Served, page: Page) -> None:
    show(page, served)
    choose(page, "tiny", "Verify files")
    expect(card(page, "tiny").get_by_text("Tiny noise is as it should be")).to_be_visible()
    (served.home / "models/tiny/model.bin").write_bytes(BODY[::-1])
    choose(page, "tiny", "Verify files")
    expect(card(page, "tiny").get_by_text("is damaged")).to_be_visible()
    card(page, "tiny").get_by_role("button", name="Get it again").click()
    expect(card(page, "tiny").get_by_text("Tiny noise is installed")).to_be_visible()
    assert (served.home / "models/tiny/model.bin").read_bytes() == BODY


def test_details_name_every_file_and_its_hash(served: Served, page: Page) -> None:
    show(page, served)
    choose(page, "tiny", "Details")
    details = page.locator(".st-key-details-tiny")
    expect(details.get_by_text("model.bin")).to_be_visible()
    expect(details.get_by_text(hashlib.sha256(BODY).hexdigest()[:12])).to_be_visible()
    expect(details.get_by_text(COMMIT)).to_be_visible()
    expect(details.get_by_text(str(served.home / "models" / "tiny"))).to_be_visible()


def test_a_model_is_removed_after_asking(served: Served, page: Page) -> None:
    show(page, served)
    choose(page, "other", "Remove")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Keep it").click()
    dialog.wait_for(state="detached")
    assert (served.home / "models/other").exists()
    choose(page, "other", "Remove")
    page.locator(".st-key-remove_now button").click()
    dialog.wait_for(state="detached")
    expect(card(page, "other")).to_have_count(0)
    assert not (served.home / "models/other").exists()


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_speaks_chinese_and_fits_a_narrow_screen(served: Served, chinese: Page) -> None:
    show(chinese, served)
    expect(chinese.get_by_role("heading", name="模型", exact=True)).to_be_visible()
    expect(card(chinese, "tiny").get_by_text("只是噪声。")).to_be_visible()
    expect(card(chinese, "tiny").get_by_text("中文、英语 +2")).to_be_visible()
    expect(card(chinese, "tiny").get_by_text(re.compile("放得下"))).to_be_visible()
    wide = chinese.evaluate("document.scrollingElement.scrollWidth")
    assert wide <= 390


def test_the_task_is_remembered(served: Served, page: Page) -> None:
    show(page, served, "chat")
    page.get_by_role("radio", name="Draw").click()
    expect(page.get_by_text("Draws what you describe.")).to_be_visible()
    page.get_by_test_id("stSidebar").get_by_role("link", name="Settings").click()
    page.get_by_role("heading", name="Settings").wait_for()
    page.get_by_role("link", name="Get, add and remove models").click()
    expect(page.get_by_text("Draws what you describe.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Draws what you describe.")).to_be_visible()


def test_the_models_move_to_another_folder(served: Served, page: Page, tmp_path: Path) -> None:
    show(page, served)
    page.locator(".st-key-move_to input").fill(str(tmp_path / "elsewhere"))
    page.get_by_role("button", name="Move").click()
    expect(page.locator(".st-key-said-move")).to_be_visible()
    assert (tmp_path / "elsewhere/tiny/model.bin").read_bytes() == BODY
    assert not (served.home / "models/tiny").exists()
    expect(card(page, "tiny").get_by_role("button", name="More actions for Tiny noise")).to_be_visible()
