"""Whether somebody is speaking now: Silero VAD v6 (github.com/snakers4/silero-vad, MIT), fed as sound comes in.

Figures below: fractions of frames, thresholded at 0.5, of the nine recordings in ``tests/data`` and the sounds of
``tests/support/sounds.py``, each clip after 16 s of the background that is named.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.catalogue.spec import ModelSpec
from models.common.onnx_session import open_session, versions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

RATE = 16_000
FRAME = 512  # samples, 32 ms: what the model looks at; it is shown the last CONTEXT before them again
CONTEXT = 64
SECOND = RATE / FRAME  # frames

# Speech is brought to LEVEL, so that whispering is heard: with it 0.99 of the frames of speech at -60 dBFS are found,
# without it 0.84, and 0.77 in faint noise. Loud sound lowers the gain at once, quiet sound raises it slowly.
LEVEL = -20.0  # dBFS
LOUDER = 40.0  # dB of gain at most, FIRST at the start
QUIETER = -10.0
FIRST = 20.0
RISE = 6.0  # dB a second

# The model's memory of a long noise makes it deaf for what follows: after a minute of white noise speech was found
# 0.7 s late and 0.87 of its frames, after fast music 0.79. Forgetting where nobody speaks: at once, and 0.99 of them.
FORGET = 2 * SECOND
CALM, CALM_RUN = 0.1, 5

# Talk in the background is speech to the model: 0.98 of the frames of eight voices at once. Where even the quietest
# tenth of the last BEHIND frames sounds like speech (white noise 0.04, music 0.05, 12 voices 0.6, 8 voices 0.9), only
# what stands out from it counts: 0.006 of the frames of eight voices are left, 0.04 of twelve, 0.02 of sixteen, and
# 0.985 of speech that is 10 dB louder than they are.
BEHIND = round(12 * SECOND)
QUIETEST, NEAR = 0.1, 3.0  # dB above the quietest tenth that still belong to the background
TALK = 0.25
OUT, STILL_OUT = 11.0, 7.0  # dB above the background
PEAK = 10  # frames; the loudest of them is compared
SMOOTH = 3  # frames
KNOWN = round(SECOND)  # frames until the background is known


def build() -> dict[str, str]:
    """What this engine was built with, for ``doctor``; loads no model."""
    return versions()


def load(spec: ModelSpec, folder: Path) -> SileroLive:
    """Open ``silero_vad.onnx`` in ``folder``. Raises EngineFailed when it is broken."""
    return SileroLive(open_session(spec.name, folder / "silero_vad.onnx", threads=1))


class SileroLive:
    """A Detector."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._rest = b""
        self._begin()

    def detect(self, pcm: bytes) -> Iterator[float]:
        """How likely somebody speaks, 0 to 1, for each whole frame of 512 samples; ``pcm`` is 16 kHz s16 mono.

        Chunks may be of any size: what is left of one begins the next. Frames of a call that is closed early come first
        in the next one.
        """
        self._rest += pcm
        while len(self._rest) >= 2 * FRAME:
            frame, self._rest = self._rest[: 2 * FRAME], self._rest[2 * FRAME :]
            yield self._judged(frame)

    def reset(self) -> Iterator[float]:
        """Forget what was heard; yields nothing."""
        self._begin()
        yield from ()

    def close(self) -> None:
        """Give the model's memory back; the engine is of no use afterwards."""
        self._session = None

    def _begin(self) -> None:
        self._rest = b""
        self._gain, self._offset = FIRST, 0.0
        self._background = NoiseFloor()
        self._forget()

    def _forget(self) -> None:
        """Clear the model's memory, and nothing else."""
        import numpy as np

        self._hidden = self._cell = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(CONTEXT, np.float32)
        self._since, self._calm = 0, 0

    def _judged(self, frame: bytes) -> float:
        import numpy as np

        samples: Samples = np.frombuffer(frame, "<i2").astype(np.float32)
        samples /= 32768
        self._offset += 0.05 * (float(samples.mean()) - self._offset)
        samples -= np.float32(self._offset)
        level = 10 * math.log10(float(np.mean(samples**2)) + 1e-12)
        shown = np.concatenate([self._context, self._levelled(samples, level)])
        self._context = shown[-CONTEXT:]
        given = {"input": shown[None], "h": self._hidden, "c": self._cell}
        (speech,), self._hidden, self._cell = self._session.run(None, given)
        probability = float(speech)
        self._calm = self._calm + 1 if probability < CALM else 0
        self._since += 1
        if self._since >= FORGET and self._calm >= CALM_RUN:
            self._forget()
        self._background.add(level, probability)
        return probability if probability < TALK or self._background.stands_out() else 0.0

    def _levelled(self, samples: Samples, level: float) -> Samples:
        """One frame, of ``level`` dBFS, with the gain of the moment."""
        import numpy as np

        before = self._gain
        self._gain = max(QUIETER, min(before + RISE / SECOND, LOUDER, LEVEL - level))
        gains = np.linspace(min(before, self._gain), self._gain, FRAME, dtype=np.float32)
        levelled: Samples = np.clip(samples * np.float32(10) ** (gains / 20), -1, 1)
        return levelled


class NoiseFloor:
    """What lies behind the voice: the frames of the last seconds, their levels and how much they sound like speech."""

    def __init__(self) -> None:
        self._energies: deque[float] = deque(maxlen=SMOOTH)
        self._levels: deque[float] = deque(maxlen=BEHIND)
        self._speech: deque[float] = deque(maxlen=BEHIND)
        self._out = False

    def add(self, level: float, speech: float) -> None:
        """Take in a frame of ``level`` dBFS that sounds like speech with this probability."""
        self._energies.append(10 ** (level / 10))
        self._levels.append(10 * math.log10(sum(self._energies) / len(self._energies) + 1e-12))
        self._speech.append(speech)

    def stands_out(self) -> bool:
        """Whether the last frame is more than the talk in the background, or there is no such talk."""
        import numpy as np

        levels = np.array(self._levels)
        tenth = int(QUIETEST * (len(levels) - 1))
        floor = float(np.partition(levels, tenth)[tenth])
        self._out = float(levels[-PEAK:].max()) - floor >= (STILL_OUT if self._out else OUT)
        talking = np.where(levels <= floor + NEAR, np.array(self._speech), np.nan)
        halves = np.array_split(talking, 2)  # after something louder, who speaks is the quietest: but not all the time
        talk = min(float(np.nanmean(half)) if not np.isnan(half).all() else 0.0 for half in halves)
        return self._out or (len(levels) >= KNOWN and talk < TALK)
