"""The voice of this tab: a component that stands on every page and plays the clauses of a run in order."""

from __future__ import annotations

import streamlit as st

from ui.common.component import component
from ui.i18n.words import language, several

_player = component(__file__, "player")


def player(run: str | None, conversation: str | None) -> None:
    """Mount it. ``run`` may be spoken here; ``conversation`` is None where a page has none, empty for a new one.

    A tab speaks the runs it has started, and goes on after a reload with the clause it was at; other tabs are silent.
    """
    data = {
        "run": run,
        "mine": run is not None and run == st.session_state.get("spoken_here"),
        "conversation": conversation,
        "language": language(),
        "words": several("speaking", "play", "silence"),
    }
    _player(key="player", data=data, height="content")


def speak_here(run: str) -> None:
    """This tab has started ``run`` and is the one to speak it."""
    st.session_state["spoken_here"] = run
