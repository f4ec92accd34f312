"""One child process around one engine, seen from the app: a call goes in, a stream of items comes out.

The child (``core/child.py``) ends by itself when its standard input closes, so nothing is left over however the app
went.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.catalogue import ModelSpec
from core.errors import WorkerDied
from core.events import Tick
from core.wire import Asked, Cancelled, Ended, Item, Opening, read_frame, write_frame

ROOT = Path(__file__).resolve().parent.parent
TICK = 0.05  # seconds a call waits for an item before it says that there is none yet
# OpenMP threads that wait for one another sleep instead of spinning. Two other busy processes on two cores: 45 tokens a
# second with SmolLM2, against 7 spinning, and less than one when spinning at our lower priority.
YIELDING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
GRACE = 0.7  # seconds an engine has to end a cancelled call before its process is ended


class Worker:
    """A child process with one engine. One call at a time; ``opening`` must be read to its end first."""

    def __init__(self, spec: ModelSpec, folder: Path) -> None:
        self.spec = spec
        self.peak = 0  # bytes
        self._frames: queue.SimpleQueue[Any] = queue.SimpleQueue()  # ends with None when the process is gone
        self._number = 0
        command, environment = [sys.executable, "-m", "core.child"], YIELDING | os.environ
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        threading.Thread(target=self._receive, name=f"worker {spec.id}", daemon=True).start()
        self._send(Opening(spec, str(folder)))

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def opening(self) -> Iterator[Tick]:
        """Wait until the engine is open; closing this ends the process. Raises what its load raised, or WorkerDied."""
        opened = False
        try:
            for _ in Call(self, 0):
                yield Tick()
            opened = True
        finally:
            if not opened:
                self.kill()

    def call(self, method: str, *args: Any) -> Call:
        """Begin ``engine.method(*args)``; read the answer from the Call."""
        self._number += 1
        self._send(Asked(self._number, method, args))
        return Call(self, self._number)

    def kill(self) -> None:
        """End the process now and wait until its memory is given back."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]

    def take(self, timeout: float) -> Any:
        """The next frame, or None when ``timeout`` seconds bring none. Raises WorkerDied."""
        try:
            frame = self._frames.get(timeout=timeout) if timeout else self._frames.get_nowait()
        except queue.Empty:
            return None
        if frame is None:
            self._frames.put(None)
            raise self._died()
        if isinstance(frame, Ended):
            self.peak = max(self.peak, frame.peak)
        return frame

    def cancel(self, number: int) -> None:
        """Ask the engine to end a call; end the process when it does not within GRACE seconds."""
        self._send(Cancelled(number))
        until = time.monotonic() + GRACE
        with contextlib.suppress(WorkerDied):
            while (left := until - time.monotonic()) > 0:
                frame = self.take(left)
                if isinstance(frame, Ended) and frame.number == number:
                    return
            self.kill()

    def _died(self) -> WorkerDied:
        code = self._process.wait()
        why, warum = (f"signal {-code}", f"信号 {-code}") if code < 0 else (f"exit status {code}", f"退出码 {code}")
        return WorkerDied(
            f"{self.spec.name} ended unexpectedly ({why}). What was said so far is kept; try again to start it anew.",
            f"{self.spec.name} 意外退出（{warum}）。已有内容已保留；请重试，它会重新启动。",
        )

    def _send(self, value: object) -> None:
        try:
            write_frame(self._process.stdin, value)  # type: ignore[arg-type]
        except (OSError, ValueError):  # broken or closed pipe: the next take tells what became of the process
            self._frames.put(None)

    def _receive(self) -> None:
        with self._process.stdout as answers:  # type: ignore[union-attr]
            with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
                while True:
                    self._frames.put(read_frame(answers))  # type: ignore[arg-type]
            self._process.kill()
        self._frames.put(None)


class Call:
    """The stream of one call. Iterating yields its items, and a Tick whenever TICK seconds bring none.

    ``ready`` never waits. ``close`` cancels what is not over; leaving a ``with`` closes.
    """

    def __init__(self, worker: Worker, number: int) -> None:
        self._worker = worker
        self._number = number
        self.over = False

    def __enter__(self) -> Call:
        return self

    def __exit__(self, *why: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        while not self.over:
            frame = self._next(TICK)
            if frame is None:
                yield Tick()
            elif isinstance(frame, Item):
                yield frame.value

    def ready(self) -> Iterator[Any]:
        """The items that have come in meanwhile."""
        while not self.over and (frame := self._next(0)) is not None:
            if isinstance(frame, Item):
                yield frame.value

    def close(self) -> None:
        if not self.over:
            self.over = True
            self._worker.cancel(self._number)

    def _next(self, timeout: float) -> Any:
        try:
            frame = self._worker.take(timeout)
        except WorkerDied:
            self.over = True
            raise
        if isinstance(frame, Ended):
            self.over = True
            if frame.trouble:
                raise frame.trouble
        return frame
