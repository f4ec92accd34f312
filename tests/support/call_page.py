"""The Call page in a real browser: a microphone that says what a test wants when it wants it, and what the page heard.

Chromium reads the file of its fake microphone anew whenever a page opens one: choosing another of its three in the page
is what makes it speak.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

from core.media.audio import resampled, wav
from core.types.messages import Audio
from tests.support.browser import CHROMIUM, FLAGS, PATIENCE, Served, Watch, link_models, visit
from tests.support.caller import end
from tests.support.own_models import with_tiny_painter
from tests.support.talk import spoken, talk

RATE = 48_000  # Hz of the fake microphone
LEAD = 1.0  # seconds of silence before what it says: with 0.3, once in five its first words were gone
# A small model, the same short answers every time, and nothing made beforehand or beside them.
BRIEF = {
    "PARLOR_CHAT": "smollm2-135m-instruct",
    "PARLOR_TEMPERATURE": "0",
    "PARLOR_MAX_TOKENS": "32",
    "PARLOR_OPENERS": "0",
    "PARLOR_ENHANCE": "0",
}
# Settles once the microphone of the page has heard something, and then nothing for a second.
HEARD = """() => new Promise((done) => {
  let loud = 0;
  const timer = setInterval(() => {
    if (parlorCall.microphone.level > 0.005) loud = performance.now();
    else if (loud && performance.now() - loud > 1000) done(clearInterval(timer));
  }, 20);
})"""
STORY = "Please tell me a long story about a lighthouse keeper."
JAPAN, FRANCE = "What is the capital of Japan?", "What is the capital of France?"
OPTIONS = "Microphone, voices and volume"


class Microphone:
    """The file that every microphone of the browser hears, once, and then silence. It begins in a quiet room."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._write(talk(1.0))

    def says(self, page: Page, sound: Audio) -> None:
        """Speak into the page, through another microphone than the one it uses."""
        self._write(talk(LEAD, sound))
        chosen = page.locator(".options select").first
        if not chosen.is_visible():
            page.locator(".buttons [aria-expanded]").click()
        others = chosen.locator("option").evaluate_all("options => options.map((option) => option.value)")
        chosen.select_option(next(id for id in others if id not in ("", chosen.input_value())))

    def _write(self, sound: Audio) -> None:
        self.file.write_bytes(wav(resampled(sound, RATE)))


@contextlib.contextmanager
def browsing(playing: Playwright, sound: Path | None, *without: str) -> Iterator[Browser]:
    """A Chromium whose microphones hear that file, started without some of the usual flags."""
    flags = [flag for flag in FLAGS if flag not in without]
    if sound:
        flags.append(f"--use-file-for-fake-audio-capture={sound}%noloop")
    browser = playing.chromium.launch(
        executable_path=CHROMIUM, args=flags, ignore_default_args=["--mute-audio", "--headless"]
    )
    try:
        yield browser
    finally:
        browser.close()


def begin(page: Page, url: str, conversation: str = "") -> None:
    """Open the Call page, press the big button, and wait until it listens."""
    visit(page, f"{url}/Call" + (f"?c={conversation}" if conversation else ""))
    page.get_by_role("button", name="Start talking").click()
    state(page, "Listening")


def state(page: Page, words: str) -> None:
    expect(page.locator(".state")).to_have_text(words)


def hang_up(page: Page) -> None:
    page.get_by_role("button", name="Hang up").click()
    state(page, "Call ended")


def write(page: Page, words: str) -> None:
    """Type into the call."""
    page.get_by_role("textbox", name="Type instead").fill(words)
    page.keyboard.press("Enter")


def you(page: Page, turn: int) -> Locator:
    return page.locator(".turns li").nth(turn - 1).locator(".you .words")


def answer(page: Page, turn: int) -> Locator:
    return page.locator(".turns li").nth(turn - 1).locator(".parlor p.words")


def heard(page: Page, turn: int, what: str = "measured") -> None:
    """Wait until the page has measured sound of the answer to ``turn`` (or noted something else about it)."""
    page.wait_for_function(
        "([turn, what]) => parlorCall.log.some((entry) => entry.what === what && entry.turn === turn)", arg=[turn, what]
    )


def noted(page: Page, what: str) -> list[dict[str, Any]]:
    """Entries of the page's log, with their times in milliseconds."""
    entries: list[dict[str, Any]] = page.evaluate("parlorCall.log")
    return [entry for entry in entries if entry["what"] == what]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Iterator[Served]:
    """A server with a small chat model, which begins with an opening word, and a tiny painter that shows previews."""
    home = link_models(models_home, tmp_path_factory.mktemp("parlor") / "home")
    with_tiny_painter(home)
    served = Served(home, **BRIEF | {"PARLOR_OPENERS": "1", "PARLOR_PAINT_STEPS": "25"})
    yield served
    served.stop()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the microphones of the browser hear."""
    return tmp_path_factory.mktemp("microphone") / "heard.wav"


@pytest.fixture
def microphone(sound: Path) -> Microphone:
    return Microphone(sound)


@pytest.fixture(scope="module")
def chromium(playing: Playwright, sound: Path) -> Iterator[Browser]:
    with browsing(playing, sound) as browser:
        yield browser


@pytest.fixture
def context(chromium: Browser, microphone: Microphone) -> Iterator[BrowserContext]:
    with browser_context(chromium) as tabs:
        yield tabs


@pytest.fixture
def page(context: BrowserContext, watch: Watch, app: Served) -> Iterator[Page]:
    with tab(context, watch, app) as page:
        yield page


@contextlib.contextmanager
def tab(context: BrowserContext, watch: Watch, app: Served) -> Iterator[Page]:
    """A tab; what went wrong in it fails the test, and a call that is left over is hung up."""
    page = context.new_page()
    watch.over(page)
    try:
        yield page
    finally:
        call = page.evaluate("window.parlorCall?.id")
        page.close()
        if call:
            end(app, call)
    assert not watch.outside
    assert watch.outage or not watch.errors


@contextlib.contextmanager
def browser_context(browser: Browser, locale: str = "en-GB", permissions: bool = True) -> Iterator[BrowserContext]:
    """A person's browser, with the microphone allowed or not."""
    made = browser.new_context(locale=locale, permissions=["microphone"] if permissions else [])
    made.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    try:
        yield made
    finally:
        made.close()


def says(models: Path, sentence: str) -> Audio:
    return spoken(models, sentence)[0]
