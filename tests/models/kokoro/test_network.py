"""The network without the silence around speech: which frames are computed and what they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.catalogue.load import load
from core.runtime.protocols import TTS
from models.kokoro import engine as kokoro
from models.kokoro import network as kokoro_net
from tests.models.kokoro.helpers import samples, sound


@pytest.fixture(scope="module")
def whole(models_home: Path) -> Iterator[TTS]:
    """The same voice on the graph as it lies in the file, silence and all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kokoro_net, "halves", lambda model: None)
        engine = kokoro.load(load().find("kokoro"), models_home / "kokoro")
    yield engine
    engine.close()


def loudness(wave: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(wave**2))))


@pytest.mark.models
@pytest.mark.parametrize(
    "text", ["Sure, I can.", "The capital of France is Paris.", "当然可以。", "今天天气很好，我们去公园吧。"]
)
def test_silence_that_is_not_computed_changes_neither_loudness_nor_length(speaker: TTS, whole: TTS, text: str) -> None:
    ours, theirs = (samples(sound(engine.speak(text))) for engine in (speaker, whole))
    assert abs(len(ours) - len(theirs)) < 0.1 * kokoro.RATE
    assert abs(loudness(ours) - loudness(theirs)) < 1.0


def test_frames_of_silence_stand_for_those_that_are_left_out() -> None:
    first, last, shares = kokoro_net.window(np.array([20, 2, 3, 4, 13, 9, 1]), "ʃˈʊɹ.")
    assert (first, last) == (20 - 3 - 3, 52 - 9 - 1 + 4 + 3)
    assert shares.sum() == pytest.approx(1)
    assert shares[:3].sum() == pytest.approx(17 / 52)
    assert shares[3:-3] == pytest.approx(1 / 52)
    assert shares[-3:].sum() == pytest.approx(6 / 52)


def test_where_there_is_no_silence_every_frame_counts_once() -> None:
    first, last, shares = kokoro_net.window(np.array([1, 5, 5, 1]), "ab")
    assert (first, last) == (0, 12)
    assert shares == pytest.approx(1 / 12)


def test_all_cores_compute_as_they_sleep_when_they_wait() -> None:
    assert [kokoro_net.threads(cores) for cores in (1, 2, 8, 64)] == [1, 2, 4, 4]
