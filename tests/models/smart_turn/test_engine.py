"""Whether a turn is over: the features are the model's own, and a question sounds more finished than half of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.catalogue.load import load
from core.errors import EngineFailed
from core.media.audio import resampled
from core.runtime.protocols import open_engine
from core.types.messages import Audio
from models.smart_turn import engine as smart_turn
from models.smart_turn.log_mel import log_mel
from tests.sound import sounds
from tests.sound.recordings import recording, recordings

SPEC = load().find("smart-turn")


@pytest.fixture(scope="module")
def judge(models_home: Path) -> Iterator[smart_turn.SmartTurn]:
    engine = open_engine(SPEC, models_home / SPEC.id)
    yield engine
    engine.close()


def finished(judge: smart_turn.SmartTurn, audio: Audio, silence: float = 0.2) -> float:
    """The one probability, with so much silence after ``audio``."""
    (probability,) = judge.judge(sounds.joined(audio, sounds.silence(silence)))
    return probability


@pytest.mark.parametrize(("bands", "seconds"), [(80, 8), (80, 3), (128, 30)])
def test_the_features_are_those_of_transformers(bands: int, seconds: int) -> None:
    from transformers import WhisperFeatureExtractor

    audio = sounds.samples(recordings("en")[0].audio).astype(np.float32)
    audio = np.resize(audio, seconds * sounds.RATE)
    theirs = WhisperFeatureExtractor(feature_size=bands, chunk_length=seconds)
    wanted = theirs(audio, sampling_rate=sounds.RATE, return_tensors="np").input_features[0]
    assert log_mel(audio, bands).shape == wanted.shape
    assert np.abs(log_mel(audio, bands) - wanted).max() < 1e-4


@pytest.mark.models
def test_a_sentence_is_over_at_its_end_and_not_in_its_middle(judge: smart_turn.SmartTurn) -> None:
    for name in ("en_leisure", "zh_park", "zh_email", "zh_girl"):
        assert finished(judge, recording(name).audio) > 0.9
    middle = recording("zh_park").audio
    assert finished(judge, Audio(middle.pcm[: len(middle.pcm) // 4 * 2], middle.rate)) < 0.1


@pytest.mark.models
def test_only_the_last_eight_seconds_count(judge: smart_turn.SmartTurn) -> None:
    end = sounds.joined(sounds.silence(3), recording("zh_park").audio)
    assert end.seconds < 8
    front = sounds.white_noise(8 - end.seconds, seed=1)
    whole = sounds.joined(sounds.music(5), front, end)
    assert finished(judge, whole, 0) == finished(judge, sounds.joined(front, end), 0)


@pytest.mark.models
def test_loudness_makes_no_difference(judge: smart_turn.SmartTurn) -> None:
    for name in ("en_leisure", "zh_park"):
        assert finished(judge, sounds.at_level(recording(name).audio, -50)) > 0.9


@pytest.mark.models
def test_another_rate_nothing_at_all_and_silence_are_judged(judge: smart_turn.SmartTurn) -> None:
    audio = sounds.joined(recording("zh_park").audio, sounds.silence(0.2))
    (probability,) = judge.judge(resampled(audio, 48_000))
    assert probability > 0.9
    for quiet in (Audio(b"", sounds.RATE), sounds.silence(1)):
        (probability,) = judge.judge(quiet)
        assert 0 <= probability <= 1


def test_a_file_that_is_no_model_is_named_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "smart-turn.onnx").write_bytes(b"not a model")
    with pytest.raises(EngineFailed, match="Mine cannot be opened"):
        smart_turn.load(replace(SPEC, name="Mine"), tmp_path)
