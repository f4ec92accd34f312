"""Playout: ``Playout`` takes clauses and gives frames of 20 ms at 48 kHz, each made when it is due.

Nothing is prepared ahead, so what is queued can be taken back or made quiet up to the frame that leaves next.
"""

from __future__ import annotations

import threading
from collections import deque

import av
import numpy as np
from numpy.typing import NDArray

from core.call.events import Clause
from core.types.messages import Audio

RATE = 48_000  # Hz: Opus carries nothing else
FRAME = RATE // 50  # samples
FADE = RATE // 200  # samples: 5 ms, too short to be heard as sound and long enough not to click
QUIET = 0.25  # of the amplitude while somebody may be speaking: 12 dB less, still to be followed
REPORT = RATE // 10  # samples between two reports of one turn
Samples = NDArray[np.int16]
Heard = tuple[int, float]  # turn, seconds of its answer that have left


class Playout:
    """The queue of one transport. ``underruns`` counts the gaps inside an answer: its next clause came late."""

    def __init__(self) -> None:
        self.underruns = 0
        self._lock = threading.Lock()
        self._clauses: deque[tuple[int, Audio, int]] = deque()  # turn, sound, bytes of it that are done
        self._made: Samples = np.zeros(0, np.int16)  # 48 kHz, the next to leave
        self._fading: Samples = np.zeros(0, np.int16)  # what a hush leaves over
        self._resampler: tuple[int, av.AudioResampler] | None = None  # with the rate of what it was given
        self._gain = self._wanted = 1.0
        self._turn, self._left = 0, 0  # whose samples leave, and how many of them have
        self._reported = -1  # samples that had left at the last report
        self._dry = False  # the queue ran out within the turn
        self._anew = False  # hushed: what comes of the same turn is another answer

    def put(self, clause: Clause) -> None:
        if clause.sound:
            with self._lock:
                self._clauses.append((clause.turn, clause.sound, 0))

    def hush(self) -> None:
        """Drop all that is queued; what was sounding fades out within the first 5 ms of the next frame."""
        with self._lock:
            part = self._made[:FADE]
            self._fading = (part * np.linspace(1, 0, len(part))).astype(np.int16)
            self._clauses.clear()
            self._made = self._made[:0]
            self._resampler = None
            self._dry, self._anew = False, True

    def duck(self, low: bool) -> None:
        """From the next frame on, sliding over its 20 ms."""
        with self._lock:
            self._wanted = QUIET if low else 1.0

    def frame(self) -> tuple[Samples, list[Heard]]:
        """The next 960 samples, and what there is to report: a turn's first sample, every 100 ms of it, its end."""
        with self._lock:
            out, heard = np.zeros(FRAME, np.int16), list[Heard]()
            at = len(self._fading)
            out[:at], self._fading = self._fading, self._fading[:0]
            self._left += at
            while at < FRAME and (len(self._made) or self._make(heard)):
                part = self._made[: FRAME - at]
                out[at : at + len(part)] = part
                self._made = self._made[len(part) :]
                self._left += len(part)
                at += len(part)
            if self._gain != 1.0 or self._wanted != 1.0:
                out = (out * np.linspace(self._gain, self._wanted, FRAME)).astype(np.int16)
                self._gain = self._wanted
            self._tell(heard, ended=at < FRAME)
            return out, heard

    def _make(self, heard: list[Heard]) -> bool:
        """Bring the next 20 ms of the queue to 48 kHz; False when nothing is left.

        One resampler goes through the clauses of a turn, so that a sound which comes in pieces has no seams.
        """
        turn, sound, done = self._clauses[0] if self._clauses else (None, None, 0)
        if self._resampler and (not sound or turn != self._turn or sound.rate != self._resampler[0]):
            self._made, self._resampler = _joined(self._resampler[1].resample(None)), None
            if len(self._made):
                return True
        if turn is None or not sound:
            return False
        if turn != self._turn or self._anew:
            self._tell(heard, ended=True)
            self._turn, self._left, self._reported, self._dry, self._anew = turn, 0, -1, False, False
        self.underruns += self._dry
        self._dry = False
        after = done + sound.rate // 50 * 2
        self._clauses.popleft()
        if after < len(sound.pcm):
            self._clauses.appendleft((turn, sound, after))
        self._made = self._resampled(sound.pcm[done:after], sound.rate)
        return True

    def _resampled(self, piece: bytes, rate: int) -> Samples:
        samples = np.frombuffer(piece, "<i2")
        if rate == RATE or not len(samples):
            return samples
        if self._resampler is None:
            self._resampler = (rate, av.AudioResampler("s16", "mono", RATE))
        frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        frame.sample_rate = rate
        return _joined(self._resampler[1].resample(frame))

    def _tell(self, heard: list[Heard], ended: bool) -> None:
        first = self._reported < 0 < self._left
        if first:
            heard.append((self._turn, 0.0))
            self._reported = 0
        due = self._left - self._reported >= REPORT or ended
        if not first and due and self._left > self._reported >= 0:
            heard.append((self._turn, self._left / RATE))
            self._reported = self._left
        self._dry = self._dry or (ended and self._left > 0)


def _joined(frames: list[av.AudioFrame]) -> Samples:
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]) if frames else np.zeros(0, np.int16)
