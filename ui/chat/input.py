"""The chat box: words, files and recordings become a Turn, and a run. What cannot be used is told; nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.app.app import parlor
from core.app.runs import Run
from core.errors import BadInput, ParlorError
from core.media.files import open_file
from core.types.messages import Audio, Image, Part, Text, Turn
from ui.chat.thumbnail import picture
from ui.i18n.words import language, say
from ui.playback.player import speak_here


def box(conversation: str, run: Run | None, suggestion: str | None) -> None:
    """Draw what stands at the bottom of the page, and start the turn that was sent."""
    with st.bottom:
        _told()
        _kept()
        if run:
            with st.container(horizontal=True, horizontal_alignment="center"):
                label = say("stopping" if run.stopping else "stop")
                st.button(
                    label,
                    key="stop",
                    icon=":material/stop_circle:",
                    shortcut="Esc",
                    on_click=run.stop,
                    disabled=run.stopping,
                )
    sent = st.chat_input(say("box"), key="box", accept_file="multiple", accept_audio=True, max_upload_size=512)
    if suggestion:
        _send(conversation, (Text(suggestion),), suggestion)
    elif sent:
        parts, troubles = _parts(sent)
        if troubles or not (parts or sent.text.strip()):
            _give_back(sent.text, parts, troubles)
        else:
            words = (Text(sent.text),) if sent.text.strip() else ()
            _send(conversation, (*st.session_state.pop("kept", ()), *parts, *words), sent.text)


def _parts(sent: st.ChatInputValue) -> tuple[list[Part], list[BadInput]]:  # type: ignore[name-defined]
    """Every file and the recording as a part, and the reasons of those that are none."""
    parts: list[Part] = []
    troubles: list[BadInput] = []
    for file in [*sent.files, *([sent.audio] if sent.audio else [])]:
        try:
            parts.append(open_file(file.getvalue(), file.name))
        except BadInput as error:
            troubles.append(error)
    return parts, troubles


def _send(conversation: str, parts: tuple[Part, ...], text: str) -> None:
    app = parlor()
    spoken = app.settings.speech.speak_replies and any(isinstance(part, Audio) for part in parts)
    try:
        conversation = conversation or app.store.create()
        run = app.runs.start(conversation, Turn(parts, speak=spoken))
    except ParlorError as error:
        kept = [part for part in parts if not isinstance(part, Text)]
        _give_back(text, kept, [error])
        return
    speak_here(run.id)
    st.session_state.pop("told", None)
    st.query_params["c"] = conversation
    st.rerun()


def _give_back(text: str, parts: Sequence[Part], troubles: Sequence[ParlorError]) -> None:
    """Keep what could be used for the next message, put the words back into the box, and say what was wrong."""
    st.session_state["kept"] = (*st.session_state.get("kept", ()), *parts)
    st.session_state["told"] = [error.said(language()) for error in troubles]
    st.session_state["words_back"] = text
    st.rerun()


def _told() -> None:
    """What was wrong with the last message, until another is sent; and the words of it, back in the box."""
    words = st.session_state.pop("words_back", None)
    if words:
        st.session_state["box"] = words
    trouble = st.session_state.pop("trouble", None)
    if trouble:
        st.session_state["told"] = [trouble.said(language())]
    for number, told in enumerate(st.session_state.get("told", ())):
        with st.container(key=f"trouble-box-{number}"):
            st.text(told)


def _kept() -> None:
    kept: tuple[Part, ...] = st.session_state.get("kept", ())
    if not kept:
        return
    with st.container(key="kept", horizontal=True, vertical_alignment="center"):
        st.caption(say("kept_files"), width="content")
        for number, part in enumerate(kept):
            if isinstance(part, Image):
                picture(part.data, 56)
            else:
                st.markdown(":material/mic:" if isinstance(part, Audio) else ":material/article:")
            if st.button("", key=f"drop-{number}", icon=":material/close:", type="tertiary", help=say("remove")):
                st.session_state["kept"] = (*kept[:number], *kept[number + 1 :])
                st.rerun()
