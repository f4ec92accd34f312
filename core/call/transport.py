"""Transport: ``Transport`` is what carries a call, its events and its sound; ``CallOptions`` is how the call is held.

There are three (``core/server/call_socket.py``, ``ui/transport/webrtc_transport.py`` and
``core/call/file_transport.py``); none of them is known here. Times are seconds; sound is s16 mono.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.call.events import CallEvent, Clause


class Transport(Protocol):
    """Carries a call: its methods return at once and may be called from any thread."""

    kind: str  # socket, webrtc or file

    def play(self, clause: Clause) -> None:
        """Queue a clause's sound behind what is queued; report what is heard of it by ``Call.played``."""

    def hush(self) -> None:
        """Let no more of what is queued or sounding be heard, from now on."""

    def duck(self, low: bool) -> None:
        """Make what sounds quiet while somebody may be speaking, or as loud as it was."""

    def tell(self, event: CallEvent) -> None:
        """Show an event. A Clause comes by ``play`` only."""


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How a call is held. ``push``: the person presses a key while speaking, and the turn detector is left out.

    Empty voices are those of the settings.
    """

    push: bool = False
    voice_en: str = ""
    voice_zh: str = ""
    partials: bool = True  # captions while the person speaks
