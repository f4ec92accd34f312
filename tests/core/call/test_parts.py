"""The parts of a call that need no model: what was heard of an answer, echoes, the pieces of a turn, what is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.call.events import Drawing, as_json
from core.call.recorder import RATE, CallRecorder, recover
from core.store.store import Store
from core.turn_taking.echo import Echo, correlation
from core.turn_taking.playback import PlayedAnswer, spread
from core.turn_taking.user_turn import UserTurn
from core.types.messages import Audio, Message, Text, Transcript, Word


def sound(seconds: float, rate: int = 24_000, seed: int = 0, level: float = 0.1) -> Audio:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * rate)) * level
    return Audio((noise.clip(-1, 1) * 32767).astype("<i2").tobytes(), rate)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "parlor.db", tmp_path / "media")


# what was heard


def test_what_was_heard_is_the_words_that_had_sounded() -> None:
    answer = PlayedAnswer()
    answer.add("The capital of France is Paris.", sound(2.0))
    answer.add("It lies on the Seine.", sound(1.5))
    text, heard, words = answer.until(2.6)
    assert text.startswith("The capital of France is Paris. It lies")
    assert "Seine" not in text
    assert heard is not None
    assert heard.seconds == pytest.approx(2.6)
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert words[-1].end <= 2.6 + 0.5


def test_chinese_words_are_characters_with_their_punctuation() -> None:
    assert [word.text for word in spread("你好，世界。", 0.0, 1.0)] == ["你", "好，", "世", "界。"]


def test_a_second_sound_of_a_clause_belongs_to_its_words() -> None:
    answer = PlayedAnswer()
    answer.add("A clause in two sounds.", sound(1.0))
    answer.add("", sound(1.0))
    assert answer.seconds == pytest.approx(2.0)
    assert answer.until(2.0)[0] == "A clause in two sounds."
    assert "two" not in answer.until(0.7)[0]


def test_the_whole_answer_is_kept_whole() -> None:
    answer = PlayedAnswer()
    answer.add("Hello.", sound(1.0))
    text, heard, words = answer.until(float("inf"))
    assert (text, heard, words[-1].end) == ("Hello.", sound(1.0), 1.0)


# echoes


def delayed(audio: Audio, seconds: float, gain: float) -> bytes:
    pcm = np.frombuffer(audio.pcm, "<i2") * gain
    return np.concatenate([np.zeros(round(seconds * audio.rate)), pcm]).astype("<i2").tobytes()


@pytest.mark.parametrize("gain", [1.0, 0.5, 0.1])
def test_an_echo_of_any_loudness_and_delay_is_recognised(gain: float) -> None:
    played = sound(2.0, RATE)
    heard = delayed(played, 0.12, gain)
    share = correlation(heard[2 * 16_000 : 2 * 20_096], played.pcm[: 2 * 24_000])
    assert share > 0.95


def test_somebody_as_loud_as_the_echo_is_no_echo() -> None:
    played, person = sound(2.0, RATE), sound(2.0, RATE, seed=1)
    both = np.frombuffer(played.pcm, "<i2")[8000:12096] / 2 + np.frombuffer(person.pcm, "<i2")[8000:12096] / 2
    assert correlation(both.astype("<i2").tobytes(), played.pcm[: 2 * 16_000]) < 0.6
    assert correlation(person.pcm[16_000:24_192], played.pcm[: 2 * 16_000]) < 0.1


def test_an_echo_is_told_of_only_while_something_is_played() -> None:
    echo, played = Echo(), sound(3.0)
    assert echo.share(bytes(1024), 0.0, 0.9) == 0.0
    echo.play(1, played)
    echo.heard(1, 0.0, at=10.0)
    microphone = delayed(Audio(played.pcm[::1], 24_000), 0.0, 0.5)
    pcm16 = np.frombuffer(microphone, "<i2")
    at16 = np.interp(np.arange(0, len(pcm16), 1.5), np.arange(len(pcm16)), pcm16).astype("<i2").tobytes()
    shares = [echo.share(at16[at : at + 1024], 10.0 + (at + 1024) / 32_000, 0.9) for at in range(0, 32_000, 1024)]
    assert min(shares[10:]) > 0.6
    echo.silent()
    assert echo.share(at16[:1024], 11.0, 0.9) == 0.0


# a turn


def test_a_turn_in_pieces_is_one_message_with_times_from_its_beginning() -> None:
    spoken = UserTurn(1, bytearray(2 * RATE))
    spoken.end(1)
    spoken.heard(1, "First piece.", "en")
    spoken.aligned(1, (Word(" First", 0.1, 0.4, 1.0),))
    spoken.reopen(1, kept=True)
    spoken.sound += bytes(2 * RATE)
    assert len(spoken.end(2)) == 2 * RATE
    assert spoken.text is None, "the second piece is not heard yet"
    spoken.heard(2, "Second piece.", "en")
    spoken.aligned(2, (Word(" Second", 0.2, 0.5, 1.0),))
    audio, transcript = spoken.parts()
    assert isinstance(audio, Audio)
    assert audio.seconds == 2.0
    assert isinstance(transcript, Transcript)
    assert transcript.text == "First piece. Second piece."
    assert [word.start for word in transcript.words] == [0.1, 1.2]


def test_a_pause_that_was_none_is_heard_again_with_what_follows() -> None:
    spoken = UserTurn(1, bytearray(2 * RATE))
    spoken.end(1)
    spoken.heard(1, "I would like", "en")
    spoken.reopen(1, kept=False)
    spoken.sound += bytes(2 * RATE)
    assert len(spoken.end(2)) == 4 * RATE
    spoken.heard(2, "I would like some tea.", "en")
    assert spoken.text == "I would like some tea."


def test_silence_before_the_first_word_is_no_part_of_a_turn_with_a_key() -> None:
    held, spoken = UserTurn(1, waiting=True), UserTurn(2)
    for number in range(100):
        for turn in (held, spoken):
            turn.add(bytes(1024), -100.0 if number < 90 else -20.0, number * 0.032, number >= 90)
    assert len(held.sound) == 2 * round(0.4 * RATE) + 10 * 1024
    assert len(spoken.sound) == 100 * 1024


# what is kept


def test_what_was_being_said_when_the_app_was_killed_is_found_again(store: Store, tmp_path: Path) -> None:
    conversation = store.create()
    first = store.add(conversation, Message("user", (Text("Hello."),)), None)
    recorder = CallRecorder(store, conversation, tmp_path / "calls")
    speech = bytearray(sound(1.7, RATE).pcm)
    for end in range(0, len(speech), 1024):
        recorder.speaking(speech[:end])
    # the app is gone here: nothing was closed or flushed
    assert recover(store, tmp_path / "calls") == 1
    last = store.path(conversation)[-1]
    assert last.parent == first
    [kept] = last.message.parts
    assert isinstance(kept, Audio)
    assert 1.2 <= kept.seconds <= 1.7
    assert kept.pcm == bytes(speech[: len(kept.pcm)])
    assert recover(store, tmp_path / "calls") == 0


def test_a_turn_that_was_kept_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    recorder = CallRecorder(store, store.create(), tmp_path / "calls")
    recorder.speaking(sound(1.0, RATE).pcm)
    recorder.question((Text("Hello."),), None)
    recorder.forget()
    assert not list((tmp_path / "calls").iterdir())


def test_a_question_that_went_on_is_the_same_message(store: Store, tmp_path: Path) -> None:
    conversation = store.create()
    recorder = CallRecorder(store, conversation, tmp_path / "calls")
    first = recorder.question((Text("I would like"),), None)
    assert recorder.question((Text("I would like some tea."),), first) == first
    assert [node.message.text for node in store.path(conversation)] == ["I would like some tea."]


def test_a_picture_that_nobody_waits_for_any_more_leaves_the_page() -> None:
    assert [as_json(Drawing(1, 0.5))["done"], as_json(Drawing(1, dropped=True))["done"]] == [False, True]
