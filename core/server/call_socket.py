"""WebSocket transport: ``converse`` carries a call over ``/call``: microphone sound in, voice and events out.

Text frames are JSON. The first one says what is wanted: ``{"type": "start", "conversation", "rate", ...options}``,
``{"type": "resume", "call", "rate"}`` after a reload or a lost connection or from another tab, ``{"type": "watch",
"call"}`` to follow and steer a call whose sound another transport carries. The answer is ``{"event": "started"}``, or
``busy`` (another call is live), ``gone`` (no such call) or ``refused`` (with the reason). Then come the events of the
call from its beginning on, as ``core.call.events.as_json`` writes them, and ``hush``, ``duck``, ``played`` and
``taken``.

A binary frame from the page is one byte, 1 for microphone sound (s16le mono) or 2 for a picture file, and the data.
Those to the page are ``framed``: sound of a clause, a preview or a picture.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from core.app.app import parlor
from core.call.events import CallEvent, CallNotice, Caption, Clause, Drawing, PhaseChanged, as_json
from core.call.transport import CallOptions
from core.errors import ParlorError

if TYPE_CHECKING:
    from core.call.session import Call

SOUND, PICTURE = 1, 2  # the first byte of a binary frame from the page
POLL = 0.03  # seconds between looks at a call, when nothing wakes the sender
BEHIND = 64_000_000  # bytes of sound that wait for a page that does not read (22 minutes); then sound is lost
RATES = range(8_000, 192_001)  # Hz of a microphone
NORMAL, UNSUPPORTED = 1000, 1003
TAKEN = 4001
Asked = dict[str, Any]


class SocketTransport:
    """One page's: what the call's thread says waits here for the server's event loop to send it."""

    kind = "socket"

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._lock = threading.Lock()
        self._out: deque[bytes | str] = deque()
        self._waiting = 0  # bytes

    def play(self, clause: Clause) -> None:
        if clause.sound is None:
            return
        header = {"kind": "sound", "turn": clause.turn, "index": clause.index, "rate": clause.sound.rate}
        frame = framed(header | {"text": clause.text}, clause.sound.pcm)
        with self._lock:
            if self._waiting + len(frame) <= BEHIND:
                self._waiting += len(frame)
                self._out.append(frame)
        self._wake()

    def hush(self) -> None:
        """Sound that has not left yet never does, so that the message overtakes it."""
        with self._lock:
            self._out = deque(each for each in self._out if isinstance(each, str))
            self._waiting = 0
        self.send({"event": "hush"})

    def duck(self, low: bool) -> None:
        self.send({"event": "duck", "low": low})

    def tell(self, event: CallEvent) -> None:
        """Only a reason to look: events are read from the call, those of before a reload as those of now."""
        self._wake()

    def send(self, message: Asked) -> None:
        with self._lock:
            self._out.append(json.dumps(message, ensure_ascii=False))
        self._wake()

    def take(self) -> Iterator[bytes | str]:
        """What waits, oldest first, as long as it has not been taken back."""
        while True:
            with self._lock:
                if not self._out:
                    return
                frame = self._out.popleft()
                self._waiting -= len(frame) if isinstance(frame, bytes) else 0
            yield frame

    async def wait(self) -> None:
        with anyio.move_on_after(POLL):
            await self._woken.wait()
        self._woken.clear()

    def attempt(self, do: Callable[..., object], *arguments: object) -> None:
        """Do it on this thread; what cannot be done is told on the page."""
        try:
            do(*arguments)
        except ParlorError as error:
            self.send(as_json(CallNotice.of(error)))

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the server has stopped, and its loop with it
            self._loop.call_soon_threadsafe(self._woken.set)


async def converse(socket: WebSocket) -> None:
    """Carry or follow one call over an accepted socket until it ends, another page takes it over or this one goes."""
    try:
        asked = as_asked(await socket.receive_text())
        call = await opened(socket, asked)
        await socket.close(await carry(socket, call, asked) if call else NORMAL)
    except (ValueError, KeyError, TypeError):  # whoever writes this is no page of ours
        await socket.close(UNSUPPORTED)
    except (WebSocketDisconnect, RuntimeError):  # the page has gone; Starlette says the second when it went in mid-send
        return


async def opened(socket: WebSocket, asked: Asked) -> Call | None:
    """The call that is asked for, or None after the page has been told why there is none."""
    calls = parlor().calls
    if asked["type"] != "start":
        call = calls.get(asked["call"])
        if call is None:
            await tell(socket, {"event": "gone"})
        return call
    if live := calls.current():
        await tell(socket, {"event": "busy", "call": live.id, "conversation": live.conversation})
        return None
    try:
        return await asyncio.to_thread(calls.start, str(asked.get("conversation", "")), options(asked, CallOptions()))
    except ParlorError as error:
        await tell(socket, {"event": "refused"} | error.text.by_language())
        return None


async def carry(socket: WebSocket, call: Call, asked: Asked) -> int:
    """Send and receive side by side until one of them ends; returns the code to close with."""
    transport = SocketTransport()
    carries = asked["type"] != "watch" and call.phase != "ended"
    rate = asked["rate"] if carries else 0
    if carries and rate not in RATES:
        raise ValueError(f"rate {rate!r}")
    await tell(socket, {"event": "started", "call": call.id, "conversation": call.conversation, "carries": carries})
    if carries:
        call.connect(transport)
    receiving = asyncio.create_task(receive(socket, call, transport, rate))
    try:
        code = await send(socket, call, transport, carries, receiving)
        if receiving.done():
            receiving.result()
        return code
    finally:
        receiving.cancel()
        if carries:
            call.disconnect(transport)


async def send(
    socket: WebSocket, call: Call, transport: SocketTransport, carries: bool, receiving: asyncio.Task[None]
) -> int:
    """Everything of the call, from its first event to its last; a page that carries it no longer is told so."""
    position, sounding, taken_up = 0, (0, 0.0), False
    while not receiving.done():
        for frame in transport.take():
            await (socket.send_text(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        events, position = call.after(position)
        for event in folded(events):
            await show(socket, event, carries)
        if any(isinstance(event, PhaseChanged) and event.phase == "ended" for event in events):
            break
        taken_up = taken_up or call.transport is transport  # not at once: the call's own thread does it
        if taken_up and call.transport is not transport:
            await tell(socket, {"event": "taken"})
            return TAKEN
        if not carries and call.sounding != sounding:
            sounding = call.sounding
            await tell(socket, {"event": "played", "turn": sounding[0], "seconds": sounding[1]})
        await transport.wait()
    return NORMAL


async def show(socket: WebSocket, event: CallEvent, carries: bool) -> None:
    """One event; a picture follows the words about it. Who carries the call has its clauses with their sound."""
    if not (carries and isinstance(event, Clause)):
        await tell(socket, as_json(event))
    if isinstance(event, Drawing) and (picture := event.image or event.preview):
        kind = "picture" if event.image else "preview"
        await socket.send_bytes(framed({"kind": kind, "turn": event.turn, "mime": picture.mime}, picture.data))


async def receive(socket: WebSocket, call: Call, transport: SocketTransport, rate: int) -> None:
    """Do what the page says until it goes. Sound is only handed on; a picture is opened on a thread beside it."""
    while (frame := await socket.receive())["type"] != "websocket.disconnect":
        data = frame.get("bytes")
        if not data:
            await obey(call, transport, as_asked(frame["text"]))
        elif data[0] == SOUND and rate:
            call.listen(data[1:], rate)
        elif data[0] == PICTURE:
            asyncio.get_running_loop().run_in_executor(None, transport.attempt, call.show, data[1:], "")


async def obey(call: Call, transport: SocketTransport, asked: Asked) -> None:
    match asked["type"]:
        case "played":
            call.played(int(asked["turn"]), float(asked["seconds"]))
        case "mute":
            call.mute(asked["on"] is True)
        case "push":
            call.push(asked["down"] is True)
        case "say":
            await asyncio.to_thread(transport.attempt, call.say, str(asked["text"]))
        case "configure":
            await asyncio.to_thread(transport.attempt, call.configure, options(asked, call.options))
        case "hangup":
            await asyncio.to_thread(call.hang_up)


def folded(events: Sequence[CallEvent]) -> list[CallEvent]:
    """The same events without captions and previews that later ones replace: a page that comes late reads little."""
    newest = {_place(event): number for number, event in enumerate(events)}
    return [event for number, event in enumerate(events) if newest[_place(event)] == number or _place(event) is None]


def _place(event: CallEvent) -> tuple[object, ...] | None:
    match event:
        case Caption(turn=turn, who=who):
            return (who, turn)
        case Drawing(turn=turn, image=None):
            return ("drawing", turn)
    return None


def options(asked: Asked, now: CallOptions) -> CallOptions:
    """How the call is to be held, where ``asked`` says nothing as ``now``."""
    return CallOptions(
        push=asked.get("push", now.push) is True,
        voice_en=str(asked.get("voice_en", now.voice_en)),
        voice_zh=str(asked.get("voice_zh", now.voice_zh)),
        partials=asked.get("partials", now.partials) is True,
    )


def as_asked(text: str) -> Asked:
    """Raises ValueError or TypeError for what is no JSON object."""
    return dict(json.loads(text))


async def tell(socket: WebSocket, what: Asked) -> None:
    await socket.send_text(json.dumps(what, ensure_ascii=False))


def framed(header: Asked, data: bytes) -> bytes:
    """A binary frame: length of the JSON header (uint32, little-endian), the header padded to an even length, data."""
    head = json.dumps(header).encode()
    head += b" " * (len(head) % 2)
    return struct.pack("<I", len(head)) + head + data
