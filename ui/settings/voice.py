"""The part of the settings that says in which voice answers are spoken."""

from __future__ import annotations

import streamlit as st

from core.app.app import parlor
from core.catalogue.spec import ModelSpec
from core.errors import ParlorError
from core.media import voice_references as references
from core.media.audio import open_audio
from ui.common.controls import choose, slide, switch
from ui.common.safe_markdown import literal
from ui.common.voice_sample import sample, voice_names
from ui.i18n.words import language, say


def voice() -> None:
    st.header(say("s_voice"), anchor=False)
    spec = _speaking()
    if spec is None or spec.engine == "kokoro":
        _kokoro()
    else:
        _speakers(spec)
    if spec and spec.clones:
        _references()
    slide("speech.speed", say("s_speed"), 0.5, 2.0, 0.05)
    switch("speech.speak_replies", say("s_speak"))
    switch("call.fillers", say("s_openers"), say("s_openers_help"))
    choose("script", say("s_script"), {"simplified": say("s_simplified"), "traditional": say("s_traditional")})


def _speaking() -> ModelSpec | None:
    try:
        return parlor().services.choice().speak
    except ParlorError:  # a chosen model that is gone is told above the page
        return None


def _kokoro() -> None:
    for spoken in ("en", "zh"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            choose(f"speech.voice_{spoken}", say(f"s_voice_{spoken}"), voice_names(spoken))
            wanted = st.button(say("s_try"), key=f"try-{spoken}", icon=":material/volume_up:")
        if wanted:
            sample(spoken)


def _speakers(spec: ModelSpec) -> None:
    """The speakers inside another model, where it has more than one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(spec.voices) > 1:
            choose("speech.speaker", say("s_speaker"), {"": say("s_best")} | {name: name for name in spec.voices})
        spoken = "zh" if "zh" in spec.languages and language() == "zh" else "en"
        wanted = st.button(say("s_try"), key="try-own", icon=":material/volume_up:")
    if wanted:
        sample("zh" if spoken == "zh" else "en")


def _references() -> None:
    """The voices of recordings: which one is used, and adding one with its owner's consent."""
    home = parlor().settings.home
    known = references.load_all(home)
    choose(
        "speech.reference", say("s_reference"), {"": say("s_reference_none")} | {one.name: one.name for one in known}
    )
    with st.expander(say("s_reference_add"), icon=":material/record_voice_over:"):
        st.caption(say("s_reference_about"))
        name = st.text_input(say("s_reference_name"), key="reference-name", max_chars=60)
        recorded = st.audio_input(say("s_reference_file"), key="reference-audio", sample_rate=None)
        file = st.file_uploader(say("s_reference_file"), key="reference-file", label_visibility="collapsed") or recorded
        agreed = st.checkbox(say("s_reference_consent"), key="reference-consent")
        if st.button(say("s_reference_save"), type="primary", disabled=not (file and name.strip() and agreed)) and file:
            try:
                audio = open_audio(file.getvalue(), file.name)
                kept = references.save(home, name, audio, say("s_reference_consent"))
                parlor().change({"speech.reference": kept.name})
                st.rerun()
            except ParlorError as error:
                st.warning(literal(error.said(language())))
        chosen = next((one for one in known if one.name == parlor().settings.speech.reference), None)
        if chosen and st.button(say("s_reference_remove"), type="tertiary", icon=":material/delete:"):
            references.remove(home, chosen.name)
            parlor().change({"speech.reference": ""})
            st.rerun()
