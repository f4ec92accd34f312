"""Hearing a voice before choosing it."""

from __future__ import annotations

import streamlit as st

from core.app.app import parlor
from core.catalogue.kokoro_voices import voices_for
from core.errors import ParlorError
from core.media.audio import wav
from core.pipeline.respond import read_aloud
from core.types.events import Sound
from core.types.messages import Audio, Language, Message, Text
from ui.common.download import offer
from ui.common.safe_markdown import literal
from ui.i18n.words import language, say


def voice_names(language: str) -> dict[str, str]:
    """Voice ids of a language and how they are shown."""
    return {voice.id: voice.name for voice in voices_for(language)}


def sample(spoken: Language) -> None:
    """Say a sentence in the voice chosen for ``spoken``, with what it waits for shown meanwhile."""
    app = parlor()
    words = Message("assistant", (Text(say(f"s_try_{spoken}")),))
    try:
        spec = app.services.choice().speak
        if spec is None or not offer(spec, "sample-"):
            return
        with st.spinner(say("doing_speak")):
            said = read_aloud(words, spec, app.pool, app.settings)
            sounds = [event.audio for event in said if isinstance(event, Sound)]
    except ParlorError as error:
        st.warning(literal(error.said(language())))
        return
    if sounds:
        st.audio(wav(Audio(b"".join(sound.pcm for sound in sounds), sounds[0].rate)), autoplay=True)
