"""The page of a live call: the component that draws it, and what it asks of Python."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st

from core.app.app import parlor
from core.call.session import Call
from core.call.transport import CallOptions
from core.catalogue.spec import ModelSpec, installed
from core.errors import ParlorError
from ui.common.component import component
from ui.common.download import offer
from ui.common.navigation import open_chat
from ui.common.voice_sample import voice_names
from ui.i18n.words import WORDS, language, say, several

Carrier = Literal["socket", "webrtc"]
TASKS = ("detect", "hear", "turn", "speak", "chat")  # what a call works with
USED = ("s_voice_en", "s_voice_zh", "send", "try_again", *(key for key in WORDS if key.startswith("call_")))
_call = component(
    __file__,
    "call",
    "../common/call_parts",
    "call_orb",
    "call_talk",
    "call_trouble",
    "call_options",
    "call_show",
    "call_dock",
)


def call_page(conversation: str) -> tuple[Carrier, Call | None, str]:
    """Draw the page; ``conversation`` goes on in the call, empty for a new one.

    Returns how the sound travels, the call over WebRTC that this tab holds, if any, and the chosen microphone.
    """
    known = parlor().store.conversation(conversation) if conversation else None
    held = _held()
    with st.container(key="call_page"):
        ready = _models()
        data = {
            "language": language(),
            "words": several(*USED),
            "conversation": {"id": known.id, "title": known.title or say("untitled")} if known else None,
            "ready": ready,
            "transport": _transport(),
            "watch": held.id if held else None,
            "voices": {code: _voices(code) for code in ("en", "zh")},
            "settings": {"en": parlor().settings.speech.voice_en, "zh": parlor().settings.speech.voice_zh},
        }
        drawn = _call(key="call", data=data, height="content", on_ask_change=_asked, on_transport_change=lambda: None)
    _leave(drawn.ask)
    return _transport(), _held(), st.session_state.get("call_microphone", "")


def _transport() -> Carrier:
    """What the script of the page has found right, or the person has chosen there."""
    chosen = st.session_state.get("call", {}).get("transport")
    return "webrtc" if chosen == "webrtc" else "socket"


def _held() -> Call | None:
    """The call that this tab began over WebRTC, while it lasts."""
    call = parlor().calls.get(st.session_state.get("webrtc_call", ""))
    return call if call and call.phase != "ended" else None


def _models() -> bool:
    """Offer what a call needs and is not there; whether all of it is."""
    app = parlor()
    try:
        choice = app.services.choice()
    except ParlorError:  # a chosen model that is gone is told above the page
        return False
    chosen = {"hear": choice.listen, "speak": choice.speak, "chat": choice.chat}
    first = {task: next(iter(app.catalogue.by_task(task)), None) for task in ("detect", "turn")}
    specs = [spec for task in TASKS if (spec := {**chosen, **first}[task])]
    missing = [spec for spec in specs if not installed(spec, app.settings.models)]
    there = [offer(spec, "call-") for spec in missing]  # every one is drawn
    return all(there)


def _voices(code: str) -> list[tuple[str, str]]:
    """The voices to choose from, as id and name; none where the model that speaks has its own."""
    try:
        spec: ModelSpec | None = parlor().services.choice().speak
    except ParlorError:
        spec = None
    return list(voice_names(code).items()) if spec and spec.engine == "kokoro" else []


def _asked() -> None:
    """What a press in the page asked for, as far as it concerns this page."""
    asked: dict[str, Any] = st.session_state.call.ask
    match asked["what"]:
        case "begin":
            _begin(asked["value"])
        case "new":
            st.query_params.clear()


def _begin(wanted: dict[str, Any]) -> None:
    """Start a call over WebRTC, or go on with the one that waits."""
    options = CallOptions(push=bool(wanted["push"]), voice_en=str(wanted["voice_en"]), voice_zh=str(wanted["voice_zh"]))
    calls = parlor().calls
    try:
        call = calls.current() or calls.start(st.query_params.get("c", ""), options)
    except ParlorError as error:
        st.session_state["trouble"] = error
        return
    st.session_state["webrtc_call"] = call.id
    st.session_state.pop("webrtc", None)  # a connection that was lost is not taken up: a new one is made
    st.session_state["call_microphone"] = str(wanted["microphone"])


def _leave(asked: dict[str, Any] | None) -> None:
    """Go to the chat, if that was asked for: after Parlor was closed as well, when its callbacks know nobody yet."""
    if asked and asked["what"] in ("open", "chat"):
        open_chat(asked["value"] or "")
