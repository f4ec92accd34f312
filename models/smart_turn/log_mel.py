"""Log-mel spectrograms as Whisper wants them (Radford et al., 2022, arXiv:2212.04356), with numpy alone: ``log_mel``.

25 ms windows every 10 ms, mel bands on Slaney's scale. In float32: 3 ms for 8 s, and within 3e-5 of transformers'
WhisperFeatureExtractor. faster_whisper has the same, but importing it brings CTranslate2 into this small process.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

RATE = 16_000
WINDOW, HOP = 400, 160  # samples
RANGE = 8.0  # powers of ten below the loudest that are kept apart
LINEAR = 1000.0  # Hz; the scale is linear below, 200/3 Hz a mel, and logarithmic above
QUIETEST = 1e-10


def log_mel(samples: Floats, bands: int = 80) -> Floats:
    """Shape (bands, len(samples) // 160), roughly -1 to 1, of ``samples`` at 16 kHz; at least 201 of them."""
    import numpy as np

    padded = np.pad(samples.astype(np.float32, copy=False), WINDOW // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: len(samples) // HOP]
    spectrum = np.fft.rfft(windows * _hann())
    mel = _filters(bands) @ (spectrum.real**2 + spectrum.imag**2).T
    log = np.log10(np.maximum(mel, QUIETEST))
    scaled: Floats = (np.maximum(log, log.max() - RANGE) + 4) / 4
    return scaled


@functools.cache
def _hann() -> Floats:
    import numpy as np

    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


@functools.cache
def _filters(bands: int) -> Floats:
    """Triangles over the spectrum, shape (bands, 201), each of the same area."""
    import numpy as np

    step = np.log(6.4) / 27  # of the logarithmic part
    linear = LINEAR / (200 / 3)  # mels
    mels = np.linspace(0, linear + np.log(RATE / 2 / LINEAR) / step, bands + 2)
    edges = np.where(mels < linear, mels * 200 / 3, LINEAR * np.exp(step * (mels - linear)))[:, None]
    hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((hertz - left) / (middle - left), (right - hertz) / (right - middle))
    filters: Floats = (np.maximum(triangles, 0) * 2 / (right - left)).astype(np.float32)
    return filters
