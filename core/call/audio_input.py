"""Audio input of a call: ``AudioInput`` turns the microphone's sound into frames (``core.turn_taking.actions.Frame``).

Resampling, voice activity detection, level and echo; each frame is 512 samples, s16 mono at 16 kHz.
"""

from __future__ import annotations

import math
import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.catalogue.spec import ModelSpec
from core.errors import EngineFailed, ParlorError, WorkerDied
from core.host.background import Background
from core.l10n.text import l10n
from core.runtime.engines import RemoteVAD
from core.runtime.lease import acquire
from core.runtime.pool import Lease, Pool
from core.turn_taking.actions import FRAME, Frame
from core.turn_taking.echo import Echo

if TYPE_CHECKING:
    import av

RATE = 16_000
BYTES = 1024  # of a frame: 512 samples
SILENT = -100.0  # dBFS told of digital silence
DEAF = 3  # restarts of the detector in a row before the call is told
CLOSING = 60.0  # seconds that the detector may take to end


@dataclass(frozen=True, slots=True)
class Sounded:
    """A frame and its sound: 512 samples, s16 at 16 kHz."""

    frame: Frame
    pcm: bytes


class AudioInput:
    """Takes sound of any rate in chunks of any size; ``sounded`` gets each frame of it, on this input's thread.

    ``failed`` gets the error that ended it: nothing more is heard then.
    """

    def __init__(
        self,
        spec: ModelSpec,
        pool: Pool,
        echo: Echo,
        clock: Callable[[], float],
        sounded: Callable[[Sounded], None],
        failed: Callable[[ParlorError], None],
    ) -> None:
        self._spec, self._pool, self._echo, self._clock = spec, pool, echo, clock
        self._sounded, self._failed = sounded, failed
        self._chunks: queue.SimpleQueue[tuple[bytes, int, float] | None] = queue.SimpleQueue()
        self._resampler: av.AudioResampler | None = None
        self._rate = RATE
        self._rest = b""
        self._lease: Lease | None = None
        self._thread = Background("call audio input", _broke())
        self._thread.run(self._work, self._ended)

    def listen(self, pcm: bytes, rate: int) -> None:
        """The next piece of the microphone's sound, s16 mono at ``rate`` Hz; returns at once."""
        self._chunks.put((pcm, rate, self._clock()))

    @property
    def behind(self) -> int:
        """How many chunks have not been looked at yet."""
        return self._chunks.qsize()

    def close(self) -> None:
        self._chunks.put(None)
        self._thread.join(CLOSING)

    def _work(self) -> None:
        try:
            self._lease = acquire(self._pool, self._spec)  # for the whole call: the detector's memory is this call's
            while chunk := self._chunks.get():
                self._take(*chunk)
        finally:
            if self._lease:
                self._lease.release()

    def _ended(self, error: ParlorError | None) -> None:
        if error:
            self._failed(error)

    def _take(self, pcm: bytes, rate: int, came: float) -> None:
        self._rest += self._resampled(pcm, rate)
        whole = len(self._rest) // BYTES * BYTES
        if not whole:
            return
        sound, self._rest = self._rest[:whole], self._rest[whole:]
        ended = came - len(self._rest) / 2 / RATE
        scores = self._scores(sound)
        for index, score in enumerate(scores):
            pcm = sound[index * BYTES : (index + 1) * BYTES]
            at = ended - (len(scores) - 1 - index) * FRAME
            self._sounded(Sounded(Frame(at, score, level(pcm), self._echo.share(pcm, at, score)), pcm))

    def _scores(self, sound: bytes) -> list[float]:
        """Silero's scores; a detector that has died is started anew, and the sound is not lost."""
        for attempt in range(DEAF):
            if self._lease is None:
                self._lease = acquire(self._pool, self._spec)
            try:
                with RemoteVAD(self._lease.worker).detect(sound) as call:
                    return [item for item in call if isinstance(item, float)]
            except WorkerDied:
                self._lease.release()
                self._lease = None
                if attempt == DEAF - 1:
                    raise
        return []

    def _resampled(self, pcm: bytes, rate: int) -> bytes:
        if rate == RATE:
            return pcm
        import av
        import numpy as np

        if self._resampler is None or rate != self._rate:
            self._resampler, self._rate = av.AudioResampler(format="s16", layout="mono", rate=RATE), rate
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2")[None], "s16", "mono")
        frame.sample_rate = rate
        return b"".join(piece.to_ndarray().tobytes() for piece in self._resampler.resample(frame))


def level(pcm: bytes) -> float:
    """Loudness of s16 samples: RMS in dBFS."""
    import numpy as np

    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    power = float(np.mean(samples**2)) / 32768**2 if len(samples) else 0.0
    return 10 * math.log10(power) if power > 1e-10 else SILENT


def _broke() -> EngineFailed:
    return EngineFailed(
        l10n(
            "This call cannot hear the microphone any more; parlor.log in the data folder says why. Begin another one."
        )
    )
