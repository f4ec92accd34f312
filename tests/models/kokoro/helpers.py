"""What the tests of this engine do with sound."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.types.messages import Audio
from models.kokoro import engine as kokoro


def sound(pieces: Iterator[Audio]) -> Audio:
    return Audio(b"".join(piece.pcm for piece in pieces), kokoro.RATE)


def samples(audio: Audio) -> np.ndarray:
    return np.frombuffer(audio.pcm, "<i2").astype(np.float64) / 32768
