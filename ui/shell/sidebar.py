"""The sidebar: a new conversation, a search over all of them, their list, and the way to the settings."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from core.app.app import parlor
from core.errors import ParlorError
from core.store import export
from core.store.store import Hit
from core.types.messages import Audio, Image
from ui.common import download as install
from ui.common.component import component
from ui.common.navigation import CALL, MODELS, SETTINGS, open_chat
from ui.common.safe_markdown import literal
from ui.i18n.words import language, say, several

PAGE = 50  # conversations shown at first, and more at each "Show more"
_shelf = component(__file__, "shelf")


def sidebar(current: str | None) -> None:
    """``current`` is the conversation being shown, empty for a new one, None on another page."""
    with st.sidebar, st.container(key="sidebar"):
        if st.button(say("new_chat"), key="new_chat", icon=":material/edit_square:", width="stretch", shortcut="Mod+K"):
            open_chat("")
        goes_on = {"c": current} if current else None
        st.page_link(CALL, label=say("call"), icon=":material/call:", width="stretch", query_params=goes_on)
        st.text_input(
            say("search"),
            key="search",
            type="search",
            placeholder=say("search"),
            label_visibility="collapsed",
            icon=":material/search:",
            live="250ms",
        )
        _list(current or "", st.session_state.search.strip())
        with st.container(key="foot"):
            if st.button(say("import"), key="import", icon=":material/upload:", type="tertiary", width="stretch"):
                st.session_state["dialog"] = ("import", "")
            st.page_link(MODELS, label=say("models"), icon=":material/deployed_code:", width="stretch")
            st.page_link(SETTINGS, label=say("settings"), icon=":material/tune:", width="stretch")
    _dialog(*st.session_state.get("dialog", ("", "")))


def _list(current: str, query: str) -> None:
    store = parlor().store
    limit = st.session_state.setdefault("shelf_limit", PAGE)
    rows = store.conversations(limit + 1)
    data = {
        "rows": [{"id": row.id, "title": row.title, "updated": row.updated} for row in rows[:limit]],
        "more": len(rows) > limit,
        "current": current,
        "hits": [_hit(hit) for hit in store.search(query)] if query else None,
        "deleted": _deleted(),
        "words": several("today", "yesterday", "week", "earlier", "show_more", "menu", "rename", "export", "delete")
        | several("undo", "untitled", "no_hits", "no_conversations"),
    }
    asked = _shelf(key="shelf", data=data, on_ask_change=_asked).ask
    if asked and asked["what"] == "open":
        if asked["title"]:
            store.select(int(asked["title"]))
        open_chat(asked["id"])
    if asked and asked["what"] == "delete" and asked["id"] == current:
        open_chat("")


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "id": hit.conversation.id,
        "node": hit.node,
        "title": hit.conversation.title or say("untitled"),
        "excerpt": hit.excerpt,
    }


def _deleted() -> dict[str, Any] | None:
    """What was deleted last, while it can still be brought back here."""
    id, title, at = st.session_state.get("deleted", ("", "", 0.0))
    if time.time() - at > 12:
        return None
    return {"id": id, "said": say("deleted", title=title), "at": at}


def _asked() -> None:
    """What was asked of one conversation in the list."""
    asked = st.session_state.shelf.ask
    store, id = parlor().store, asked["id"]
    known = store.conversation(id) if id else None
    match asked["what"]:
        case "more":
            st.session_state["shelf_limit"] += PAGE
        case "rename":
            store.rename(id, asked["title"])
        case "delete" if known:
            running = parlor().runs.of(id)
            if running:
                running.stop()
            store.delete(id)
            st.session_state["deleted"] = (id, known.title or say("untitled"), time.time())
        case "restore":
            store.restore(id)
            st.session_state.pop("deleted", None)
        case "export":
            st.session_state["dialog"] = ("export", id)


def _dialog(kind: str, conversation: str) -> None:
    """Open the dialog that was asked for in this or an earlier run; it stays until it is dismissed."""
    if kind == "import":
        st.dialog(say("import"), on_dismiss=_dismiss)(_import)()
    if kind == "terms":
        st.dialog(say("m_terms_title"), on_dismiss=_dismiss)(install.terms)(conversation)
    known = parlor().store.conversation(conversation) if kind == "export" else None
    if known:
        title = say("export_title", title=(known.title or say("untitled"))[:60].replace("[", "(").replace("]", ")"))
        st.dialog(literal(title), on_dismiss=_dismiss)(_export)(conversation, known.title)


def _dismiss() -> None:
    st.session_state.pop("dialog", None)


def _export(conversation: str, title: str) -> None:
    store = parlor().store
    st.write(say("export_about"))
    name = "".join(letter for letter in title if letter.isalnum() or letter in " -_")[:60].strip() or "parlor"
    zipped = any(isinstance(part, Image | Audio) for node in store.path(conversation) for part in node.message.parts)
    ending, kind = ("zip", "application/zip") if zipped else ("md", "text/markdown")
    markdown = partial(export.to_markdown, store, conversation, language())
    json = partial(export.to_json, store, conversation)
    with st.container(horizontal=True):
        st.download_button("Markdown", markdown, f"{name}.{ending}", kind, on_click="ignore", icon=":material/article:")
        st.download_button(
            "JSON", json, f"{name}.json", "application/json", on_click="ignore", icon=":material/data_object:"
        )


def _import() -> None:
    st.write(say("import_about"))
    file = st.file_uploader(say("import_file"), type=["json", "md", "zip"], label_visibility="collapsed")
    if not file:
        return
    store, data = parlor().store, file.getvalue()
    try:
        json = file.name.lower().endswith(".json")
        conversation = (
            export.from_json(store, data) if json else export.from_markdown(store, data, Path(file.name).stem)
        )
    except ParlorError as error:
        st.warning(literal(error.said(language())))
        return
    _dismiss()
    open_chat(conversation)
