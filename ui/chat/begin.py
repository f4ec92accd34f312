"""Beginning a turn from this page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.app.runs import Run
from core.errors import ParlorError
from ui.playback.player import speak_here


def begin(start: Callable[[], Run]) -> None:
    """Start a run that this tab will speak; what hinders it is told above the chat box, and nothing is changed."""
    try:
        speak_here(start().id)
    except ParlorError as error:
        st.session_state["trouble"] = error
