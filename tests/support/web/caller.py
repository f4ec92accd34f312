"""A page of a call without a browser: it sends a microphone's sound as fast as time and plays what comes faster."""

from __future__ import annotations

import contextlib
import json
import struct
import time
from collections.abc import Callable
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from core.types.messages import Audio
from tests.support.web.served import Served

RATE = 16_000
FRAME = RATE // 50 * 2  # bytes of 20 ms
HASTE = 4  # seconds of an answer that are played in one: nobody listens
Event = dict[str, Any]


class Caller:
    """Everything that came is in ``events``: what was told, and the headers of binary frames with their ``data``."""

    def __init__(self, served: Served | str, **first: Any) -> None:
        self.events: list[Event] = []
        self.closed: int | None = None  # the code the socket was closed with
        self._microphone = b""
        self._turn = 0  # whose answer is playing
        self._clauses: list[tuple[float, float]] = []  # when each begins to sound, and its seconds
        self._reported = -1.0
        url = served if isinstance(served, str) else served.url
        self._opening = connect(f"{url.replace('http', 'ws', 1)}/call", origin=url, max_size=None)
        self._first = {"rate": RATE} | first

    def __enter__(self) -> Self:
        self._socket = self._opening.__enter__()
        self._due = time.monotonic()
        self.send(**self._first)
        return self

    def __exit__(self, *_: object) -> None:
        self._opening.__exit__(None, None, None)

    def leave(self) -> None:
        """Be gone, as a page that is closed; the call goes on without it."""
        self._socket.close()

    def send(self, **message: Any) -> None:
        self._socket.send(json.dumps(message))

    def show(self, picture: bytes) -> None:
        self._socket.send(b"\2" + picture)

    def speak(self, sound: Audio) -> None:
        """Say it into the microphone, after what is being said; ``sound`` is at ``RATE``."""
        self._microphone += sound.pcm

    def silence(self, seconds: float) -> None:
        """Wait until all of it has been said, and so much silence."""
        self._microphone += bytes(round(seconds * RATE) * 2)
        while self._microphone and self.closed is None:
            self._step()

    def until(self, wanted: Callable[[Event], bool], seconds: float = 60.0) -> Event:
        """Wait for an event that has not been waited for yet, and return it."""
        start = len(self.events)
        for event in self.events:
            if not event.get("seen") and wanted(event):
                event["seen"] = True
                return event
        until = time.monotonic() + seconds
        while self.closed is None and time.monotonic() < until:
            self._step()
            for event in self.events[start:]:
                if wanted(event):
                    event["seen"] = True
                    return event
            start = len(self.events)
        told = [{**event, "data": len(event.get("data", b""))} for event in self.events[-12:]]
        raise AssertionError(f"it did not come; closed: {self.closed}; the last: {told}")

    def phase(self, phase: str) -> Event:
        return self.until(lambda event: event.get("phase") == phase)

    def ended(self) -> int:
        """Wait until the server closes the socket; the code."""
        until = time.monotonic() + 60
        while self.closed is None and time.monotonic() < until:
            self._step()
        assert self.closed is not None
        return self.closed

    def sounds(self, turn: int) -> list[Event]:
        return [event for event in self.events if event.get("kind") == "sound" and event["turn"] == turn]

    def _step(self) -> None:
        while time.monotonic() >= self._due:
            frame, self._microphone = self._microphone[:FRAME], self._microphone[FRAME:]
            self._due += 0.02
            with contextlib.suppress(ConnectionClosed):  # what came before that is still to be read
                self._socket.send(b"\1" + frame.ljust(FRAME, b"\0"))
        try:
            self._take(self._socket.recv(timeout=0.005))
        except TimeoutError:
            self._report()
        except ConnectionClosed as closed:
            self.closed = closed.rcvd.code if closed.rcvd else 1006

    def _take(self, frame: str | bytes) -> None:
        if isinstance(frame, str):
            self.events.append(json.loads(frame))
            if self.events[-1]["event"] == "hush":
                self._report()
                self._clauses = []
            return
        (size,) = struct.unpack_from("<I", frame)
        header = json.loads(frame[4 : 4 + size])
        self.events.append(header | {"data": frame[4 + size :]})
        if header["kind"] == "sound":
            self._play(header["turn"], (len(frame) - 4 - size) / 2 / header["rate"] / HASTE)

    def _play(self, turn: int, seconds: float) -> None:
        now = time.monotonic()
        if turn != self._turn or not self._clauses:
            self._turn, self._clauses, self._reported = turn, [], -1.0
        self._clauses.append((max(now, *(start + length for start, length in self._clauses), 0.0), seconds))
        self._report()

    def _report(self) -> None:
        """Tell what of the answer has sounded: when it begins, ten times a second, and at its end."""
        now = time.monotonic()
        heard = sum(min(length, max(0.0, now - start)) for start, length in self._clauses)
        whole = sum(length for _, length in self._clauses)
        if self._clauses and (heard - self._reported >= 0.1 or heard == whole != self._reported):
            self._reported = heard
            with contextlib.suppress(ConnectionClosed):
                self.send(type="played", turn=self._turn, seconds=heard * HASTE)


def end(served: Served | str, call: str) -> None:
    """Hang up ``call``, whoever carries it, and wait until it is over; nothing happens when it is so already."""
    with Caller(served, type="watch", call=call) as steering:
        with contextlib.suppress(ConnectionClosed):
            steering.send(type="hangup")
        steering.ended()
