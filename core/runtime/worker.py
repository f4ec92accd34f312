"""Worker: one child process around one engine, seen from the app: a call goes in, a stream of items comes out.

The child (``core/runtime/child.py``) ends by itself when its standard input closes, so nothing is left over however the
app went.
"""

from __future__ import annotations

import contextlib
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from core.catalogue.spec import ModelSpec
from core.errors import NotEnoughMemory, WorkerDied
from core.l10n.text import NOTHING, l10n
from core.runtime.frames import CallCancelled, CallEnded, CallItem, CallRequest, Opening, read_frame, write_frame
from core.types.events import Tick

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
TICK = 0.05  # seconds a call waits for an item before it says that there is none yet
LOG_BYTES = 1_000_000  # at this size the engines' log is begun anew
GRACE = 3.0  # seconds an engine has to end a cancelled call before its process is ended; nobody waits for it meanwhile


class Worker:
    """A child process with one engine. One call at a time; ``opening`` must be read to its end first."""

    def __init__(self, spec: ModelSpec, folder: Path, log: Path) -> None:
        self.spec = spec
        self.peak = self.gpu_peak = 0  # bytes
        self._refused = False  # its engine did not get the memory it asked for
        self._ended = False  # by us
        self._frames: queue.SimpleQueue[Any] = queue.SimpleQueue()  # ends with None when the process is gone
        self._number = 0
        self._called: int | None = None  # the call that has not ended yet
        command = [sys.executable, "-m", "core.runtime.child"]
        mode = "wb" if log.exists() and log.stat().st_size > LOG_BYTES else "ab"
        with log.open(mode) as words:  # what libraries print, and tracebacks: for the log, not for the person
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words
            )
        assert self._process.stdin
        assert self._process.stdout
        self._calls, self._answers = self._process.stdin, self._process.stdout
        threading.Thread(target=self._receive, name=f"worker {spec.id}", daemon=True).start()
        self._send(Opening(spec, str(folder)))

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def opening(self) -> Generator[Tick, None, None]:
        """Wait until the engine is open; closing this ends the process. Raises what its load raised, or WorkerDied."""
        opened = False
        try:
            for _ in EngineCall[None](self, 0):
                yield Tick()
            opened = True
        finally:
            if not opened:
                self.kill()

    def call(self, method: str, *args: Any) -> EngineCall[Any]:
        """Begin ``engine.method(*args)``; ``core.runtime.engines`` has a typed method for each."""
        self.settle()
        self._number += 1
        self._called = self._number
        self._send(CallRequest(self._number, method, args))
        return EngineCall(self, self._number)

    @property
    def calling(self) -> bool:
        """Whether a call has not ended: its engine may still be computing for nobody."""
        return self._called is not None and self.alive

    @property
    def short(self) -> bool:
        """Whether it wanted more memory than there was: its engine said so, or a SIGKILL that is not ours ended it.

        The kernel sends one when memory runs out.
        """
        return self._refused or (self._process.poll() == -9 and not self._ended)

    def kill(self) -> None:
        """End the process now and wait until its memory is given back."""
        self._ended = self._ended or self.alive
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._calls.close()

    def take(self, timeout: float) -> Any:
        """The next frame, or None when ``timeout`` seconds bring none. Raises WorkerDied."""
        try:
            frame = self._frames.get(timeout=timeout) if timeout else self._frames.get_nowait()
        except queue.Empty:
            return None
        if frame is None:
            self._frames.put(None)
            raise self._died()
        if isinstance(frame, CallEnded):
            self.peak, self.gpu_peak = max(self.peak, frame.peak), max(self.gpu_peak, frame.gpu)
            self._refused = self._refused or isinstance(frame.trouble, NotEnoughMemory)
            if frame.number == self._called:
                self._called = None
        return frame

    def cancel(self, number: int) -> None:
        """Ask the engine to end a call, without waiting for it."""
        self._send(CallCancelled(number))

    def settle(self) -> None:
        """Wait until a cancelled call has ended; end the process when that takes more than GRACE seconds."""
        until = time.monotonic() + GRACE
        with contextlib.suppress(WorkerDied):
            while self.calling:
                if (left := until - time.monotonic()) <= 0:
                    self.kill()
                    return
                self.take(left)

    def _died(self) -> WorkerDied:
        code = self._process.wait()
        why = l10n("signal {code}", code=-code) if code < 0 else l10n("exit status {code}", code=code)
        guess = l10n(", probably for want of memory") if self.short else NOTHING
        return WorkerDied(
            l10n(
                "{name} ended unexpectedly ({why}){guess}. What was said so far is kept; try again to start it anew.",
                name=self.spec.name,
                why=why,
                guess=guess,
            )
        )

    def _send(self, value: object) -> None:
        try:
            write_frame(self._calls, value)
        except (OSError, ValueError):  # broken or closed pipe: the next take tells what became of the process
            self._frames.put(None)

    def _receive(self) -> None:
        try:
            with self._answers as answers:
                while True:
                    self._frames.put(read_frame(answers))
        except (EOFError, OSError):
            pass  # the child is gone
        except pickle.UnpicklingError:
            self._ended = self.alive  # it no longer makes sense
        finally:
            self._process.kill()
            self._frames.put(None)


class EngineCall(Generic[T]):
    """The stream of one call. Iterating yields its items, and a Tick whenever TICK seconds bring none.

    ``ready`` never waits. ``close`` cancels what is not over; leaving a ``with`` closes.
    """

    def __init__(self, worker: Worker, number: int) -> None:
        self._worker = worker
        self._number = number
        self.over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[T | Tick]:
        while not self.over:
            frame = self._next(TICK)
            if frame is None:
                yield Tick()
            elif isinstance(frame, CallItem):
                yield frame.value

    def ready(self) -> Iterator[T]:
        """The items that have come in meanwhile."""
        while not self.over and (frame := self._next(0)) is not None:
            if isinstance(frame, CallItem):
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
        if isinstance(frame, CallEnded):
            self.over = True
            if frame.trouble:
                raise frame.trouble
        return frame
