"""A person's own models, added through the Models page by folder, and what they are then good for in the chat.

A LLaVA, a GGUF model that sees, a Stable Diffusion and a VITS, each tiny and in its real format; two of them have
learned to name colours.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.media.png_metadata import read_png_metadata
from tests.support.web.browser import Watch, answered, answers, conversation, press, send, settle, visit
from tests.support.web.served import QUICK, ROOT, Served, Serving

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.slow]

FOLDERS = """
import sys
from pathlib import Path
from tests.tiny.tiny_diffusion import write_tiny_diffusion
from tests.tiny.tiny_llava import picture, write_tiny_llava
from tests.tiny.tiny_mmproj import write_tiny_vision_gguf
from tests.tiny.tiny_vits import write_tiny_vits
here = Path(sys.argv[1])
write_tiny_llava(here / "tiny-llava")
write_tiny_vision_gguf(here / "tiny-vision", here / "tiny-llava")
write_tiny_diffusion(here / "tiny-painter")
write_tiny_vits(here / "tiny-voice")
for colour in ("red", "green", "blue"):
    (here / f"{colour}.png").write_bytes(picture(colour).data)
"""
TASKS = {"tiny-llava": "see", "tiny-vision": "see", "tiny-painter": "paint", "tiny-voice": "speak"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folders")
    subprocess.run([sys.executable, "-c", FOLDERS, str(folder)], cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def own(serving: Serving, folders: Path) -> Served:
    """An app with the starter models, small answers, and nothing of one's own yet."""
    return serving(**QUICK | {"PARLOR_MAX_TOKENS": "40", "PARLOR_PAINT_STEPS": "40"})


def added(page: Page, served: Served, folder: Path) -> None:
    """Add the model in ``folder`` through the page, unless it is there, and use it for its task."""
    name = folder.name
    visit(page, f"{served.url}/Models?task={TASKS[name]}")
    card = page.locator(f".st-key-model-{name}")
    if card.count() == 0:
        page.locator(".st-key-add_model button").click()
        page.get_by_role("dialog").get_by_role("radio", name="Folder").click()
        page.get_by_role("dialog").locator(".st-key-add_folder input").fill(str(folder))
        page.locator(".st-key-add_now button:enabled").click()
        page.get_by_role("dialog").wait_for(state="detached")
        page.locator(".st-key-said-add").wait_for()
        visit(page, f"{served.url}/Models?task={TASKS[name]}")
    use, used = card.get_by_role("button", name="Use", exact=True), card.get_by_text("In use")
    use.or_(used).first.wait_for()
    if use.count():
        use.click()
    expect(used).to_be_visible()


def show(page: Page, file: Path, question: str) -> str:
    """Show a picture and ask about it; the answer."""
    page.get_by_test_id("stChatInput").locator("input[type=file]").set_input_files(file)
    page.get_by_text(file.name).wait_for()
    return say(page, question)


def say(page: Page, text: str) -> str:
    """Say something more in the conversation; the answer."""
    before = page.locator('[class*="st-key-bubble-"]').count()
    send(page, text)
    expect(page.locator('[class*="st-key-bubble-"]')).to_have_count(before + 1)
    answered(page)
    return answers(page)[-1]


def ask(served: Served, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PARLOR_HOME": str(served.home), "LANG": "C.UTF-8", "PARLOR_TEMPERATURE": "0"}
    command = [sys.executable, "-m", "core.cli", "ask", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["tiny-llava", "tiny-vision"])
def test_it_names_the_colours_of_three_pictures_in_one_conversation(
    own: Served, page: Page, folders: Path, name: str
) -> None:
    added(page, own, folders / name)
    visit(page, own.url)
    for colour in ("red", "green", "blue"):
        assert colour in show(page, folders / f"{colour}.png", "What colour is this picture?")
    assert "blue" in say(page, "What colour is it?")
    path = own.store().path(conversation(page))
    assert [node.message.made_by[0].model for node in path[1::2]] == [name] * 4
    figures = path[-1].message.figures
    assert figures
    assert figures.reused_tokens > 0
    asked = ask(own, "What colour is this picture?", "--image", folders / "green.png", "--chat", name)
    assert asked.returncode == 0, asked.stderr
    assert "green" in asked.stdout


def test_a_picture_grows_in_its_place_and_says_how_it_was_made(
    own: Served, page: Page, folders: Path, tmp_path: Path
) -> None:
    added(page, own, folders / "tiny-painter")
    visit(page, own.url)
    send(page, "Draw me a red fox running through deep snow under tall pine trees.")
    page.locator(".st-key-canvas img").first.wait_for()
    expect(page.locator(".st-key-canvas").get_by_text("a red fox running")).to_be_visible()
    answered(page)
    node = own.store().path(conversation(page))[-1]
    (image,) = node.message.images
    request, model = read_png_metadata(image.data, "drawn.png")
    assert model == "tiny-painter"
    told = page.locator(f".st-key-made-{node.id}-0")
    expect(told).to_contain_text(f"64×64 · {request.steps} steps")
    expect(told).to_contain_text(f"seed {request.seed} · tiny-painter")
    with page.expect_download() as saved:
        told.get_by_role("button").click()
    assert Path(saved.value.path()).read_bytes() == image.data
    press(page, "Variations")
    expect(page.locator('[class*="st-key-drawn-"] img')).to_have_count(4)
    answered(page)
    press(page, "Change the prompt")
    page.get_by_role("textbox", name="Prompt").fill("a blue whale")
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.locator('[class*="st-key-drawn-"] img')).to_have_count(1)
    answered(page)
    expect(page.locator('[class*="st-key-prompt-"]')).to_contain_text("a blue whale")
    assert ask(own, "--like", saved.value.path(), "--out", tmp_path / "same.png").returncode == 0
    assert (tmp_path / "same.png").read_bytes() == image.data


def test_a_picture_stopped_half_way_leaves_nothing_and_the_next_is_whole(
    own: Served, page: Page, folders: Path, watch: Watch
) -> None:
    added(page, own, folders / "tiny-painter")
    watch.outage = True
    own.stop()
    own.environment["PARLOR_PAINT_STEPS"] = "100"
    own.start()
    visit(page, own.url)
    send(page, "Draw me a red fox running through deep snow under tall pine trees.")
    page.locator(".st-key-canvas img").first.wait_for()
    page.locator(".st-key-stop button").click()
    answered(page)
    expect(page.locator('[class*="st-key-drawn-"] img')).to_have_count(0)
    stopped = own.store().path(conversation(page))[-1]
    assert stopped.message.cut
    assert not list(stopped.message.images)
    press(page, "Answer again")
    expect(page.locator('[class*="st-key-drawn-"] img')).to_have_count(1)
    answered(page)


def test_it_speaks(own: Served, page: Page, folders: Path, tmp_path: Path) -> None:
    added(page, own, folders / "tiny-voice")
    visit(page, own.url)
    send(page, "Say hello.")
    answered(page)
    press(page, "Read aloud")
    page.get_by_role("button", name="Listen", exact=True).wait_for()
    settle(page)
    makers = own.store().path(conversation(page))[-1].message.made_by
    assert [made.model for made in makers if made.stage == "speak"] == ["tiny-voice"]
    small = ("--chat", "smollm2-135m-instruct", "--max-tokens", "12")
    spoken = ask(own, "Say hello.", *small, "--voice", "tiny-voice", "--speak", tmp_path / "a.wav", "--json")
    assert spoken.returncode == 0, spoken.stderr
    with wave.open(str(tmp_path / "a.wav")) as sound:
        assert sound.getnframes() > 0
    told = json.loads(spoken.stdout.splitlines()[-1])["made_by"]
    assert [made["model"] for made in told["with"] if made["stage"] == "speak"] == ["tiny-voice"]


def test_the_voice_page_offers_nothing_a_model_cannot_do(own: Served, page: Page, folders: Path) -> None:
    added(page, own, folders / "tiny-voice")
    visit(page, f"{own.url}/Settings")
    page.get_by_role("heading", name="Voice").wait_for()
    expect(page.get_by_text("English voice")).to_have_count(0)
    expect(page.get_by_text(re.compile("Add a voice"))).to_have_count(0)
