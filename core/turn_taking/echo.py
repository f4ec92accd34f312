"""Echo detection: ``Echo.share`` is how much of what the microphone hears is what the call itself plays, 0 to 1."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from core.media.audio import resampled
from core.types.messages import Audio

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

RATE = 16_000
LOOK = 0.256  # seconds of the microphone that are compared
LATEST = 0.5  # seconds an echo may take: loudspeaker, air, microphone, and the network between
AHEAD = 0.15  # seconds by which the report of what is heard may lag behind the sound
WORTH = 0.3  # a score of speech below this is no speech whatever it comes from
QUIET = 1e-7  # mean square of what is too quiet to make an echo: -70 dBFS


class Echo:
    """Knows what has been played, and when. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = 0
        self._played: list[bytes] = []  # of the current answer, s16 at RATE
        self._anchor = (0.0, 0.0)  # seconds of the answer that had been heard, and the clock then
        self._sounding = False
        self._recent = b""  # the last of the microphone

    def play(self, turn: int, sound: Audio) -> None:
        """``sound`` follows what is queued of the answer to ``turn``."""
        pcm = resampled(sound, RATE).pcm
        with self._lock:
            if turn != self._turn:
                self._turn, self._played, self._sounding = turn, [], False
            self._played.append(pcm)

    def heard(self, turn: int, seconds: float, at: float) -> None:
        """At the clock's ``at``, so many ``seconds`` of the answer to ``turn`` had been audible."""
        with self._lock:
            if turn == self._turn:
                self._anchor, self._sounding = (seconds, at), True

    def silent(self) -> None:
        with self._lock:
            self._sounding, self._played = False, []

    def share(self, pcm: bytes, at: float, speech: float) -> float:
        """How much of the microphone's energy in the ``LOOK`` seconds up to ``at`` is the answer's, 0 to 1.

        ``pcm`` is the newest frame, ``speech`` its score. It is the square of the largest normalised cross-correlation
        over all delays: 1 for a pure echo of any loudness, 0.5 for one beside somebody as loud.
        """
        self._recent = (self._recent + pcm)[-2 * round(LOOK * RATE) :]
        with self._lock:
            if not self._sounding or speech < WORTH:
                return 0.0
            sound, (seconds, then) = b"".join(self._played), self._anchor
        now = seconds + at - then
        first, last = round((now - LOOK - LATEST) * RATE), round((now + AHEAD) * RATE)
        reference = bytes(2 * max(0, -first)) + sound[2 * max(0, first) : 2 * max(0, last)]
        return correlation(self._recent, reference)


def correlation(heard: bytes, played: bytes) -> float:
    """The largest squared normalised cross-correlation of ``heard`` with any stretch of ``played`` as long, s16."""
    import numpy as np

    short, long = (np.frombuffer(pcm, "<i2").astype(np.float32) / 32768 for pcm in (heard, played))
    if len(long) <= len(short) or not len(short):
        return 0.0
    size = 1 << (len(long) + len(short) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size)), size)
    lags = len(long) - len(short) + 1
    squares = np.concatenate([[0.0], np.cumsum(long.astype(np.float64) ** 2)])
    energy = squares[len(short) :] - squares[:lags]
    own = float(np.sum(short.astype(np.float64) ** 2))
    enough = energy > QUIET * len(short)
    if own <= QUIET * len(short) or not enough.any():
        return 0.0
    return float(np.max(product[:lags][enough] ** 2 / (energy[enough] * own)))
