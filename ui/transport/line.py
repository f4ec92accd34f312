"""The live call of this tab: a component that stands on every page, so that a call outlasts the page it began on."""

from __future__ import annotations

import streamlit as st

from ui.common.component import component
from ui.i18n.words import language, several

PHASES = ("opening", "listening", "hearing", "thinking", "speaking", "held")
_line = component(__file__, "line", "../common/call_parts", "line_sound", "line_microphone", "line_call")


def line(here: bool, call_page: str) -> None:
    """Mount it. ``here``: this is the page of the call, which draws it in full; elsewhere a pill leads back to it."""
    data = {
        "here": here,
        "language": language(),
        "words": several("call_on", "call_back", "call_mute", "call_unmute", "call_hang", "call_blocked")
        | several(*(f"call_{phase}" for phase in PHASES)),
    }
    if _line(key="line", data=data, height="content", on_ask_change=lambda: None).ask:
        st.switch_page(call_page)
