"""Transfer state: what the threads of one download share (progress, connections, stop), and how it is reported."""

from __future__ import annotations

import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
import truststore
from requests.adapters import HTTPAdapter

from core.l10n.text import l10n
from core.text.sizes import size_text
from core.types.events import Progress

OVER_NETWORK = "net "  # prefix of the keys for bytes that come over the network


class Stopped(Exception):
    """The download was cancelled: raised inside its threads, never seen by a caller."""


class TransferState:
    """Shared by the threads of one download. ``cert`` is a CA bundle to trust beside the system's, or empty."""

    def __init__(self) -> None:
        self.cert = ""
        self.waiting = False  # for another process that fetches the same model
        self.label = ""  # file last written to
        self.reached: set[str] = set()  # hosts that have answered
        self.unreachable: set[str] = set()
        self._goal: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._responses: set[requests.Response] = set()
        self._sessions: list[requests.Session] = []
        self._local = threading.local()

    def expect(self, key: str, size: int) -> None:
        """``key`` begins, and will take ``size`` bytes of work; said again, it corrects the figure."""
        with self._lock:
            self._goal[key] = size
            self._done[key] = 0

    def forget(self, key: str) -> None:
        with self._lock:
            self._goal.pop(key, None)
            self._done.pop(key, None)

    def advance(self, key: str, done: int, label: str) -> None:
        with self._lock:
            self._done[key] = done
            self.label = label

    def totals(self, prefix: str = "") -> tuple[int, int]:
        """Bytes done and bytes to do, over all keys that start with ``prefix``."""
        with self._lock:
            done = sum(size for key, size in self._done.items() if key.startswith(prefix))
            return done, sum(size for key, size in self._goal.items() if key.startswith(prefix))

    def check(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """End all transfers at once; the partial files stay."""
        self._stop.set()
        with self._lock:
            responses = list(self._responses)
        for response in responses:
            with suppress(OSError, RuntimeError, ValueError):  # it has just ended by itself
                response.raw.shutdown()

    @contextmanager
    def interruptible(self, response: requests.Response) -> Iterator[None]:
        with self._lock:
            self._responses.add(response)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._responses.discard(response)

    @property
    def session(self) -> requests.Session:
        """This thread's connections: requests' own proxy and CA variables, and the system's certificates as in pip."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.mount("https://", _SystemTrust())
            with self._lock:
                self._sessions.append(self._local.session)
        session: requests.Session = self._local.session
        session.verify = self.cert or True
        return session

    def close(self) -> None:
        """Close the connections, once nothing uses them."""
        for session in self._sessions:
            session.close()


class _SystemTrust(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT), **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return super().proxy_manager_for(proxy, ssl_context=context, **kwargs)


class Report:
    """Turns the state of a flow into Progress; speed is over the last five seconds."""

    def __init__(self, name: str, flow: TransferState) -> None:
        self._name = name
        self._flow = flow
        self._fraction = 0.0
        self._seen: deque[tuple[float, int]] = deque()

    def progress(self) -> Progress:
        name, flow = self._name, self._flow
        if flow.waiting:
            return Progress("download", None, l10n("{name}: another program is fetching it", name=name))
        done, goal = flow.totals()
        if not goal:
            return Progress("download", None, l10n("Preparing {name}", name=name))
        self._fraction = max(self._fraction, min(done / goal, 1.0))
        come, all_ = flow.totals(OVER_NETWORK)
        label = flow.label or name
        if come >= all_:
            return Progress("download", self._fraction, l10n("{label}: unpacking and checking", label=label))
        said = l10n("{label}: {come} of {all}", label=label, come=size_text(come), all=size_text(all_))
        if speed := self._speed(come):
            left = round((all_ - come) / speed)
            time_left = l10n("{minutes} min {seconds} s", minutes=left // 60, seconds=left % 60)
            time_left = time_left if left >= 60 else l10n("{seconds} s", seconds=left)
            said = l10n("{said}, {speed}/s, {time} left", said=said, speed=size_text(speed), time=time_left)
        return Progress("download", self._fraction, said)

    def _speed(self, come: int) -> float:
        """Bytes a second."""
        now = time.monotonic()
        self._seen.append((now, come))
        while self._seen[0][0] < now - 5:
            self._seen.popleft()
        then, had = self._seen[0]
        return max(0.0, (come - had) / (now - then)) if now - then >= 0.5 else 0.0
