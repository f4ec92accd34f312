"""Calls: ``Calls.start`` begins the live call of this process, at most one: there is one loudspeaker to talk from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.app.services import Services
from core.call.recorder import recover
from core.call.transport import CallOptions
from core.errors import BadInput
from core.l10n.text import l10n

if TYPE_CHECKING:
    from core.call.session import Call


class Calls:
    """Begins calls and finds them. What a killed app left of one is put into its conversation at the start."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._call: Call | None = None
        self._lock = threading.Lock()
        self.recovered = recover(services.store, services.settings.home / "calls")

    def start(self, conversation: str, options: CallOptions, clock: Callable[[], float] = time.monotonic) -> Call:
        """A call in ``conversation``, or in a new one where that is empty. One that is being hung up is waited for.

        Raises BadInput while another call is held, and NotInstalled when it could not hear.
        """
        from core.call.session import CLOSING, Call

        with self._lock:
            if self.current():
                raise BadInput(l10n("A call is already going on here. Hang it up, or take it over."))
            if self._call:
                self._call.wait(CLOSING)
            if not conversation or not self._services.store.conversation(conversation):
                conversation = self._services.store.create()
            self._call = Call(self._services, conversation, options, clock)
            return self._call

    def current(self) -> Call | None:
        """The call that goes on now, and is not being hung up."""
        return self._call if self._call and not self._call.closing else None

    def get(self, call: str) -> Call | None:
        """The latest call, if ``call`` is its id, ended or not."""
        return self._call if self._call and self._call.id == call else None

    def close(self) -> None:
        """Hang up and wait until what was said is kept."""
        if self._call:
            self._call.hang_up(l10n("Parlor was closed."))
            self._call.wait(8.0)
