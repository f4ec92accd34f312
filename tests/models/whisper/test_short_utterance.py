"""The quick way to hear a turn of a call: the same words as in full, none where nobody speaks, each with its time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.catalogue.spec import ModelSpec
from core.errors import BadInput
from core.runtime.worker import Worker
from core.types.generation import Aligned, Segment
from core.types.messages import Audio
from models.whisper import engine as whisper
from models.whisper import repetition as repeats
from models.whisper import short_utterance as hear
from models.whisper import speech_spans as silero
from models.whisper.short_utterance import Quick
from tests.sound import sounds
from tests.sound.recordings import recording, recordings
from tests.sound.scoring import cer, characters, edits, words
from tests.sound.talk import spoken
from tests.tiny.tiny_whisper import write_tiny_whisper

BASE = ModelSpec("whisper-base", "Whisper base", "hear", "whisper", "MIT", ("en", "zh"), 0, "", ())

QUIET = {
    "silence": sounds.silence(2),
    "white noise": sounds.white_noise(2),
    "pink noise": sounds.pink_noise(2),
    "typing": sounds.clicks(2),
    "music": sounds.music(2),
    "mains hum": sounds.hum(2),
    "a siren": sounds.sweep(2),
    "nothing": Audio(b"", sounds.RATE),
    "a click": Audio(bytes(200), sounds.RATE),
}


LEISURE = recording("en_leisure").audio


@pytest.fixture(scope="module")
def ear(models_home: Path) -> Iterator[whisper.Whisper]:
    engine = whisper.load(BASE, models_home / BASE.id)
    yield engine
    engine.close()


def turn(audio: Audio) -> Audio:
    """As a call cuts it out, with a little silence around it."""
    return sounds.joined(sounds.silence(0.2), audio, sounds.silence(0.2))


@pytest.mark.models
def test_a_turn_is_one_segment_and_then_the_times_of_its_words(ear: whisper.Whisper) -> None:
    for one in (recording("en_leisure"), recording("zh_email")):
        audio = turn(one.audio)
        segment, aligned = ear.hear(audio)
        assert isinstance(segment, Segment)
        assert isinstance(aligned, Aligned)
        assert (segment.language, segment.words) == (one.language, ())
        assert "".join(word.text for word in aligned.words) == segment.text
        assert all(before.start <= after.start for before, after in itertools.pairwise(aligned.words))
        assert 0 <= aligned.words[0].start < 1
        assert aligned.words[-1].end <= audio.seconds


@pytest.mark.models
def test_nearly_all_words_of_clean_speech_are_right(ear: whisper.Whisper) -> None:
    for language, units in (("en", words), ("zh", characters)):
        wrong = total = 0
        for one in recordings(language):
            (segment,) = ear.hear(turn(one.audio), words=False)
            wrong += edits(units(one.text), units(segment.text))
            total += len(units(one.text))
        assert wrong <= 0.08 * total


@pytest.mark.models
@pytest.mark.parametrize("name", QUIET)
def test_no_words_come_from(ear: whisper.Whisper, name: str) -> None:
    for language, timed in itertools.product(("", "en", "zh"), (True, False)):
        assert list(ear.hear(QUIET[name], language, words=timed)) == []


@pytest.mark.models
def test_whispered_levels_are_heard(ear: whisper.Whisper) -> None:
    (segment,) = ear.hear(turn(sounds.at_level(recording("zh_park").audio, -55)), words=False)
    assert cer(recording("zh_park").text, segment.text) <= 0.05


@pytest.mark.models
def test_mandarin_comes_in_the_characters_asked_for(ear: whisper.Whisper) -> None:
    audio = turn(recording("zh_park").audio)
    for script, wanted in (("simplified", "今天天气很好"), ("traditional", "今天天氣很好")):
        segment, aligned = ear.hear(audio, script=script)
        assert segment.text.startswith(wanted)
        assert "".join(word.text for word in aligned.words).startswith(wanted)


@pytest.mark.models
def test_the_language_may_change_from_turn_to_turn(ear: whisper.Whisper) -> None:
    for name, hint in (("en_leisure", "zh"), ("zh_park", "en")):
        (segment,) = ear.hear(turn(recording(name).audio), hint=hint, words=False)
        assert segment.language == recording(name).language


@pytest.mark.models
def test_a_short_sentence_after_the_other_language_is_in_its_own(ear: whisper.Whisper, models_home: Path) -> None:
    english = ("Thank you very much.", "Yes, that sounds good.", "Say that again, please.", "What a lovely day!")
    chinese = ("请再说一遍。", "非常感谢你的帮助。", "好的，没问题。", "请把灯关掉。")
    for own, other, sentences in (("en", "zh", english), ("zh", "en", chinese)):
        for audio in spoken(models_home, *sentences):
            said = turn(audio)
            noise = sounds.white_noise(said.seconds, sounds.level_of(said) - 10)
            for sound, hint in itertools.product((said, sounds.mixed(said, noise)), (own, other)):
                (segment,) = ear.hear(sound, hint=hint, words=False)
                assert segment.language == own


@pytest.mark.models
def test_what_cannot_be_told_is_in_the_language_spoken_before(ear: whisper.Whisper) -> None:
    brief = Audio(recording("zh_park").audio.pcm[: 2 * 6400], sounds.RATE)
    for hint in ("en", "zh"):
        found = list(ear.hear(brief, hint=hint))
        assert all(one.language == hint for one in found if isinstance(one, Segment))


@pytest.mark.models
def test_speech_cut_off_anywhere_gives_captions_without_loops(ear: whisper.Whisper) -> None:
    for one in (recording("en_leisure"), recording("zh_email")):
        for part in (0.2, 0.4, 0.6, 0.8):
            cut = Audio(one.audio.pcm[: int(len(one.audio.pcm) * part) // 2 * 2], one.audio.rate)
            for segment in ear.hear(cut, words=False):
                assert not repeats.is_looped(segment.text)
                assert len(segment.text) <= len(one.text)


@pytest.mark.models
def test_closed_before_its_words_are_timed_it_is_ready_for_the_next(ear: whisper.Whisper) -> None:
    for _ in range(3):
        stream = ear.hear(turn(recording("zh_park").audio))
        assert isinstance(next(stream), Segment)
        stream.close()  # type: ignore[attr-defined]
    assert len(list(ear.hear(turn(recording("zh_park").audio)))) == 2


@pytest.mark.models
def test_more_than_half_a_minute_is_heard_in_full(ear: whisper.Whisper) -> None:
    clips = [one.audio for language in ("en", "zh") for one in recordings(language)]
    long = sounds.joined(*(part for clip in clips for part in (clip, sounds.silence(2))))
    assert long.seconds > whisper.WINDOW
    segment, aligned = ear.hear(long)
    assert segment.language == "en"
    assert "leisure" in segment.text
    assert aligned.words[-1].end > whisper.WINDOW


@pytest.mark.models
def test_both_values_cross_the_pipe_to_a_worker(models_home: Path, tmp_path: Path) -> None:
    worker = Worker(BASE, models_home / BASE.id, tmp_path / "log")
    assert all(worker.opening())
    audio = turn(recording("zh_park").audio)
    found = [type(item) for item in worker.call("hear", audio, "", "simplified", "zh", True)]
    assert [each for each in found if each in (Segment, Aligned)] == [Segment, Aligned]
    worker.kill()


def test_a_model_that_knows_nothing_is_not_believed(tmp_path: Path) -> None:
    write_tiny_whisper(tmp_path)
    engine = whisper.load(BASE, tmp_path)
    assert list(engine.hear(sounds.white_noise(1), words=False)) == []
    with pytest.raises(BadInput, match="klingon"):
        next(engine.hear(sounds.silence(1), "klingon"))
    engine.close()


def quick(text: str, log_probability: float = -0.3, no_speech: float = 0.1, ended: bool = True) -> Quick:
    return Quick(text, (1,), 0.0, 1.0, log_probability, no_speech, ended)


@pytest.mark.parametrize(
    ("heard", "nothing", "doubtful"),
    [
        (quick(" How far is it from Paris to London?"), False, False),
        (quick(" The spider slept on the lamp. The spider slept on the lamp."), False, True),
        (quick("我的手机又坏了。我的手机又坏了。"), False, True),
        (quick(" Mr. John Dex, Mr. John Dex, Mr. John"), False, True),
        (quick("好的好的"), False, False),
        (quick(" Yes.", log_probability=-1.2), False, True),
        (quick(" Yes, and then", ended=False), False, True),
        (quick(" How do I boil an egg?", no_speech=0.75), True, False),
        (quick(" in Brazil.", no_speech=0.79, log_probability=-0.9), True, True),
        (quick(" Thank you.", no_speech=0.55, log_probability=-1.1), True, True),
        (quick(" I", log_probability=-2), True, True),
        (quick(" ..."), True, True),
    ],
)
def test_what_is_believed_what_is_decoded_again_and_what_nobody_said(
    heard: Quick, nothing: bool, doubtful: bool
) -> None:
    noise, speech = (silero.normalise_level(sound.pcm, 0, len(sound.pcm) // 2) for sound in (QUIET["music"], LEISURE))
    assert (heard.silent(noise), heard.doubtful) == (nothing, doubtful)
    assert not heard.silent(speech), "somebody speaks there, whatever the decoder makes of it"


@pytest.mark.parametrize("name", QUIET)
def test_how_surely_somebody_speaks_is_known_without_words(name: str) -> None:
    pcm = turn(QUIET[name]).pcm
    assert silero.certainty(silero.normalise_level(pcm, 0, len(pcm) // 2)) < 0.7
    for one in recordings("en") + recordings("zh"):
        pcm = turn(one.audio).pcm
        assert silero.certainty(silero.normalise_level(pcm, 0, len(pcm) // 2)) > 0.95


@pytest.mark.models
def test_only_a_few_lengths_are_ever_encoded(ear: whisper.Whisper) -> None:
    lengths = {
        hear.encode(ear._model, np.zeros((80, frames), np.float32), hear.FINAL).shape[1] for frames in range(30, 330, 7)
    }
    assert len(lengths) <= 9


def test_half_of_the_cores_are_left_to_others() -> None:
    assert [whisper.threads(cores) for cores in (1, 2, 4, 8, 32)] == [1, 1, 2, 4, 4]
