"""White noise at any rate, for tests of what sound is put through."""

from __future__ import annotations

import numpy as np

from core.types.messages import Audio


def noise_at(seconds: float, rate: int = 24_000, seed: int = 0, level: float = 0.1) -> Audio:
    """s16 mono; ``level`` is its RMS as a share of full scale."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * rate)) * level
    return Audio((noise.clip(-1, 1) * 32767).astype("<i2").tobytes(), rate)
