"""The live call: talking with it as with a person."""

import streamlit as st

from ui.call.call import call_page
from ui.shell.frame import stand

stand()
transport, call, microphone = call_page(st.query_params.get("c", ""))
if transport == "webrtc" and call:
    from ui.transport.call_webrtc import webrtc_line

    webrtc_line(call, microphone)
