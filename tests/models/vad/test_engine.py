"""Noticing speech as it comes in: whispering is heard, what is no speech is not, and nothing is lost between chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.catalogue.load import load
from core.errors import EngineFailed
from core.runtime.protocols import open_engine
from core.runtime.worker import Worker
from core.types.messages import Audio
from models.vad import engine as silero_live
from tests.sound import sounds
from tests.sound.recordings import recordings

SPEC = load().find("silero-vad")
FRAME = silero_live.FRAME


@pytest.fixture(scope="module")
def detector(models_home: Path) -> Iterator[silero_live.SileroLive]:
    engine = open_engine(SPEC, models_home / SPEC.id)
    yield engine
    engine.close()


def scores(detector: silero_live.SileroLive, *sound: Audio) -> list[float]:
    """Of the sounds after one another, from a fresh start."""
    assert list(detector.reset()) == []
    return list(detector.detect(sounds.joined(*sound).pcm))


def frames(seconds: float) -> int:
    return int(seconds * sounds.RATE) // FRAME


def spoken(found: list[float]) -> float:
    """The share of frames that are taken for speech."""
    return float(np.mean(np.array(found) > 0.5))


def everybody() -> list[Audio]:
    return [one.audio for language in ("en", "zh") for one in recordings(language)]


@pytest.mark.models
@pytest.mark.parametrize("level", [-15, -30, -50, -60])
def test_speech_is_noticed_however_softly_it_comes(detector: silero_live.SileroLive, level: float) -> None:
    for audio in everybody():
        found = scores(detector, sounds.silence(2), sounds.at_level(audio, level))[frames(2) :]
        assert spoken(found) > 0.95 * spoken(scores(detector, sounds.at_level(audio, -20)))
        assert max(found[:25]) > 0.5, "within 0.8 s; two of the recordings begin with 0.3 s of breath"


@pytest.mark.models
@pytest.mark.parametrize(
    "sound",
    [
        sounds.silence(),
        sounds.white_noise(),
        sounds.white_noise(level=-8, seed=1),
        sounds.white_noise(level=-70, seed=2),
        sounds.pink_noise(),
        sounds.hum(),
        sounds.tone(),
        sounds.sweep(),
        sounds.clicks(),
        sounds.clicks(level=-50, seed=3),
        sounds.music(20),
        sounds.music(20, level=-12, seed=10, beat=0.25),
    ],
)
def test_what_is_no_speech_never_sounds_like_it_for_two_frames(detector: silero_live.SileroLive, sound: Audio) -> None:
    found = np.array(scores(detector, sound)) > 0.5
    assert not (found[1:] & found[:-1]).any()


@pytest.mark.models
@pytest.mark.parametrize("voices", [8, 16])
def test_many_voices_behind_are_no_voice_in_front(detector: silero_live.SileroLive, voices: int) -> None:
    talk = sounds.babble(everybody(), 30, voices=voices)
    assert spoken(scores(detector, talk)) < 0.1


@pytest.mark.models
def test_who_is_louder_than_the_talk_behind_is_heard(detector: silero_live.SileroLive) -> None:
    talk = sounds.babble(everybody(), 24, level=-40, voices=8)
    for audio in everybody()[:4]:
        front = sounds.joined(sounds.silence(16), sounds.at_level(audio, -26))
        found = scores(detector, sounds.mixed(talk, front))[frames(16) : frames(16 + audio.seconds)]
        assert spoken(found) > 0.9 * spoken(scores(detector, audio))


@pytest.mark.models
@pytest.mark.parametrize(
    "noise", [sounds.white_noise(30), sounds.music(30, level=-12, seed=10, beat=0.25), sounds.hum(30)]
)
def test_a_long_noise_does_not_deafen(detector: silero_live.SileroLive, noise: Audio) -> None:
    before = frames(noise.seconds)
    for audio in everybody()[:4]:
        alone = spoken(scores(detector, sounds.at_level(audio, -20)))
        assert spoken(scores(detector, noise, sounds.at_level(audio, -20))[before:]) > 0.9 * alone


@pytest.mark.models
def test_the_pieces_that_sound_comes_in_make_no_difference(detector: silero_live.SileroLive) -> None:
    pcm = everybody()[0].pcm
    whole = scores(detector, everybody()[0])
    assert len(whole) == len(pcm) // 2 // FRAME
    for size in (2, 640, 1024, 3000):
        list(detector.reset())
        pieces = [score for at in range(0, len(pcm), size) for score in detector.detect(pcm[at : at + size])]
        assert pieces == whole


@pytest.mark.models
def test_frames_of_a_call_that_was_closed_come_first_in_the_next(detector: silero_live.SileroLive) -> None:
    pcm = everybody()[0].pcm[: 2 * FRAME * 10]
    whole = scores(detector, everybody()[0])[:10]
    list(detector.reset())
    first = detector.detect(pcm)
    found = [next(first), next(first)]
    first.close()  # type: ignore[attr-defined]
    assert found + list(detector.detect(b"")) == whole


@pytest.mark.models
def test_in_a_process_of_its_own_it_keeps_the_state_between_calls(models_home: Path, tmp_path: Path) -> None:
    worker = Worker(SPEC, models_home / SPEC.id, tmp_path / "log")
    assert all(worker.opening())
    pcm = everybody()[0].pcm[: 2 * FRAME * 60]
    half = len(pcm) // 2
    found = [item for part in (pcm[:half], pcm[half:]) for item in worker.call("detect", part) if type(item) is float]
    assert len(found) == 60
    assert max(found) > 0.5
    assert [item for item in worker.call("reset") if type(item) is float] == []
    worker.kill()


def test_a_file_that_is_no_model_is_named_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "silero_vad.onnx").write_bytes(b"not a model")
    with pytest.raises(EngineFailed, match="install it again"):
        silero_live.load(replace(SPEC, name="Mine"), tmp_path)
    with pytest.raises(EngineFailed, match="Mine"):
        silero_live.load(replace(SPEC, name="Mine"), tmp_path / "nowhere")
