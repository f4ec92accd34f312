"""Where the pages are, and going to a conversation."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).resolve().parents[2] / "pages"


CALL, CHAT, MODELS, SETTINGS = (str(PAGES / f"{name}.py") for name in ("Call", "Chat", "Models", "Settings"))


def open_chat(conversation: str) -> None:
    """Show a conversation, or an empty page for a new one."""
    st.session_state.pop("editing", None)
    st.switch_page(CHAT, query_params={"c": conversation} if conversation else {})
