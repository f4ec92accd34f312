"""Who has the floor in a call: interruptions, what is none, pauses, written words and the key to talk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from core.app.app import App
from core.call.events import Interrupted
from core.call.transport import CallOptions
from core.types.messages import Audio
from tests.sound.sounds import clicks, music, silence, white_noise
from tests.support.held_call import FRANCE, JAPAN, STORY, Held, answering, do, idle

pytestmark = pytest.mark.models


def test_a_pause_in_mid_sentence_is_waited_for(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say("I would like to know, um,"), 0.9, say("what the capital of Japan is."))
    [whole] = held.finals("you")
    assert "Japan" in whole
    assert "like to know" in whole


def test_words_over_an_answer_end_it_and_the_history_keeps_what_was_heard(
    app: App, say: Callable[[str], Audio]
) -> None:
    held = Held(app).over(0.5, say(STORY), answering, say("Wait, what is the capital of Japan?"))
    [interrupted] = held.all(Interrupted)
    answer = held.kept[1]
    assert answer.cut
    assert answer.text == interrupted.heard != ""
    assert "Japan" in held.finals("you")[1]
    assert len(held.kept) == 4


def test_agreement_beside_an_answer_leaves_it_alone(app: App, say: Callable[[str], Audio]) -> None:
    few = app.settings
    app.settings = replace(
        few, sampling=replace(few.sampling, max_tokens=60)
    )  # beside the end of an answer, agreement is an answer to it
    try:
        held = Held(app, still=True).over(0.5, say(STORY), answering, say("Yeah."), 1.0, say("Okay."))
    finally:
        app.settings = few
    assert not held.all(Interrupted)
    assert len(held.kept) == 2
    assert not held.kept[1].cut


def test_typing_and_music_leave_an_answer_alone(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say(STORY), answering, clicks(2.0), 0.5, music(4.0))
    assert not held.all(Interrupted)
    assert len(held.kept) == 2


def test_its_own_voice_in_the_microphone_does_not_interrupt_it(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say(STORY), echo=0.5)
    assert not held.all(Interrupted)
    assert len(held.kept) == 2


def test_stop_is_obeyed_and_not_answered(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say(STORY), answering, say("Stop talking."))
    assert held.all(Interrupted)
    assert len(held.kept) == 3


@pytest.mark.parametrize("sound", [silence(8.0), white_noise(8.0), music(8.0)], ids=["silence", "noise", "music"])
def test_what_is_no_speech_is_not_answered(app: App, sound: Audio) -> None:
    held = Held(app).over(sound)
    assert not held.finals("you")
    assert not held.kept


def test_typed_words_are_a_turn(app: App) -> None:
    held = Held(app).over(do(lambda held: held.call.say(FRANCE)))
    assert held.finals("you") == [FRANCE]
    assert held.finals("parlor")
    assert len(held.kept) == 2


def test_whoever_speaks_before_written_words_are_answered_is_answered_instead(
    app: App, say: Callable[[str], Audio]
) -> None:
    held = Held(app).over(0.5, do(lambda held: held.call.say("Tell me a joke.")), say(FRANCE))
    joke, *_, france, answer = held.kept
    assert joke.text == "Tell me a joke."
    assert "France" in france.text
    assert (answer.role, answer.cut) == ("assistant", False)


def test_with_a_key_only_what_is_said_while_it_is_down_is_heard(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app, CallOptions(push=True))
    held.over(
        *(0.5, say(JAPAN), 1.5),
        *(do(lambda held: held.call.push(True)), 4.0, say(FRANCE), 2.0, do(lambda held: held.call.push(False))),
        *(0.5, idle, say(JAPAN), 0.5),
    )
    [question] = held.finals("you")
    assert "France" in question
    sound = held.kept[0].parts[0]
    assert isinstance(sound, Audio)
    assert sound.seconds < say(FRANCE).seconds + 3.0, "what was waited for the first word is no part of it"
