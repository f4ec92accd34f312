"""A live call, what a person does in it and what goes wrong with it, with the real starter models and no browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import psutil
import pytest

from core.app.app import App
from core.call.events import PhaseChanged
from core.call.session import Call
from core.call.transport import CallOptions
from core.errors import BadInput
from core.types.messages import Audio, Transcript
from tests.support.held_call import FRANCE, JAPAN, STORY, Held, answering, do, idle

pytestmark = pytest.mark.models

CHINESE = "法国的首都是哪里？"


def test_what_is_said_on_both_sides_is_heard_answered_and_kept(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say(FRANCE), idle, say(JAPAN))
    first, second = held.finals("you")
    assert "capital of france" in first.lower()
    assert "japan" in second.lower()
    assert len(held.finals("parlor")) == 2
    assert [message.role for message in held.kept] == ["user", "assistant"] * 2
    for message in held.kept:
        sound, words = message.parts
        assert isinstance(sound, Audio)
        assert isinstance(words, Transcript)
        assert "".join(word.text for word in words.words).split() == words.text.split()
        times = [time for word in words.words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert times[-1] <= sound.seconds + 0.05
    known = app.store.conversation(held.call.conversation)
    assert known
    assert "France" in known.title


def test_a_call_changes_its_language_in_mid_talk(app: App, say: Callable[[str], Audio]) -> None:
    app.settings = replace(app.settings, chat="qwen2.5-coder-1.5b-instruct")
    held = Held(app).over(0.5, say(CHINESE), idle, say(FRANCE))
    app.settings = replace(app.settings, chat="smollm2-135m-instruct")
    languages = [part.language for message in held.kept[::2] for part in message.parts if isinstance(part, Transcript)]
    assert languages == ["zh", "en"]
    assert "巴黎" in held.finals("parlor")[0]
    assert "Paris" in held.finals("parlor")[1]


def test_words_said_before_hanging_up_are_kept_and_the_next_call_can_begin_at_once(
    app: App, say: Callable[[str], Audio]
) -> None:
    later: list[Call] = []

    def again(held: Held) -> None:
        held.call.hang_up()
        later.append(app.calls.start("", CallOptions()))

    whole = say("Please tell me what the capital of Japan looks like in the evening.")
    held = Held(app).over(0.5, Audio(whole.pcm[: -2 * 16_000], 16_000), do(again), 2.0)
    [question] = held.kept
    assert "capital" in question.text
    assert [app.calls.current()] == later


def test_a_lost_line_holds_the_call_and_keeps_what_was_said(app: App, say: Callable[[str], Audio]) -> None:
    def lose(held: Held) -> None:
        transport = held.call.transport
        assert transport
        held.call.disconnect(transport)
        held.call.connect(transport)

    held = Held(app).over(0.5, say(STORY), answering, do(lose), idle, say(FRANCE))
    assert "held" in [phased.phase for phased in held.all(PhaseChanged)]
    assert held.kept[1].cut
    assert "France" in held.finals("you")[-1]
    assert len(held.kept) == 4


def test_an_engine_that_dies_in_mid_answer_is_told_of_and_nothing_said_is_lost(
    app: App, say: Callable[[str], Audio]
) -> None:
    def kill(held: Held) -> None:
        for child in psutil.Process().children(recursive=True):
            child.kill()

    held = Held(app).over(0.5, say(STORY), answering, do(kill), 1.0, idle, say(FRANCE))
    assert held.kept[0].text
    assert held.kept[1].text
    assert "France" in held.finals("you")[-1]
    assert len(held.kept) == 4


def test_a_second_call_is_refused_while_one_goes_on(app: App) -> None:
    held = Held(app)
    with pytest.raises(BadInput):
        app.calls.start("", CallOptions())
    held.over(0.5)
    assert app.calls.current() is None


def test_nothing_is_left_of_a_call(app: App, say: Callable[[str], Audio]) -> None:
    before = {thread.name for thread in threading.enumerate()}
    Held(app).over(0.5, say(FRANCE))
    until = time.monotonic() + 10
    while {thread.name for thread in threading.enumerate() if thread.name.startswith("call")} - before:
        assert time.monotonic() < until, [thread.name for thread in threading.enumerate()]
        time.sleep(0.05)
    assert not list((app.settings.home / "calls").glob("*"))
