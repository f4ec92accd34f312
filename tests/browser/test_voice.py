"""The voice of an answer: in order, without gap or overlap, in one tab only, silent at once, and on after a reload."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from tests.sound.microphone import Microphone
from tests.sound.talk import spoken
from tests.support.browser import CHROMIUM, FLAGS, PATIENCE, Watch, answered, press, said, settle, visit
from tests.support.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.models]

SPOKEN = "Please tell me a short story about a lighthouse."
LEAD = 0.03  # seconds the player gives itself before a clause that has just come
STORY = (
    "The keeper climbed the stairs at dusk and lit the lamp. The wind had turned in the night, and rain came in from "
    "the sea. A ship passed far out, with one light at the mast. He wrote its name into the book, and the hour. Then "
    "he made tea, sat down at the window, and watched the water until the morning came."
)
SOUNDING = "window.parlorPlayer.queue.filter((clause) => clause.start <= clause.node.context.currentTime)"


@pytest.fixture
def shy_page(playing: Playwright, watch: Watch) -> Iterator[Page]:
    """A tab that, as browsers are delivered, lets no sound out before a click."""
    flags = [flag for flag in FLAGS if not flag.startswith("--autoplay")]
    browser = playing.chromium.launch(
        executable_path=CHROMIUM,
        args=[*flags, "--autoplay-policy=document-user-activation-required"],
        ignore_default_args=["--mute-audio", "--headless"],
    )
    page = browser.new_context(locale="en-GB").new_page()
    page.set_default_timeout(PATIENCE)
    watch.over(page)
    yield page
    browser.close()
    assert not watch.errors


def read_aloud(app: Served, page: Page) -> None:
    """Have STORY read in the page, until its second clause sounds."""
    visit(page, f"{app.url}/?c={said(app.store(), 'A story, please.', STORY)}")
    press(page, "Read aloud")
    page.wait_for_function(f"{SOUNDING}.some((clause) => clause.index >= 1)")


def test_a_spoken_question_is_heard_and_answered_in_a_voice_without_gap_or_overlap(
    app: Served, page: Page, context: BrowserContext, microphone: Microphone, models_home: Path
) -> None:
    visit(page, app.url)
    microphone.hears(spoken(models_home, SPOKEN)[0])
    page.get_by_test_id("stChatInputMicButton").click()
    page.wait_for_timeout(4500)
    page.get_by_test_id("stChatInputApproveButton").click()
    heard = page.locator('[class*="st-key-bubble-"]').first
    expect(heard).to_contain_text(re.compile("lighthouse", re.IGNORECASE))
    page.wait_for_function("window.parlorPlayer?.played.length > 0")
    other = context.new_page()
    visit(other, page.url)
    page.wait_for_function("window.parlorPlayer.played.length > 2")
    page.get_by_role("button", name="Stop speaking").click()
    assert not page.evaluate("window.parlorPlayer.speaking()")
    played = page.evaluate("window.parlorPlayer.played")
    assert [clause["index"] for clause in played] == list(range(len(played)))
    for before, after in pairwise(played):
        follows = max(before["end"], after["came"] + LEAD)  # at once, or as soon as it has come
        assert before["cut"] or after["start"] == pytest.approx(follows, abs=0.01)
    assert other.evaluate("window.parlorPlayer.played.length") == 0, "a second tab stays silent"
    page.keyboard.press("Escape")
    answered(page)
    press(page, "Listen")
    page.locator('[class*="st-key-parlor-"] audio').wait_for()


def test_stop_silences_the_voice_at_once(app: Served, page: Page) -> None:
    read_aloud(app, page)
    page.wait_for_function("window.parlorPlayer.received >= 3")
    button = page.locator(".st-key-stop button").or_(page.get_by_role("button", name="Stop speaking")).first
    button.evaluate(
        """(button) => button.addEventListener('click', () => {
          const from = performance.now();
          const look = () => parlorPlayer.speaking() ? setTimeout(look) : window.silentAfter = performance.now() - from;
          look();
        }, true)"""
    )
    began = time.monotonic()
    button.click()
    page.wait_for_function("window.silentAfter !== undefined")
    expect(page.locator(".st-key-stop")).to_have_count(0)
    ended = time.monotonic() - began
    print(f"stop to silence: {page.evaluate('silentAfter'):.0f} ms; to the end of the run {ended:.2f} s")
    received = page.evaluate("window.parlorPlayer.received")
    page.wait_for_timeout(1000)
    assert page.evaluate("window.parlorPlayer.received") == received
    page.reload()
    settle(page)
    page.wait_for_timeout(1000)
    assert page.evaluate("window.parlorPlayer.played.length") == 0, "what was silenced stays silent"


def test_a_reload_goes_on_where_the_voice_was(app: Served, page: Page, context: BrowserContext) -> None:
    read_aloud(app, page)
    other = context.new_page()
    visit(other, page.url)
    was = page.evaluate(f"{SOUNDING}[0].index")
    page.reload()
    page.wait_for_function("window.parlorPlayer?.played.length > 0")
    index, text, length = page.evaluate(
        "(({index, text, start, end}) => [index, text, end - start])(window.parlorPlayer.played[0])"
    )
    assert index in (was, was + 1)
    assert text in STORY
    whole = len(text) / 8  # seconds: slower than anyone speaks
    assert 0 < length < whole
    assert other.evaluate("window.parlorPlayer.played.length") == 0, "a second tab stays silent"


def test_where_the_browser_forbids_sound_a_button_plays_it(app: Served, shy_page: Page) -> None:
    page = shy_page
    read_aloud(app, page)
    with page.expect_websocket(lambda socket: "/live/" in socket.url):
        page.reload()
    page.wait_for_timeout(1500)  # whatever Playwright evaluates in the page counts as a click, so nothing until then
    play = page.get_by_role("button", name="Play the answer")
    play.wait_for()
    assert page.evaluate("window.parlorPlayer.queue[0].node.context.state") == "suspended"
    play.click()
    page.get_by_role("button", name="Stop speaking").wait_for()
    assert page.evaluate("window.parlorPlayer.queue[0].node.context.state") == "running"
    page.wait_for_function(f"{SOUNDING}.length > 0")
