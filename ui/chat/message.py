"""One message of a conversation, as it stands in the store."""

from __future__ import annotations

import streamlit as st

from core.app.app import parlor
from core.media.audio import wav
from core.store.store import Node
from core.types.messages import Audio, Image, Message, Part, Reading, Text, Transcript, Turn
from ui.chat.actions import actions
from ui.chat.begin import begin
from ui.chat.live_run import notes
from ui.chat.pictures import drawn
from ui.chat.thumbnail import picture
from ui.common.download import offer
from ui.common.safe_markdown import safe
from ui.i18n.words import WORDS, language, say
from ui.playback.heard import heard

LONG = 4000  # characters of one's own text drawn before it is asked for


def message(node: Node, idle: bool) -> None:
    """Draw ``node`` with its row of actions; ``idle`` when nothing is being answered in this conversation."""
    if node.message.role == "user":
        _question(node, idle)
    else:
        _answer(node, idle)


def _question(node: Node, idle: bool) -> None:
    with st.container(key=f"you-{node.id}"):
        parts = node.message.parts
        pictures = [part for part in parts if isinstance(part, Image)]
        if pictures:
            with st.container(key=f"shown-{node.id}", horizontal=True):
                for image in pictures:
                    picture(image.data, 280 if len(pictures) == 1 else 180)
        for number, reading in enumerate(part for part in parts if isinstance(part, Reading)):
            _reading(node, number, reading)
        for number, part in enumerate(parts):
            if isinstance(part, Audio):
                with st.container(key=f"recording-{node.id}-{number}"):
                    st.audio(wav(part))
        if st.session_state.get("editing") == node.id:
            _edit(node)
            return
        for number, part in enumerate(parts):
            if isinstance(part, Text | Transcript):
                _bubble(node, number, part)
        actions(node, idle)


def _bubble(node: Node, number: int, part: Text | Transcript) -> None:
    transcript = part if isinstance(part, Transcript) else None
    if not part.text.strip():
        if transcript:
            st.caption(say("heard_nothing"), text_alignment="right")
        return
    with st.container(key=f"bubble-{node.id}-{number}"):
        if transcript:
            code = transcript.language
            st.caption(f"{say('heard')} · {language_name(code)}" if code else say("heard"))
        if len(part.text) <= LONG:
            _words(node, number, part)
            return
        whole = st.session_state.get(f"whole-{node.id}-{number}", False)
        with st.container(height=420 if whole else "content", border=False):
            if whole:
                _words(node, number, part)
            else:
                st.text(part.text[:LONG].rstrip() + " …")
        label = say("show_less" if whole else "show_all")
        st.toggle(f"{label} ({len(part.text):,})", key=f"whole-{node.id}-{number}")


def _words(node: Node, number: int, part: Text | Transcript) -> None:
    """All of a part's words; those whose times in the recording before it are known can be clicked."""
    if isinstance(part, Transcript) and part.words and number and isinstance(node.message.parts[number - 1], Audio):
        heard(f"heard-{node.id}-{number}", part, f"recording-{node.id}-{number - 1}")
    else:
        st.text(part.text)


def _reading(node: Node, number: int, reading: Reading) -> None:
    with st.container(key=f"readings-{node.id}-{number}"):
        if reading.lines:
            with st.expander(say("words_in_picture", count=len(reading.lines)), icon=":material/document_scanner:"):
                st.code(reading.text, language=None, wrap_lines=True)
        else:
            st.caption(say("no_words_in_picture"), text_alignment="right")


def _edit(node: Node) -> None:
    """A box with the message's words; sending makes a new version. A recording gives way to its corrected words."""
    with st.form(f"edit-{node.id}", border=False):
        words = st.text_area(say("edit_label"), node.message.text, key=f"words-{node.id}", label_visibility="collapsed")
        with st.container(horizontal=True, horizontal_alignment="right"):
            cancel = st.form_submit_button(say("cancel"), type="tertiary")
            send = st.form_submit_button(say("send"), type="primary")
    if cancel:
        st.session_state.pop("editing", None)
        st.rerun()
    if send and (words.strip() or any(node.message.images)):
        kept: tuple[Part, ...] = tuple(part for part in node.message.parts if isinstance(part, Image | Reading))
        turn = Turn((*kept, Text(words)) if words.strip() else kept)
        st.session_state.pop("editing", None)
        begin(lambda: parlor().runs.edit(node.id, turn))
        st.rerun()


def _answer(node: Node, idle: bool) -> None:
    with st.container(key=f"parlor-{node.id}"):
        spoken = _spoken(node)
        if node.message.text and not spoken:
            st.markdown(safe(node.message.text))
        drawn(node)
        failed = bool(node.trouble)
        if failed:
            trouble(node)
        elif node.message.cut:
            with st.container(key=f"note-{node.id}"):
                st.markdown(f":material/stop_circle: {say('cut' if node.message.parts else 'cut_empty')}")
        for number, note in enumerate(notes().get(node.id, ())):
            with st.container(key=f"note-{node.id}-{number}"):
                st.text(note.text.into(language()))
        if st.session_state.get("listening") == node.id and not spoken:
            listen(node.message)
        if node.message.parts or not failed:
            actions(node, idle)


def _spoken(node: Node) -> bool:
    """An answer that was spoken in a call, as its words over its sound; False when it is none, and nothing is drawn."""
    match node.message.parts:
        case [Audio() as sound, Transcript(words=words) as said, *rest] if words:
            written = any(isinstance(part, Text | Transcript) for part in rest)
        case _:
            return False
    if written:
        return False
    listening = st.session_state.get("listening") == node.id
    player = f"{'listening' if listening else 'recording'}-{node.id}-0"  # style.css hides the second
    heard(f"heard-{node.id}-1", said, player)
    with st.container(key=player):
        st.audio(wav(sound), autoplay=listening)
    return True


def trouble(node: Node) -> None:
    """Why an answer failed, with what can be done about it right here."""
    with st.container(key=f"trouble-{node.id}"):
        st.text(node.trouble.into(language()))
        named = [spec for spec in parlor().catalogue.models if str(node.trouble).endswith(f" models get {spec.id}")]
        missing = [spec for spec in named if not offer(spec, f"node{node.id}-")]
        if not missing and st.button(say("try_again"), key=f"retry-{node.id}", icon=":material/refresh:"):
            begin(lambda: parlor().runs.again(node.id))
            st.rerun()


def listen(message: Message) -> None:
    """The voice of an answer, playing, with controls."""
    for sound in (part for part in message.parts if isinstance(part, Audio)):
        st.audio(wav(sound), autoplay=True)


def language_name(code: str) -> str:
    return say(f"l_{code}") if f"l_{code}" in WORDS else code
