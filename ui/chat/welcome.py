"""The empty page: a greeting, four ways to begin, and which models are there."""

from __future__ import annotations

import streamlit as st

from core.app.app import parlor
from core.catalogue.spec import installed
from core.errors import BadInput
from ui.common.component import component
from ui.common.download import offer
from ui.common.navigation import CALL
from ui.common.safe_markdown import literal
from ui.i18n.words import say

CARDS = {"bulb": "card_explain", "code": "card_code", "voice": "card_voice", "picture": "card_picture"}
_cards = component(__file__, "welcome")


def welcome() -> str | None:
    """Draw it; returns the words of a suggestion that was chosen just now."""
    with st.container(key="welcome"):
        with st.container(key="greeting"):
            st.title(say("greeting"), anchor=False, text_alignment="center")
            st.markdown(say("greeting_sub"), text_alignment="center")
        cards = [{"icon": icon, "title": say(key), "say": say(f"{key}_say")} for icon, key in CARDS.items()]
        said = _cards(key="cards", data={"cards": cards}, on_ask_change=lambda: None, on_talk_change=lambda: None)
        if said.talk:
            st.switch_page(CALL)
        _models()
    chosen: str | None = said.ask
    return chosen


def _models() -> None:
    """One quiet line of what is ready, and an offer for each task that has no model yet."""
    folder = parlor().settings.models
    try:
        choice = parlor().services.choice()
    except BadInput:  # told above the page
        return
    chosen = [spec for spec in (choice.chat, choice.listen, choice.read, choice.speak) if spec]
    ready = [spec.name for spec in chosen if installed(spec, folder)]
    if ready:
        st.caption(f"{say('models_ready')}: " + " · ".join(map(literal, ready)), text_alignment="center")
    missing = [spec for spec in chosen if not installed(spec, folder)]
    if missing:
        st.caption(say("models_missing"))
    for spec in missing:
        offer(spec)
