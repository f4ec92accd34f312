"""Hearing a voice before choosing it."""

from __future__ import annotations

import streamlit as st

from core import media
from core.errors import ParlorError
from core.events import Sound
from core.messages import Audio, Language, Message, Text
from core.parlor import parlor
from core.respond import read_aloud
from core.voices import voices_for
from ui.install import offer
from ui.markdown import literal
from ui.words import language, say


def voice_names(language: str) -> dict[str, str]:
    """Voice ids of a language and how they are shown."""
    return {voice.id: voice.name for voice in voices_for(language)}


def sample(spoken: Language) -> None:
    """Say a sentence in the voice chosen for ``spoken``, with what it waits for shown meanwhile."""
    app = parlor()
    words = Message("assistant", (Text(say(f"s_try_{spoken}")),))
    try:
        spec = app.runs.choice().speak
        if spec is None or not offer(spec, "sample-"):
            return
        with st.spinner(say("doing_speak")):
            said = read_aloud(words, spec, app.pool, app.settings)
            sounds = [event.audio for event in said if isinstance(event, Sound)]
    except ParlorError as error:
        st.warning(literal(error.said(language())))
        return
    if sounds:
        st.audio(media.wav(Audio(b"".join(sound.pcm for sound in sounds), sounds[0].rate)), autoplay=True)
