"""Kokoro's network on ONNX Runtime: phonemes and a style in, sound out, without the silence around it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from models.common.load_errors import install_again
from models.common.onnx_session import open_session
from models.kokoro.onnx_split import FEATURES, LOUDNESS, PITCH, SHARES, halves

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

FRAME = 0.025  # seconds
ONSET = 3  # frames before the first phoneme's time that may hold its beginning
DECAY = 4  # frames after the last phoneme's time in which it fades
AROUND = 3  # frames of silence that are computed and stand for all; with 2, one word alone came 1.7 dB too quiet
SILENT = frozenset(" .,;:!?…—\"'()“”")


class Network:
    """The graph in ``file``, in halves when it is the one that is known, else whole. Raises EngineFailed."""

    def __init__(self, name: str, file: Path) -> None:
        try:
            model = file.read_bytes()
        except OSError as error:
            raise install_again(name, error) from error
        try:
            parts = halves(model)
        except (LookupError, ValueError, StopIteration):  # no protobuf: the session says so
            parts = None
        self._sessions = [open_session(name, part, threads()) for part in parts or (model,)]

    def say(self, tokens: list[int], phonemes: str, style: Samples, speed: float) -> Samples:
        """Sound of ``phonemes``, one of the ``tokens`` each, in a ``style`` of shape (1, 256): (samples,) at 24 kHz."""
        import numpy as np

        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style,
            "speed": np.array([speed], np.float32),
        }
        if len(self._sessions) == 1:
            return np.asarray(self._sessions[0].run(None, inputs)[0]).ravel()
        prosody, sound = self._sessions
        features, pitch, loudness, durations = prosody.run(None, inputs)
        first, last, shares = window(durations.ravel(), phonemes)
        made = sound.run(
            None,
            {
                FEATURES: features[..., first:last],
                PITCH: pitch[..., 2 * first : 2 * last],
                LOUDNESS: loudness[..., 2 * first : 2 * last],
                "style": style,
                **{name: _spread(shares, steps) for steps, name in SHARES.items()},
            },
        )
        return np.asarray(made[0]).ravel()


def window(durations: NDArray[np.int64], phonemes: str) -> tuple[int, int, Samples]:
    """The frames that are computed, from the first to before the last, and what share of the whole each stands for.

    ``durations`` in frames, of each phoneme and of a silence before and after them.
    """
    import numpy as np

    whole = int(durations.sum())
    trailing = len(phonemes) - len(phonemes.rstrip("".join(SILENT)))
    start = max(0, int(durations[0]) - ONSET)
    end = min(whole, whole - int(durations[len(durations) - 1 - trailing :].sum()) + DECAY)
    if end <= start:
        start, end = 0, whole
    first, last = max(0, start - AROUND), min(whole, end + AROUND)
    shares = np.ones(last - first, np.float32)
    shares[: start - first] = start / max(1, start - first)
    shares[len(shares) - (last - end) :] = (whole - end) / max(1, last - end)
    return first, last, (shares / whole).astype(np.float32)


def _spread(shares: Samples, steps: int) -> Samples:
    """The share of each step, where a frame has so many; the finest has one step more (its short-time Fourier one)."""
    import numpy as np

    spread = np.repeat(shares / steps, steps)
    if steps == max(SHARES):
        spread = np.append(spread, spread[-1])
        spread /= spread.sum()
    return spread.reshape(-1, 1).astype(np.float32)


def threads(cores: int | None = None) -> int:
    """All of the cores, four at most. They sleep at every barrier: beside one busy program two threads took 0.87 of the
    time of one, beside two 0.85, and alone 0.56.
    """
    return max(1, min(4, cores or os.cpu_count() or 2))
