"""The worker process (``python -m core.runtime.child``): open one engine, answer calls until its input closes."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import EngineFailed, NotEnoughMemory, ParlorError
from core.l10n.text import l10n
from core.runtime.frames import CallCancelled, CallEnded, CallItem, CallRequest, Opening, read_frame, write_frame
from core.runtime.protocols import open_engine

# The server's threads, and with them the page and the sound, come first; then who hears and speaks; who writes, reads
# or paints meanwhile has what is left: a first clause must not wait for the words that come long after it.
NICENESS = {"detect": 1, "turn": 2, "hear": 2, "speak": 2}
MEANWHILE = 10


def peak_memory() -> int:
    """Highest resident memory of this process so far, bytes."""
    if sys.platform == "linux":  # not getrusage: its figure begins with that of the process that started this one
        status = Path("/proc/self/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    import psutil

    return int(psutil.Process().memory_info().peak_wset)


class Child:
    """Answers one pipe. ``stopped`` holds the numbers of calls that the parent has cancelled."""

    def __init__(self, frames: BinaryIO, answers: BinaryIO) -> None:
        self._frames = frames
        self._answers = answers
        self._calls: queue.SimpleQueue[CallRequest] = queue.SimpleQueue()
        self._stopped: set[int] = set()
        self._name = ""
        self._engine: Any = None

    def run(self) -> None:
        """Open the engine, then answer; returns only when it could not be opened."""
        opening: Opening = read_frame(self._frames)
        self._name = opening.spec.name
        with contextlib.suppress(OSError, AttributeError):
            os.nice(NICENESS.get(opening.spec.task, MEANWHILE))
        threading.Thread(target=self._listen, daemon=True).start()

        def open_it() -> Iterator[Any]:
            self._engine = open_engine(opening.spec, Path(opening.folder))
            return iter(())

        self._answer(0, open_it)
        while self._engine is not None:
            asked = self._calls.get()
            self._answer(asked.number, lambda: getattr(self._engine, asked.method)(*asked.args))  # noqa: B023 — called at once

    def _listen(self) -> None:
        """Sort what comes in. The parent's end closing ends this process, whatever the engine is doing."""
        try:
            while True:
                frame = read_frame(self._frames)
                if isinstance(frame, CallCancelled):
                    self._stopped.add(frame.number)
                elif isinstance(frame, CallRequest):
                    self._calls.put(frame)
        finally:
            os._exit(0)

    def _answer(self, number: int, begin: Callable[[], Any]) -> None:
        """Stream one call; whatever the engine raises reaches the parent as a ParlorError."""
        trouble: ParlorError | None = None
        try:
            stream = begin()
            for value in stream:
                if number in self._stopped:
                    stream.close()
                    break
                write_frame(self._answers, CallItem(number, value))
        except ParlorError as error:
            trouble = error
        except Exception as error:  # noqa: BLE001 — engines raise anything; this is the last place that can say which one
            traceback.print_exc()
            trouble = self._broke(error)
        self._stopped.discard(number)
        gpu = self._engine.gpu_bytes() if hasattr(self._engine, "gpu_bytes") else 0
        write_frame(self._answers, CallEnded(number, trouble, peak_memory(), gpu))

    def _broke(self, error: Exception) -> ParlorError:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # the latter is torch's
            return NotEnoughMemory(
                l10n(
                    "{name} ran out of memory. Try again: more is set aside for it now. If it stays so, close other "
                    "programs or choose a smaller model.",
                    name=self._name,
                )
            )
        said = f"{type(error).__name__}: {error}"
        return EngineFailed(
            l10n(
                "{name} failed ({said}). Try again; if it stays so, check its files: python start.py models verify.",
                name=self._name,
                said=said,
            )
        )


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches every process; the parent decides
    frames, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # llama.cpp and others write to standard output while they load
    Child(frames, answers).run()


if __name__ == "__main__":
    main()
