"""The app's own routes beside Streamlit's: ``/live/{run}``, the spoken clauses of a run as they come, and ``/call``.

Streamlit checks neither Host nor Origin of these routes, so it is done here: a page of another site could otherwise
listen in, and a name that is made to point at this machine (DNS rebinding) would look like the app itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from core.app.app import parlor
from core.app.runs import Run
from core.server.call_socket import converse, framed
from core.types.events import Sound

POLL = 0.03  # seconds between looks at a run
POLICY_VIOLATION = 1008
CONTENT_SECURITY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; "
    "style-src 'self' 'unsafe-inline' blob: data:; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; frame-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
)


def routes(hosts: Collection[str]) -> list[BaseRoute]:
    """The routes, open to pages that were themselves loaded from one of ``hosts`` (names without a port)."""

    async def live(socket: WebSocket) -> None:
        if not await admitted(socket, hosts):
            return
        start = socket.query_params.get("from", "0")
        run = parlor().runs.get(socket.path_params["run"])
        try:
            await send_clauses(socket, run, int(start) if start.isdecimal() else 0)
            await socket.close()
        except (
            WebSocketDisconnect,
            RuntimeError,
        ):  # the tab has gone; Starlette says the second when it went in mid-send
            return

    async def call(socket: WebSocket) -> None:
        if await admitted(socket, hosts):
            await converse(socket)

    return [WebSocketRoute("/live/{run}", live), WebSocketRoute("/call", call)]


async def admitted(socket: WebSocket, hosts: Collection[str]) -> bool:
    """Accept a page of this site, and refuse any other before a word is exchanged."""
    if same_site(socket.headers, hosts):
        await socket.accept()
        return True
    await socket.close(POLICY_VIOLATION)
    return False


def same_site(headers: Headers, hosts: Collection[str]) -> bool:
    """Whether the Origin is this very server under a name it is known by. A missing Origin is refused."""
    host = headers.get("host", "")
    return urlsplit(headers.get("origin", "")).netloc == host != "" and urlsplit(f"//{host}").hostname in hosts


async def send_clauses(socket: WebSocket, run: Run | None, start: int) -> None:
    """Send the clauses from number ``start`` on, then ``{"end": true, "stopped": bool}``.

    A clause is one binary frame (``framed``): the header ``{"index", "rate", "text"}`` and s16le mono PCM. An unknown
    run just ends.
    """
    position = index = 0
    while run:
        over = run.finished
        events, position = run.after(position)
        for event in events:
            if isinstance(event, Sound):
                if index >= start:
                    await socket.send_bytes(clause(index, event))
                index += 1
        if over:
            break
        await anyio.sleep(POLL)
    await socket.send_text(json.dumps({"end": True, "stopped": run is not None and run.stopping}))


def clause(index: int, sound: Sound) -> bytes:
    return framed({"index": index, "rate": sound.audio.rate, "text": sound.text}, sound.audio.pcm)


class ContentSecurity:
    """Middleware: tells the browser to load nothing from anywhere else, whatever an answer may contain."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", CONTENT_SECURITY.encode())]
            await send(message)

        await self.app(scope, receive, with_header if scope["type"] == "http" else send)
