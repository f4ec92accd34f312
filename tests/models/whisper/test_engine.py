"""Hearing: what is said is written down, in the characters asked for, and nothing is written that nobody said."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.catalogue.spec import ModelSpec
from core.errors import BadInput, EngineFailed
from core.types.generation import Segment
from core.types.messages import Audio
from core.types.provenance import Scalar
from models.whisper import chinese_script as mandarin
from models.whisper import engine as whisper
from models.whisper import repetition as repeats
from models.whisper import speech_spans as silero
from models.whisper.hallucination import spoken_words
from tests.sound import sounds
from tests.sound.recordings import recording, recordings
from tests.sound.scoring import cer, edits, wer, words
from tests.sound.sounds import joined, silence
from tests.tiny.tiny_whisper import write_tiny_whisper

BASE = ModelSpec("whisper-base", "Whisper base", "hear", "whisper", "MIT", ("en", "zh"), 0, "", ())

QUIET = {
    "silence": sounds.silence(),
    "white noise": sounds.white_noise(),
    "loud white noise": sounds.white_noise(level=-8, seed=1),
    "faint white noise": sounds.white_noise(level=-70, seed=2),
    "pink noise": sounds.pink_noise(),
    "mains hum": sounds.hum(),
    "a tone": sounds.tone(),
    "a low tone": sounds.tone(hz=220, level=-10),
    "a siren": sounds.sweep(),
    "typing": sounds.clicks(),
    "music": sounds.music(),
    "fast music": sounds.music(level=-12, seed=10, beat=0.25),
    "a minute of music": sounds.music(60, seed=3),
}


@pytest.fixture(scope="module")
def ear(models_home: Path) -> Iterator[whisper.Whisper]:
    engine = whisper.load(BASE, models_home / BASE.id)
    yield engine
    engine.close()


def heard(ear: whisper.Whisper, audio: Audio, language: str = "", script: str = "simplified") -> str:
    return "".join(segment.text for segment in ear.transcribe(audio, language, script)).strip()


@pytest.mark.models
def test_at_most_five_words_of_a_hundred_are_wrong_in_clean_english(ear: whisper.Whisper) -> None:
    wrong = sum(edits(words(one.text), words(heard(ear, one.audio))) for one in recordings("en"))
    assert wrong <= 0.05 * sum(len(words(one.text)) for one in recordings("en"))


@pytest.mark.models
def test_at_most_five_characters_of_a_hundred_are_wrong_in_clean_chinese(ear: whisper.Whisper) -> None:
    said = recordings("zh")
    wrong = sum(cer(one.text, heard(ear, one.audio)) * len(one.text) for one in said)
    assert wrong <= 0.05 * sum(len(one.text) for one in said)


@pytest.mark.models
@pytest.mark.parametrize("name", QUIET)
def test_no_words_come_from(ear: whisper.Whisper, name: str) -> None:
    assert heard(ear, QUIET[name]) == ""


@pytest.mark.models
def test_what_the_voice_detector_lets_through_is_not_believed_either(
    ear: whisper.Whisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whisper, "spans", lambda pcm: iter([(0, len(pcm) // 2)]))
    for language, sound in itertools.product(("en", "zh"), (silence(5), sounds.pink_noise(5), sounds.clicks(5))):
        assert heard(ear, sound, language) == ""


@pytest.mark.models
def test_speech_after_noise_and_after_music_is_heard(ear: whisper.Whisper) -> None:
    english, chinese = recording("en_leisure"), recording("zh_program")
    assert wer(english.text, heard(ear, joined(sounds.white_noise(10, -25), english.audio))) <= 0.05
    assert cer(chinese.text, heard(ear, joined(sounds.music(10), chinese.audio))) <= 0.05


@pytest.mark.models
def test_whispered_levels_are_heard(ear: whisper.Whisper) -> None:
    english, chinese = recording("en_leisure"), recording("zh_program")
    for level in (-40, -55):
        assert wer(english.text, heard(ear, sounds.at_level(english.audio, level))) <= 0.05
        assert cer(chinese.text, heard(ear, sounds.at_level(chinese.audio, level))) <= 0.05


@pytest.mark.models
def test_the_language_may_change_at_a_breath(ear: whisper.Whisper) -> None:
    english, chinese = recording("en_young_man"), recording("zh_park")
    segments = list(ear.transcribe(joined(english.audio, silence(0.6), chinese.audio)))
    assert [segment.language for segment in segments] == ["en", "zh"]
    assert wer(english.text, segments[0].text) <= 0.15
    assert cer(chinese.text, segments[1].text) <= 0.05


@pytest.mark.models
def test_mandarin_comes_in_the_characters_asked_for_and_with_its_punctuation(ear: whisper.Whisper) -> None:
    audio = recording("zh_park").audio
    assert heard(ear, audio) == "今天天气很好，我们一起去公园散步吧。"
    assert heard(ear, audio, script="traditional") == "今天天氣很好，我們一起去公園散步吧。"


@pytest.mark.models
def test_words_have_their_times_in_the_whole_recording(ear: whisper.Whisper) -> None:
    audio = recording("en_leisure").audio
    segments = list(ear.transcribe(joined(silence(4), audio)))
    timed = [word for segment in segments for word in segment.words]
    assert "".join(word.text for word in timed) == "".join(segment.text for segment in segments)
    assert all(before.start <= after.start for before, after in itertools.pairwise(timed))
    assert 3.7 < timed[0].start < 5 and 9 < timed[-1].end <= 4 + audio.seconds  # noqa: PT018


@pytest.mark.models
def test_a_call_closed_in_the_middle_leaves_the_engine_ready(ear: whisper.Whisper) -> None:
    stream = ear.transcribe(joined(recording("en_young_man").audio, silence(3), recording("zh_park").audio))
    assert next(stream).language == "en"
    stream.close()  # type: ignore[attr-defined]
    assert heard(ear, recording("zh_park").audio).startswith("今天天气")


@pytest.mark.models
def test_a_recording_at_another_rate_is_heard(ear: whisper.Whisper) -> None:
    from core.media.audio import resampled

    assert wer(recording("en_leisure").text, heard(ear, resampled(recording("en_leisure").audio, 44_100))) <= 0.05


def test_an_hour_is_looked_through_in_the_memory_of_five_minutes() -> None:
    talk = joined(recording("en_leisure").audio, silence(3)).pcm
    hour = talk * int(3600 * sounds.RATE * 2 / len(talk))
    tracemalloc.start()
    first = list(itertools.islice(silero.spans(hour), 40))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all(start < end <= start + 30 * silero.RATE for start, end in first)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(first))
    assert peak < 120_000_000


def test_speech_that_runs_over_the_end_of_a_block_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    pcm = joined(recording("en_young_man").audio, silence(2), recording("en_leisure").audio).pcm
    whole = list(silero.spans(pcm))
    monkeypatch.setattr(silero, "BLOCK", 7.0)
    assert abs(len(list(silero.spans(pcm))) - len(whole)) <= 1
    assert list(silero.spans(pcm))[-1][1] == whole[-1][1]


def test_a_phrase_that_loops_is_said_once() -> None:
    looped = [" I", " am", " going", " to"] + [" say", " it"] * 9 + [" now"]
    kept = repeats.without_loops(tuple((text, None) for text in looped))
    assert "".join(text for text, _ in kept) == " I am going to say it now"
    assert len(repeats.without_loops(tuple((text, None) for text in [" no"] * 4))) == 4


def test_words_keep_their_places_when_the_script_changes() -> None:
    assert mandarin.convert_script(["頭", "髮", ",", "發現"], "simplified") == ["头", "发", "，", "发现"]
    assert mandarin.convert_script(["头", "发", "?", " Python", ", 3.5"], "traditional") == [
        "頭",
        "髮",
        "？",
        " Python",
        ", 3.5",
    ]


@pytest.mark.parametrize(
    ("text", "speech"),
    [("以下是普通话的句子。", False), ("这次是普通话的句子。", False), ("我想听一下，什么是普通话的句子？", True)],
)
def test_a_prompt_that_comes_back_is_no_speech(text: str, speech: bool) -> None:
    heard = SimpleNamespace(text=text, words=[text], avg_logprob=-0.4, no_speech_prob=0.1, compression_ratio=1)
    assert spoken_words(heard, np.zeros(0, np.float32)) is speech


def test_a_model_of_the_real_architecture_is_opened_without_network_and_streams(tmp_path: Path) -> None:
    write_tiny_whisper(tmp_path)
    engine = whisper.load(BASE, tmp_path)
    assert engine.build.device in ("cpu", "cuda")
    assert all(isinstance(one, Segment) for one in engine.transcribe(recording("en_young_man").audio))
    with pytest.raises(BadInput, match="klingon"):
        next(engine.transcribe(silence(1), "klingon"))
    engine.close()


def test_told_to_compute_on_the_cpu_it_leaves_the_gpu_alone(tmp_path: Path) -> None:
    write_tiny_whisper(tmp_path)
    engine = whisper.load(replace(BASE, defaults=(("device", "cpu"),)), tmp_path)
    assert (engine.build.device, engine.build.note, engine.gpu_bytes()) == ("cpu", "", 0)
    engine.close()


@pytest.mark.parametrize(
    ("defaults", "devices", "gpu"),
    [({}, 1, True), ({"device": "cuda"}, 2, True), ({"device": "cpu"}, 1, False), ({"device": "cuda"}, 0, False)],
)
def test_cuda_is_used_where_it_is_and_is_not_ruled_out(defaults: dict[str, Scalar], devices: int, gpu: bool) -> None:
    assert whisper.on_gpu(defaults, devices) is gpu


def test_files_that_are_no_model_are_named_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"not a model")
    with pytest.raises(EngineFailed, match="install it again"):
        whisper.load(BASE, tmp_path)


def test_doctor_learns_what_the_engine_was_built_with() -> None:
    assert {"faster-whisper", "ctranslate2", "cpu"} <= whisper.build().keys()


@pytest.mark.parametrize(
    ("text", "said_once"),
    [
        ("这些东西一共23.5元。这些东西一共23.5元。", True),
        (" The train leaves at ten. The train leaves at ten.", True),
        ("你好你好", False),
        (" Yes, yes, yes.", False),
        (" It is what it is.", False),
    ],
)
def test_a_whole_sentence_written_twice_is_decoded_again(text: str, said_once: bool) -> None:
    assert repeats.is_doubled(text) == said_once
