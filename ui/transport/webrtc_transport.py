"""WebRTC transport: ``WebRtcTransport`` is a browser's loudspeaker and microphone. Runs on the server's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from core.call.events import CallEvent, Clause
from core.errors import EngineFailed
from core.host.background import Background
from core.l10n.text import l10n
from ui.transport.webrtc_playout import FRAME, RATE, Playout

if TYPE_CHECKING:
    from core.call.session import Call

LATE = 0.1  # seconds behind after which the clock is set again: what waited is played on instead of sent in a burst
LOST = 3.0  # seconds without a packet; a browser sends one every 20 ms, of silence too
GIVEN_UP = 15.0  # seconds without a packet after which the connection is ended
GAP = RATE // 5  # samples of lost sound that are made silence; more is a microphone that was changed


class WebRtcTransport:
    """A ``core.call.transport.Transport``. It connects itself to ``call`` with the first sound that comes, and takes
    itself off it.

    ``end`` closes the connection; it is used when the call has ended or nothing has come for a long time.
    """

    kind = "webrtc"

    def __init__(self, call: Call) -> None:
        self.call = call
        self.end: Callable[[], None] | None = None
        self.closed = False
        self.playout = Playout()
        self.loudspeaker = Loudspeaker(self)
        self.microphone = Microphone(self)
        self._came: float | None = None  # time.monotonic of the last packet, or of the connection
        self._up = False

    def play(self, clause: Clause) -> None:
        self.playout.put(clause)

    def hush(self) -> None:
        self.playout.hush()

    def duck(self, low: bool) -> None:
        self.playout.duck(low)

    def tell(self, event: CallEvent) -> None:
        """Nothing: the page reads the events from the call itself."""

    def heard(self, pcm: bytes) -> None:
        self._came = time.monotonic()
        if not self._up and not self.closed:
            self._set(True)
        if self.call.transport is self:
            self.call.listen(pcm, RATE)

    def spoken(self) -> av.AudioFrame:
        """The frame that leaves now. It is asked for every 20 ms, so this is where a lost connection is noticed."""
        samples, reports = self.playout.frame()
        for turn, seconds in reports:
            self.call.played(turn, seconds)
        now = time.monotonic()
        self._came = self._came or now
        if self._up and now - self._came > LOST:
            self._set(False)
        if now - self._came > GIVEN_UP or self.call.phase == "ended":
            self.hang_up()
        return av.AudioFrame.from_ndarray(samples[None], "s16", "mono")

    def hang_up(self) -> None:
        """End the connection, not the call, without waiting for it."""
        if self.end:
            end, self.end = self.end, None
            Background("webrtc end", _not_ended()).run(end, lambda error: None)

    def close(self) -> None:
        """The connection is over: let the call know, and end the track, which nobody else does."""
        if self.closed:
            return
        self.closed = True
        self.loudspeaker.stop()
        self._set(False)

    def _set(self, up: bool) -> None:
        self._up = up
        (self.call.connect if up else self.call.disconnect)(self)


class Loudspeaker(MediaStreamTrack):
    """A track that asks its transport for every frame at the moment the frame is due."""

    kind = "audio"

    def __init__(self, transport: WebRtcTransport) -> None:
        super().__init__()
        self._transport = transport
        self._due: float | None = None  # time.monotonic
        self._sent = 0  # samples

    async def recv(self) -> av.AudioFrame:
        now = time.monotonic()
        if self._due is None or now - self._due > LATE:
            self._due = now
        await asyncio.sleep(max(0.0, self._due - now))
        if self.readyState != "live":
            raise MediaStreamError
        frame = self._transport.spoken()
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), self._sent
        self._due += FRAME / RATE
        self._sent += FRAME
        return frame


class Microphone:
    """streamlit-webrtc's ``MediaSink``: takes every frame of the browser's track; its end is the transport's end."""

    def __init__(self, transport: WebRtcTransport) -> None:
        self._transport = transport
        self._track: MediaStreamTrack | None = None
        self._task: asyncio.Task[None] | None = None

    def addTrack(self, track: MediaStreamTrack) -> None:
        self._track = track

    def hasTrack(self) -> bool:
        return self._track is not None

    def start(self) -> None:
        if self._track:
            self._task = asyncio.get_running_loop().create_task(self._take(self._track))

    def stop(self) -> None:
        """From any thread."""
        if self._task:
            with contextlib.suppress(RuntimeError):  # the server has stopped, and its loop with it
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)
        self._transport.close()

    async def _take(self, track: MediaStreamTrack) -> None:
        """Sound as it comes, with silence for what was lost, so that the times of words stay true."""
        due = None
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.AudioFrame)
                at = frame.pts or 0
                missing = at - due if due is not None else 0
                if 0 < missing <= GAP:
                    self._transport.heard(bytes(2 * missing))
                due = at + frame.samples
                self._transport.heard(frame.to_ndarray()[0, :: len(frame.layout.channels)].tobytes())
        except MediaStreamError:
            self._transport.close()


def _not_ended() -> EngineFailed:
    return EngineFailed(l10n("A connection could not be closed; parlor.log in the data folder says why."))
