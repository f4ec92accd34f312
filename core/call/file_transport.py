"""File transport: ``hold`` feeds a recording into a call as its microphone; what is said back is kept in its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.call.events import CallEvent, Clause
from core.media.audio import resampled
from core.types.messages import Audio

if TYPE_CHECKING:
    from core.call.session import Call

RATE = 16_000  # Hz, of the recording
REPLY = 24_000  # Hz, of what is said back
STEP = 0.02  # seconds fed at once, as a browser does
AFTER = 2.5  # seconds of silence after the recording, longer than any turn is waited for
BEHIND = 0.0005  # seconds between looks whether what was fed has been looked at
QUIETER = 0.1  # of its loudness, while somebody may be speaking: -20 dB


class FileTransport:
    """Plays into a recording of the call, one step of its clock after another; ``record`` tells whether to keep it."""

    kind = "file"

    def __init__(self, call: Call, record: bool = True) -> None:
        self._call = call
        self._record = record
        self._lock = threading.Lock()
        self._queue: list[tuple[int, bytes]] = []  # turn and sound, not played yet
        self._turn, self._seconds = 0, 0.0
        self._loud = 1.0
        self._reply = bytearray()
        self.starved = 0  # times that an answer had to wait for its next clause

    def play(self, clause: Clause) -> None:
        assert clause.sound
        with self._lock:
            if clause.turn != self._turn:
                self._turn, self._seconds = clause.turn, 0.0
                self._call.played(clause.turn, 0.0)
            elif not self._queue:
                self.starved += 1
            self._queue.append((clause.turn, resampled(clause.sound, REPLY).pcm))

    def hush(self) -> None:
        with self._lock:
            self._queue.clear()
            self._turn = 0  # what comes of the same turn is another answer

    def duck(self, low: bool) -> None:
        self._loud = QUIETER if low else 1.0

    def tell(self, event: CallEvent) -> None:
        """Events are read from the call's own log."""

    def step(self) -> bytes:
        """Play one step; what sounded in it, s16 at ``REPLY``."""
        size = 2 * round(STEP * REPLY)
        with self._lock:
            turn, sound = self._turn, b""
            while self._queue and len(sound) < size:
                _, pcm = self._queue.pop(0)
                sound += pcm
            if len(sound) > size:
                self._queue.insert(0, (turn, sound[size:]))
                sound = sound[:size]
            if sound:
                self._seconds += len(sound) / 2 / REPLY
                self._call.played(turn, self._seconds)
        sound = _scaled(sound, self._loud).ljust(size, b"\0")
        if self._record:
            self._reply += sound
        return sound

    @property
    def low(self) -> bool:
        """Whether it plays in a low voice at the moment."""
        return self._loud < 1

    @property
    def reply(self) -> Audio:
        """Everything that was audible, in its time from the call's beginning."""
        return Audio(bytes(self._reply), REPLY)


class FileClock:
    """Seconds of the call: those of sound that were fed when it is ``fast``, else those on the wall."""

    def __init__(self, fast: bool) -> None:
        self.fast = fast
        self.fed = 0.0
        self._began = time.monotonic()

    def __call__(self) -> float:
        return self.fed if self.fast else time.monotonic() - self._began


def pieces(audio: Audio) -> Iterator[bytes]:
    """A recording as a microphone gives it: ``STEP`` seconds at a time, s16 at ``RATE``."""
    pcm, size = resampled(audio, RATE).pcm, 2 * round(STEP * RATE)
    for at in range(0, len(pcm), size):
        yield pcm[at : at + size].ljust(size, b"\0")


def hold(
    call: Call, clock: FileClock, microphone: Iterator[bytes], echo: float = 0.0, record: bool = True
) -> Iterator[FileTransport]:
    """Feed ``microphone`` (``pieces``) into ``call``, then silence until all is answered, and hang up.

    Yields its transport after every step. A fast call waits for the engines only, in real time, so that its figures are
    those of a real one. ``echo`` is how loud the microphone hears the answers (0.5 is -6 dB).
    """
    transport = FileTransport(call, record)
    call.connect(transport)
    while call.phase == "opening":
        time.sleep(BEHIND)
    quiet, due, silence = 0.0, time.monotonic(), bytes(2 * round(STEP * RATE))
    while call.phase != "ended" and (quiet < AFTER or call.busy):
        piece = next(microphone, b"")
        quiet = 0.0 if piece else quiet + STEP
        piece = piece or silence
        call.listen(_mixed(piece, transport.step(), echo), RATE)
        clock.fed += STEP
        yield transport
        due = _pause(call, clock, due + STEP)
    call.hang_up()
    call.wait(20.0)


def _pause(call: Call, clock: FileClock, due: float) -> float:
    """Wait until the next step is due; returns when it was."""
    if clock.fast:
        while call.behind and call.phase != "ended":
            time.sleep(BEHIND)
        if not call.working:
            return time.monotonic()
    time.sleep(max(0.0, due - time.monotonic()))
    return due


def _mixed(piece: bytes, sound: bytes, echo: float) -> bytes:
    if not echo:
        return piece
    import numpy as np

    heard = np.frombuffer(resampled(Audio(sound, REPLY), RATE).pcm, "<i2").astype(np.float32) * echo
    own = np.frombuffer(piece, "<i2").astype(np.float32)
    own[: len(heard)] += heard[: len(own)]
    return own.clip(-32768, 32767).astype("<i2").tobytes()


def _scaled(sound: bytes, loud: float) -> bytes:
    if loud == 1.0 or not sound:
        return sound
    import numpy as np

    return (np.frombuffer(sound, "<i2") * loud).astype("<i2").tobytes()
