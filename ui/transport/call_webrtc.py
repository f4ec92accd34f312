"""WebRTC: ``webrtc_line`` draws the component that carries a call from another machine's browser.

Browsers bring their own echo cancellation and jitter buffer.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from ui.common.component import component
from ui.i18n.words import several

if TYPE_CHECKING:
    from streamlit_webrtc import Translations

    from core.call.session import Call
    from ui.transport.webrtc_transport import WebRtcTransport

NOWHERE: dict[str, Any] = {"iceServers": []}  # anything else, None too, makes both sides ask servers on the internet
# Texts of its component and of the one that works it; both know them without rtc_.
TEXTS = ("rtc_start", "rtc_stop", "rtc_select_device", "rtc_media_api_not_available", "rtc_device_ask_permission",
         "rtc_device_not_available", "rtc_device_access_denied", "rtc_mute_microphone", "rtc_unmute_microphone",
         "rtc_select_microphone")  # fmt: skip
STARTED = ("rtc_start", "rtc_stop", "rtc_lost", "rtc_device_not_available", "rtc_device_access_denied")
_starter = component(__file__, "call_webrtc")


@dataclass(slots=True)
class Mounted:
    """The component as it stands in this tab: one key for one call, microphone and visit of the page."""

    call: str
    microphone: str
    transport: WebRtcTransport
    key: str = field(default_factory=lambda: f"webrtc-{uuid.uuid4().hex[:12]}")


def webrtc_line(call: Call, microphone: str = "") -> bool:
    """Draw the component, which begins by itself, and keep ``call`` on its transport; True while they are connected.

    ``microphone`` is a browser's ``deviceId``, empty for its default one. Libraries are loaded here, not with the page.
    """
    from streamlit_webrtc import WebRtcMode, webrtc_streamer
    from streamlit_webrtc.component import generate_frontend_component_key

    from ui.transport.webrtc_patches import mend
    from ui.transport.webrtc_transport import WebRtcTransport

    mend()
    mounted: Mounted | None = st.session_state.get("webrtc")
    said = generate_frontend_component_key(mounted.key) if mounted else ""
    # Streamlit forgets what a component said when a page is drawn without it: then it has been unmounted, and its
    # connection with it.
    if mounted is None or said not in st.session_state or (mounted.call, mounted.microphone) != (call.id, microphone):
        if mounted:
            mounted.transport.hang_up()
        mounted = st.session_state["webrtc"] = Mounted(call.id, microphone, WebRtcTransport(call))
    elif mounted.transport.closed:
        mounted.transport = WebRtcTransport(call)
    with st.container(key="webrtc_line"):
        streamer = webrtc_streamer(
            mounted.key,
            WebRtcMode.SENDRECV,
            frontend_rtc_configuration=NOWHERE,
            server_rtc_configuration=NOWHERE,
            media_stream_constraints=constraints(microphone),
            source_audio_track=mounted.transport.loudspeaker,
            sink_audio_track=mounted.transport.microphone,
            sendback_video=False,
            audio_html_attrs={"autoPlay": True, "controls": False},
            translations=cast("Translations", texts(TEXTS)),
        )
        if worker := streamer._get_worker():
            mounted.transport.end = worker.stop
    _starter(key="webrtc_starter", data={"key": mounted.key, "words": texts(STARTED)})
    return streamer.state.playing


def constraints(microphone: str) -> dict[str, Any]:
    """What the browser is asked for: it takes the loudspeakers' sound out of the microphone's, and evens it."""
    sound: dict[str, Any] = {"echoCancellation": True, "noiseSuppression": True, "autoGainControl": True}
    return {"audio": sound | ({"deviceId": microphone} if microphone else {}), "video": False}


def texts(keys: tuple[str, ...]) -> dict[str, str]:
    return {key.removeprefix("rtc_"): words for key, words in several(*keys).items()}
