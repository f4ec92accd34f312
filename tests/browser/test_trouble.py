"""What goes wrong around a conversation is told on the page, in the person's language, and can be mended there."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.catalogue.load import load as load_catalogue
from tests.support.web.browser import (
    LONG,
    PATIENCE,
    Watch,
    answered,
    answers,
    conversation,
    questions,
    said,
    send,
    settle,
    visit,
    writing,
)
from tests.support.web.served import QUICK, Served

pytestmark = [pytest.mark.browser, pytest.mark.models]

SMALL = "smollm2-135m-instruct"
LONG_PROMPT = "The lighthouse keeper wrote down the wind, the waves and every ship that passed. " * 320
Serve = Callable[..., Served]
WORDS = {"en-GB": ("ended unexpectedly", "Try again"), "zh-CN": ("意外退出", "重试")}


@pytest.fixture
def serve(home: Path) -> Iterator[Serve]:
    """Starts servers on ``home``, which end after the page (named behind this one) has gone."""
    started: list[Served] = []

    def start(**given: str) -> Served:
        started.append(Served(home, **given))
        return started[-1]

    yield start
    for served in started:
        served.end()


@pytest.fixture
def foreign(chromium: Browser, watch: Watch, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab of a browser in another language."""
    context = chromium.new_context(locale=request.param)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    watch.over(page)
    yield page
    context.close()
    assert not watch.errors


def chat_worker(served: Served) -> psutil.Process:
    return next(worker for worker in served.workers() if any(".gguf" in each.path for each in worker.memory_maps()))


def seconds_until_idle(page: Page, clicked: Locator) -> float:
    """From a click on Stop until the page shows the end."""
    began = time.monotonic()
    clicked.click()
    expect(page.locator(".st-key-stop")).to_have_count(0)
    return time.monotonic() - began


# ── an engine ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("foreign", WORDS, indirect=True)
def test_a_killed_engine_is_told_and_the_next_turn_works(app: Served, foreign: Page) -> None:
    page, (told, retry) = foreign, WORDS[foreign.evaluate("navigator.language")]
    visit(page, app.url)
    send(page, LONG)
    writing(page)
    page.wait_for_timeout(700)
    chat_worker(app).kill()
    answered(page)
    failed = app.store().path(conversation(page))[-1]
    assert failed.state == "failed"
    assert failed.message.text
    assert told in answers(page)[-1]
    assert failed.message.text.split()[0] in answers(page)[-1], "what was said so far is kept"
    page.get_by_role("button", name=retry).click()
    writing(page)
    page.keyboard.press("Escape")
    page.get_by_text("2/2").wait_for()
    send(page, "Say hello.")
    expect(page.locator('[class*="st-key-parlor-"]')).to_have_count(2)
    answered(page)
    assert app.store().path(conversation(page))[-1].state == "done"


def test_stop_ends_the_reading_of_a_long_prompt(serve: Serve, page: Page) -> None:
    served = serve(PARLOR_CHAT="qwen2.5-coder-1.5b-instruct")
    visit(page, served.url)
    send(page, f"{LONG_PROMPT}\nWhat did the keeper write down?")
    expect(page.locator(".st-key-doing")).to_have_text(re.compile(r"Reading the prompt… \d+%"))
    print(f"stop while reading: {seconds_until_idle(page, page.locator('.st-key-stop button')):.2f} s")
    answered(page)
    stopped = served.store().path(conversation(page))[-1]
    assert stopped.message.cut
    assert not stopped.message.text
    assert "Stopped before the first word" in answers(page)[-1]
    page.get_by_test_id("stSidebar").get_by_role("button", name="New chat").click()
    page.locator(".st-key-welcome").wait_for()
    settle(page)
    send(page, "Write a long story about a lighthouse.")
    writing(page)
    print(f"stop while writing: {seconds_until_idle(page, page.locator('.st-key-stop button')):.2f} s")


# ── the data folder ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_damaged_database_is_told_once_and_kept(home: Path, serve: Serve, page: Page) -> None:
    (home / "parlor.db").write_bytes(b"this is no database" * 500)
    served = serve(**QUICK)
    visit(page, served.url)
    note = page.locator(".st-key-trouble-store")
    expect(note).to_contain_text("parlor.db")
    note.get_by_role("button", name="All right").click()
    expect(note).to_have_count(0)
    page.reload()
    settle(page)
    expect(note).to_have_count(0)
    send(page, "Say hello.")
    answered(page)
    (aside,) = home.glob("parlor.db.broken-*")
    assert aside.read_bytes().startswith(b"this is no database")


def test_a_chosen_model_that_nobody_knows_is_told_and_can_be_changed(home: Path, serve: Serve, page: Page) -> None:
    (home / "parlor.toml").write_text('chat = "gone-model"', "utf-8")
    served = serve()
    id = said(served.store(), "Hello?", "Hello.")
    for path in ("/", f"/?c={id}", "/Settings"):
        visit(page, served.url + path)
        expect(page.locator(".st-key-trouble-choice")).to_contain_text("gone-model")
    visit(page, f"{served.url}/?c={id}")
    send(page, "And now?")
    expect(page.locator(".st-key-trouble-box-0")).to_contain_text("gone-model")
    expect(page.get_by_test_id("stChatInputTextArea")).to_have_value("And now?")
    page.get_by_role("button", name="Answer again").click()
    settle(page)
    assert len(served.store().nodes(id)) == 2, "nothing is stored that could not be begun"
    page.locator(".st-key-trouble-choice").get_by_role("link", name="Settings").click()
    page.get_by_role("combobox", name="Chat").click()
    page.get_by_role("option", name=re.compile("SmolLM2")).click()
    expect(page.locator(".st-key-trouble-choice")).to_have_count(0)
    assert f'chat = "{SMALL}"' in (home / "parlor.toml").read_text("utf-8")


@pytest.mark.parametrize("path", ["/", "/Settings", "/Chat"])
@pytest.mark.parametrize("foreign", ["zh-CN"], indirect=True)
def test_settings_that_cannot_be_read_are_told_until_they_are_mended(
    home: Path, serve: Serve, foreign: Page, path: str
) -> None:
    page, file = foreign, home / "parlor.toml"
    file.write_text("chat = what?", "utf-8")
    served = serve()
    page.goto(served.url + path)
    expect(page.locator(".st-key-trouble-app")).to_contain_text("无法读取设置文件")
    assert page.get_by_text("Traceback").count() == 0
    file.write_text('language = "en"', "utf-8")
    page.get_by_role("button", name="重试").click()
    page.get_by_role("heading", name="Settings" if path == "/Settings" else "What shall we talk about?").wait_for()


def test_a_missing_model_is_fetched_in_the_page_and_the_question_tried_again(
    home: Path, serve: Serve, page: Page
) -> None:
    spec = load_catalogue().find(SMALL)
    weights = (home / "models" / SMALL).resolve() / spec.files[0].name
    (home / "models" / SMALL).unlink()
    os.mkfifo(home / "half-open")  # a source whose speed is the test's
    (home / "catalogue.toml").write_text(
        f'[[model]]\nid = "{SMALL}"\nname = "{spec.name}"\ntask = "chat"\nengine = "llama"\nlicence = "Apache-2.0"\n'
        f'languages = ["en"]\nmemory_mb = 400\nrevision = "1"\n[[model.file]]\nname = "{spec.files[0].name}"\n'
        f'bytes = {spec.bytes}\nsha256 = "{spec.sha256}"\nsources = [{{ folder = "half-open" }}]\n',
        "utf-8",
    )
    on = threading.Event()

    def trickle() -> None:
        data = weights.read_bytes()
        with (home / "half-open").open("wb") as source:
            source.write(data[: len(data) // 2])
            source.flush()
            on.wait(60)
            source.write(data[len(data) // 2 :])

    served = serve(**QUICK)
    giving = threading.Thread(target=trickle, daemon=True)
    giving.start()
    visit(page, served.url)
    send(page, "Say hello.")
    failed = page.locator('[class*="st-key-trouble-"]')
    expect(failed).to_contain_text("is not installed")
    failed.get_by_role("button", name="Get · 98 MB").click()
    expect(failed).to_contain_text(re.compile(r"(4|5)\d %"))
    on.set()
    failed.get_by_role("button", name="Try again").click()
    expect(failed).to_have_count(0)
    answered(page)
    answer = served.store().path(conversation(page))[-1]
    assert answer.state == "done"
    assert answer.message.text
    assert questions(page) == ["Say hello."]
    giving.join(5)


# ── the network ──────────────────────────────────────────────────────────────────────────────────────────────────────


def own_address() -> str:
    """An address of this machine that other machines could use."""
    every = [each.address for some in psutil.net_if_addrs().values() for each in some if each.family == socket.AF_INET]
    return next((address for address in every if not address.startswith("127.")), "")


def test_the_app_is_open_to_others_only_when_asked(app: Served, serve: Serve, page: Page, watch: Watch) -> None:
    address = own_address()
    if not address:
        pytest.skip("this machine has no address but its own")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((address, app.port), timeout=5)
    served = serve(host="0.0.0.0", **QUICK)
    watch.hosts += (address,)
    visit(page, f"http://{address}:{served.port}")
    send(page, "Say hello.")
    answered(page)
    assert answers(page)[0]
