"""Offering a model that is not installed: its size, a button, and how far its download is."""

from __future__ import annotations

import streamlit as st

from core.catalogue import ModelSpec, installed, size_text
from core.parlor import parlor
from ui.words import language, say


def offer(spec: ModelSpec, place: str = "") -> bool:
    """Draw the offer, or the download under way; True once the model is there. ``place`` tells two offers apart."""
    if installed(spec, parlor().settings.models):
        return True
    key = f"{place}{spec.id}".replace(".", "-")
    with st.container(border=True, key=f"offer-{key}"):
        if parlor().downloads.progress(spec.id):
            _follow(spec, key)
        else:
            _ask(spec, key)
    return False


def _ask(spec: ModelSpec, key: str) -> None:
    trouble = parlor().downloads.trouble(spec.id)
    about = spec.about_zh if language() == "zh" else spec.about
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{spec.name}** · {say('task_' + spec.task)}  \n{about}")
        if st.button(say("get", size=size_text(spec.bytes)), key=f"get-{key}", icon=":material/download:"):
            parlor().downloads.start(spec, parlor().settings)
            st.rerun()
    if trouble:
        st.text(trouble.said(language()))


@st.fragment(run_every=0.5)
def _follow(spec: ModelSpec, key: str) -> None:
    progress = parlor().downloads.progress(spec.id)
    if progress is None:
        st.rerun()
        return
    fraction = progress.fraction or 0.0
    said = (
        say("getting", name=spec.name, percent=round(fraction * 100))
        if fraction
        else say("getting_start", name=spec.name)
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(1.0, fraction), said)
        if st.button(say("cancel"), key=f"cancel-{key}", type="tertiary"):
            parlor().downloads.cancel(spec.id)
