"""What does not suit a call in streamlit-webrtc 0.79 and aiortc 1.16, changed in this one place, with the reasons."""

from __future__ import annotations

from typing import Any

import aioice.ice
import aiortc.rtcrtpreceiver
import streamlit_webrtc.component
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket

_addresses = aioice.ice.get_host_addresses


def mend() -> None:
    """As often as one likes."""
    # The component resets a connection that was "not rendered for 1 script runs". A run is counted when its last
    # message leaves the server, not when it ends: of two runs close together one looks like a run without the
    # component, and 3 of 26 calls were connected and carried nothing. ``call_webrtc`` finds out by itself when a page
    # has been left, and takes a new key for each connection, so nothing stale is ever taken up.
    streamlit_webrtc.component.get_script_run_count = _uncounted  # type: ignore
    aiortc.rtcrtpreceiver.JitterBuffer = InOrder  # type: ignore
    aioice.ice.get_host_addresses = addresses


def _uncounted(_session: Any) -> None:
    return None


class InOrder(JitterBuffer):
    """Hands a packet of sound on as it comes, and drops one that comes after a later one.

    aiortc's own holds four packets (80 ms) back; at the first loss it waits for sixteen and stays 300 ms behind for the
    rest of the call. Every packet of Opus is a frame by itself, and what is lost is made silence where it is heard.
    """

    def __init__(self, capacity: int, prefetch: int = 0, is_video: bool = False) -> None:
        super().__init__(capacity, prefetch, is_video)
        self._sound, self._newest = not is_video, -1

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        if not self._sound:
            return super().add(packet)
        ahead = (packet.sequence_number - self._newest) % 65536
        if self._newest >= 0 and (ahead == 0 or ahead > 32768):
            return False, None
        self._newest = packet.sequence_number
        return False, JitterFrame(data=packet._data, timestamp=packet.timestamp)  # type: ignore[attr-defined]


def addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """This machine's addresses as aioice finds them, which leaves out loopback; without a network there is no other."""
    return _addresses(use_ipv4, use_ipv6) or (["127.0.0.1"] if use_ipv4 else [])
