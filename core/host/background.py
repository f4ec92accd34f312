"""Background work: ``Background`` runs a function or drives a generator on a thread, and always reports how it ended.

Whatever the work raises becomes a ParlorError: its own, or ``unexpected`` with the traceback in the log.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Generator
from typing import TypeVar

from core.errors import ParlorError

LOG = logging.getLogger(__name__)

T = TypeVar("T")


class Background:
    """One piece of work on a daemon thread called ``name``; ``unexpected`` tells a person of an error nobody foresaw.

    Begin it once, with ``run`` or ``drive``. Their ``ended`` is called once, on that thread, as the last thing: with
    None or what went wrong. ``stop`` may come before the beginning.
    """

    def __init__(self, name: str, unexpected: ParlorError) -> None:
        self._name, self._unexpected = name, unexpected
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], object], ended: Callable[[ParlorError | None], None]) -> None:
        """Begin ``work``. It has to look at ``stopping`` itself."""

        def whole() -> None:
            error: ParlorError | None = self._unexpected  # should even the log fail
            try:
                error = self.outcome(work)
            finally:
                ended(error)

        self._thread = threading.Thread(target=whole, name=self._name, daemon=True)
        self._thread.start()

    def drive(
        self,
        items: Generator[T, None, object],
        each: Callable[[T], None],
        ended: Callable[[ParlorError | None], None],
    ) -> None:
        """Begin to hand the ``items`` to ``each``; once stopped, the generator is closed after the next of them."""

        def work() -> None:
            with contextlib.closing(items):
                while not self.stopping:
                    try:
                        item = next(items)
                    except StopIteration:
                        return
                    each(item)

        self.run(work, ended)

    def outcome(self, work: Callable[[], object]) -> ParlorError | None:
        """Do ``work`` here and now; what went wrong."""
        try:
            work()
        except ParlorError as error:
            return error
        except BaseException:  # a thread's last word: whatever it is, the person must hear of it
            LOG.exception("%s failed", self._name)
            return self._unexpected
        return None

    def stop(self) -> None:
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def join(self, seconds: float) -> bool:
        """Wait until ``ended`` has been called, but no longer than ``seconds``; whether it has."""
        if self._thread is not None:
            self._thread.join(seconds)
        return not self.alive
