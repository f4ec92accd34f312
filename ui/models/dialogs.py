"""What the Models page asks before it acts: which model to add, and whether to remove one."""

from __future__ import annotations

import streamlit as st

from core.app.app import parlor
from core.catalogue.spec import Folder, ModelSpec
from core.errors import BadInput, ParlorError
from core.text.sizes import size_text
from ui.common.download import close
from ui.common.safe_markdown import literal
from ui.i18n.words import language, say
from ui.models.add import add


def dialogs() -> None:
    """Open the one that was asked for in this or an earlier run; it stays until it is dismissed."""
    kind, id = st.session_state.get("dialog", ("", ""))
    if kind == "add":
        st.dialog(say("m_add"), on_dismiss=_dismiss)(add)()
    if kind == "remove":
        try:
            spec = parlor().catalogue.find(id)
        except BadInput:  # gone in another tab
            _dismiss()
            return
        st.dialog(say("m_remove_title"), on_dismiss=_dismiss)(_remove)(spec)


def _remove(spec: ModelSpec) -> None:
    sources = [source for file in spec.files for source in file.sources]
    only_here = not spec.repository and all(isinstance(source, Folder) for source in sources)
    words = {"name": f"**{literal(spec.name)}**", "size": size_text(spec.bytes)}
    st.markdown(say("m_remove_own" if only_here else "m_remove_about", **words))
    place = st.container()
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(say("m_keep"), type="tertiary"):
            close()
        if st.button(say("m_remove_now"), type="primary", icon=":material/delete:", key="remove_now"):
            try:
                parlor().remove(spec)
            except ParlorError as error:
                with place.container(key="trouble-remove"):
                    st.text(error.said(language()))
                return
            parlor().jobs.dismiss(spec.id)
            close()


def _dismiss() -> None:
    st.session_state.pop("dialog", None)
