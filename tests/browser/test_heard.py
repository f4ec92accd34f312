"""Words of a recording: a click plays it from there, and the word that sounds is marked; by keyboard, too."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from core.types.messages import Audio, Message, Text, Transcript, Word
from core.types.provenance import Provenance
from tests.sound.sounds import tone
from tests.support.browser import press, visit
from tests.support.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.models]

ENGLISH = Transcript(
    "The keeper climbed <b>slowly</b>.",
    "en",
    (
        Word(" The", 0.5, 0.7, 0.9),
        Word(" keeper", 0.7, 1.4, 0.9),
        Word(" climbed", 2.0, 2.8, 0.9),
        Word(" <b>slowly</b>.", 2.8, 3.4, 0.4),
    ),
)
CHINESE = Transcript(
    "灯塔，很高。",
    "zh",
    (Word("灯", 0.4, 0.8, 1.0), Word("塔，", 0.8, 1.5, 1.0), Word("很", 1.5, 2.2, 1.0), Word("高。", 2.2, 3.0, 1.0)),
)
MADE_BY = (Provenance("chat", "smollm2-135m-instruct", "r", "0" * 64),)


@pytest.fixture
def call(app: Served) -> str:
    """A conversation as a call leaves it: spoken both ways, in English and in Chinese."""
    store = app.store()
    id = store.create("A call")
    sound = tone(4.0, level=-40)
    asked = store.add(id, Message("user", (sound, ENGLISH)), None)
    answered = store.add(id, Message("assistant", (Audio(sound.pcm, sound.rate), CHINESE), MADE_BY), asked)
    store.add(id, Message("user", (Text("typed"),)), answered)
    return id


def words(page: Page, who: str) -> Locator:
    return page.locator(f'[class*="st-key-{who}-"] .heard .word')


def state(page: Page, who: str) -> tuple[float, bool]:
    """Where the recording is, in seconds, and whether it plays."""
    at, still = page.locator(f'[class*="st-key-{who}-"] audio').evaluate("(audio) => [audio.currentTime, audio.paused]")
    return at, not still


def plays(page: Page, who: str, start: float) -> None:
    """It plays, and began where the word does."""
    page.wait_for_function(
        """([who, start]) => {
             const audio = document.querySelector(`[class*="st-key-${who}-"] audio`);
             return audio && !audio.paused && audio.currentTime > start && audio.currentTime < start + 1;
           }""",
        arg=[who, start],
    )


def test_a_click_on_a_word_plays_the_recording_from_there_and_a_second_one_stops_it(
    app: Served, page: Page, call: str
) -> None:
    visit(page, f"{app.url}/?c={call}")
    climbed = words(page, "you").nth(2)
    climbed.click()
    plays(page, "you", 2.0)
    expect(climbed).to_have_class("word now")
    expect(words(page, "you").nth(3)).to_have_class("word now")
    expect(climbed).to_have_class("word")
    words(page, "you").first.click()
    plays(page, "you", 0.5)
    words(page, "you").first.click()
    at, playing_still = state(page, "you")
    assert not playing_still
    assert 0.5 <= at < 2
    expect(page.locator(".heard .now")).to_have_count(0)


def test_words_are_text_whatever_they_say(app: Served, page: Page, call: str) -> None:
    visit(page, f"{app.url}/?c={call}")
    expect(words(page, "you").nth(3)).to_have_text("<b>slowly</b>.")
    assert page.locator(".heard b").count() == 0
    expect(page.locator('[class*="st-key-bubble-"]').first).to_contain_text(ENGLISH.text)


def test_a_spoken_answer_is_heard_by_its_words_too_and_one_recording_at_a_time(
    app: Served, page: Page, call: str
) -> None:
    visit(page, f"{app.url}/?c={call}")
    words(page, "you").first.click()
    plays(page, "you", 0.5)
    expect(page.locator('[class*="st-key-parlor-"] .heard')).to_have_text(CHINESE.text)
    expect(page.locator('[class*="st-key-parlor-"] audio')).not_to_be_visible()
    words(page, "parlor").nth(2).click()
    plays(page, "parlor", 1.5)
    assert not state(page, "you")[1]
    page.keyboard.press("Escape")
    assert not state(page, "parlor")[1]
    press(page, "Listen")
    expect(page.locator('[class*="st-key-parlor-"] audio')).to_be_visible()
    plays(page, "parlor", 0.0)
    expect(words(page, "parlor").nth(1)).to_have_class("word now")


def test_the_keyboard_reaches_every_word(app: Served, page: Page, call: str) -> None:
    visit(page, f"{app.url}/?c={call}")
    expect(words(page, "you")).to_have_count(4)
    assert words(page, "you").evaluate_all("(all) => all.map((word) => word.tabIndex)") == [0, -1, -1, -1]
    words(page, "you").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    plays(page, "you", 2.0)
    page.keyboard.press("Escape")
    assert not state(page, "you")[1]
    page.keyboard.press("End")
    page.keyboard.press(" ")
    plays(page, "you", 2.8)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    plays(page, "you", 2.0)
