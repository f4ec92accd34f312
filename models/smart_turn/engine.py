"""Whether somebody has finished speaking or only pauses: Smart Turn v3.2 (pipecat-ai/smart-turn, BSD-2-Clause).

Whisper tiny's encoder with a head that says one probability, trained on 23 languages. It hears intonation and the last
words, and was trained on turns that end with some silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.catalogue.spec import ModelSpec
from core.media.audio import resampled
from core.types.messages import Audio
from models.common.onnx_session import open_session, versions
from models.smart_turn.log_mel import RATE, log_mel

SECONDS = 8  # that the model looks at: the last ones
EVEN = 1e-7  # keeps silence from being divided by nothing; part of how the model was trained


def build() -> dict[str, str]:
    """What this engine was built with, for ``doctor``; loads no model."""
    return versions()


def load(spec: ModelSpec, folder: Path) -> SmartTurn:
    """Open ``smart-turn.onnx`` in ``folder``. Raises EngineFailed when it is broken.

    ``spec.defaults`` may hold ``judge_threads``. One by default: 70 ms on one, 42 ms on two of the cores that Whisper
    needs at the same moment.
    """
    threads = int(dict(spec.defaults).get("judge_threads", 1))
    return SmartTurn(open_session(spec.name, folder / "smart-turn.onnx", threads))


class SmartTurn:
    """A Judge."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def judge(self, audio: Audio) -> Iterator[float]:
        """How likely the speaker of ``audio`` has finished, 0 to 1: exactly one number.

        Only the last 8 s are looked at. Give it the whole turn so far with what silence has come after it.
        """
        import numpy as np

        samples = np.frombuffer(resampled(audio, RATE).pcm, "<i2")[-SECONDS * RATE :].astype(np.float32) / 32768
        samples = np.pad(samples, (SECONDS * RATE - len(samples), 0))
        samples = (samples - samples.mean()) / np.sqrt(samples.var() + EVEN)
        yield float(self._session.run(None, {"input_features": log_mel(samples)[None]})[0][0, 0])

    def close(self) -> None:
        """Give the model's memory back; the engine is of no use afterwards."""
        self._session = None
