"""What a person should know about the app itself, above whatever page is open."""

from __future__ import annotations

import streamlit as st

from core.app.app import parlor
from core.errors import BadInput, ParlorError
from ui.i18n.words import language, say


def notices(settings_page: str) -> bool:
    """Tell of a database that was set aside and of a chosen model that is unknown; True when the models can be used."""
    app = parlor()
    if app.store.trouble:
        with st.container(key="trouble-store"):
            st.text(app.store.trouble.said(language()))
            st.button(say("understood"), key="understood", on_click=_understood)
    try:
        app.services.choice()
    except BadInput as error:
        with st.container(key="trouble-choice"):
            st.text(f"{say('unknown_model')} {error.said(language())}")
            st.page_link(settings_page, label=say("settings"), icon=":material/tune:")
        return False
    return True


def closed(error: ParlorError) -> None:
    """The whole page, when the data folder cannot be opened as it is: why, and a button for when that is mended."""
    with st.container(key="trouble-app"):
        st.text(error.said(language()))
        st.button(say("try_again"), key="reopen", icon=":material/refresh:")


def _understood() -> None:
    parlor().store.trouble = None
