"""The frame around every page: title, style, sidebar, the voice player, the call, and which page is shown."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path

import streamlit as st

from core.app.app import parlor
from core.errors import ParlorError
from ui.common.navigation import CALL, CHAT, MODELS, SETTINGS
from ui.playback.player import player
from ui.shell.notices import closed, notices
from ui.shell.sidebar import sidebar
from ui.transport.line import line

HERE = Path(__file__).resolve().parents[1]
_framed: ContextVar[bool] = ContextVar("framed", default=False)


def home() -> None:
    """Draw the frame and the page that the address names."""
    st.set_page_config("Parlor", page_icon=str(HERE / "mark.svg"), layout="centered", initial_sidebar_state="auto")
    try:
        parlor()
    except ParlorError as error:
        st.html(HERE / "style.css")
        closed(error)
        return
    chat = st.Page(CHAT, title="Parlor", url_path="home", default=True)
    call = st.Page(CALL, title="Parlor", url_path="Call")
    models = st.Page(MODELS, title="Parlor", url_path="Models")
    settings = st.Page(SETTINGS, title="Parlor", url_path="Settings")
    named = st.Page(lambda: st.switch_page(chat, query_params=st.query_params), url_path="Chat", visibility="hidden")
    page = st.navigation([chat, call, models, settings, named], position="hidden")
    st.logo(str(HERE / "logo.svg"), size="large", icon_image=str(HERE / "mark.svg"))
    st.html(HERE / "style.css")
    conversation = st.query_params.get("c", "") if page.url_path == chat.url_path else None
    sidebar(conversation)
    usable = notices(SETTINGS)
    framed = _framed.set(True)
    try:
        page.run()
    finally:
        _framed.reset(framed)
        _player(conversation)
        line(page.url_path == call.url_path, CALL)
    if usable:
        parlor().preload()


def stand() -> None:
    """A page's first line: opened by its address on a fresh server, it runs without Home.py, so frame it here."""
    if not _framed.get():
        home()
        st.stop()


def _player(conversation: str | None) -> None:
    running = parlor().runs.of(conversation) if conversation else None
    player(running.id if running else st.session_state.get("spoken_here"), conversation)
