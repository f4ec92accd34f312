"""The Call page in a real browser: what is done in it, and what it heard and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from core.types.messages import Audio
from tests.sound.talk import spoken
from tests.support.browser import visit

# A small model, the same short answers every time, and nothing made beforehand or beside them.
BRIEF = {
    "PARLOR_CHAT": "smollm2-135m-instruct",
    "PARLOR_TEMPERATURE": "0",
    "PARLOR_MAX_TOKENS": "32",
    "PARLOR_OPENERS": "0",
    "PARLOR_ENHANCE": "0",
}
TALKING = BRIEF | {"PARLOR_OPENERS": "1", "PARLOR_PAINT_STEPS": "25"}  # it begins with an opening word
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


def says(models: Path, sentence: str) -> Audio:
    return spoken(models, sentence)[0]
