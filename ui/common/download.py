"""Fetching a model: its button, how far it is, pausing and going on, its licence, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import streamlit as st

from core.app.app import parlor
from core.catalogue.licences import meaning
from core.catalogue.spec import ModelSpec, installed
from core.errors import ParlorError
from core.manage.jobs import Jobs
from core.text.sizes import size_text
from core.types.events import Progress
from ui.common.safe_markdown import literal
from ui.i18n.words import language, say


def offer(spec: ModelSpec, place: str = "") -> bool:
    """Draw the offer, or the download under way; True once the model is there. ``place`` tells two offers apart."""
    if installed(spec, parlor().settings.models):
        return True
    key = f"{place}{spec.id}"
    with st.container(border=True, key=f"offer-{key}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{literal(spec.name)}** · {say('task_' + spec.task)}  \n{literal(about(spec))}")
            get(spec, key)
        state(spec, key)
    return False


def about(spec: ModelSpec) -> str:
    return spec.about.into(language())


def get(spec: ModelSpec, key: str, best: bool = False) -> None:
    """The button that fetches ``spec`` or goes on fetching; nothing while it is being fetched."""
    if jobs().progress(spec.id):
        return
    paused = jobs().paused(spec)
    label = (
        say("m_resume") if paused else say("m_get_size", size=size_text(spec.bytes)) if spec.bytes else say("m_get_any")
    )
    icon = ":material/play_arrow:" if paused else ":material/download:"
    kind: Literal["primary", "secondary"] = "primary" if best or paused else "secondary"
    st.button(label, key=f"get-{key}", icon=icon, type=kind, on_click=partial(_get, spec))
    if paused:
        st.button(say("cancel"), key=f"drop-{key}", type="tertiary", on_click=partial(_drop, spec))


def state(spec: ModelSpec, key: str) -> None:
    """What is going on with ``spec``, how much of it lies here unfinished, or how the last attempt ended."""
    if jobs().progress(spec.id):
        under_way(spec.id, key, pausable=not installed(spec, parlor().settings.models))
        return
    if paused := jobs().paused(spec):
        have = {"have": size_text(paused), "size": size_text(spec.bytes)}
        st.caption(say("m_paused", **have) if spec.bytes else say("m_paused_any", have=have["have"]))
    there = installed(spec, parlor().settings.models)
    again = partial(_get, spec) if any(file.sources for file in spec.files) or spec.repository else None
    ended(spec.id, key, again, say("m_get_again" if there else "try_again"))


@st.fragment(run_every=0.5)
def under_way(job: str, key: str, pausable: bool = False, title: str = "") -> None:
    """The bar of a job with its own words on it, and its buttons. The page is drawn anew when it has ended."""
    progress = jobs().progress(job)
    if progress is None:
        st.rerun()
        return
    with st.container(key=f"underway-{key}", horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap=None):
            st.progress(min(1.0, progress.fraction or 0.0), literal(_doing(progress, title)))
        if pausable:
            st.button(say("m_pause"), key=f"pause-{key}", on_click=jobs().pause, args=(job,))
        st.button(say("cancel"), key=f"cancel-{key}", type="tertiary", on_click=jobs().cancel, args=(job,))


def ended(job: str, key: str, again: Callable[[], None] | None, label: str) -> None:
    """Why the last attempt failed, or its last word; it stays until it is dismissed or tried again."""
    trouble, said = jobs().trouble(job), jobs().said(job)
    if trouble:
        with st.container(key=f"trouble-{key}"):
            st.text(trouble.said(language()))
            with st.container(horizontal=True):
                if again:
                    st.button(label, key=f"again-{key}", icon=":material/refresh:", on_click=again)
                st.button(say("m_dismiss"), key=f"dismiss-{key}", type="tertiary", on_click=jobs().dismiss, args=(job,))
    elif said:
        with st.container(key=f"said-{key}", horizontal=True, vertical_alignment="center"):
            st.markdown(f":green[:material/check_circle:] {literal(words_of(said))}", width="stretch")
            st.button(
                say("m_dismiss"), key=f"hide-{key}", icon=":material/close:", type="tertiary",
                on_click=jobs().dismiss, args=(job,),
            )  # fmt: skip


def words_of(progress: Progress) -> str:
    return progress.note.into(language())


def terms(id: str) -> None:
    """The dialog's content: a licence that asks for agreement before anything is fetched."""
    spec = next((each for each in parlor().catalogue.models if each.id == id), None)
    if spec is None:  # removed in another tab
        st.session_state.pop("dialog", None)
        st.rerun()
    st.markdown(say("m_terms_about", name=f"**{literal(spec.name)}**"))
    with st.container(key="licence", border=True, gap="xsmall"):
        st.markdown(f"**{literal(spec.licence)}**")
        if sense := meaning(spec.licence).into(language()).strip(" ()（）"):
            st.text(say("m_terms_sense", sense=sense[0].upper() + sense[1:]))
        st.code(spec.terms, language=None, wrap_lines=True)
    agreed = st.checkbox(say("m_terms_check"), key=f"agreed-{spec.id}")
    st.caption(say("m_terms_noted"))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(say("cancel"), type="tertiary"):
            close()
        label = say("m_get_size", size=size_text(spec.bytes))
        if st.button(label, type="primary", icon=":material/download:", disabled=not agreed):
            attempt(partial(jobs().get, spec, accepted=True))
            close()


def close() -> None:
    """Close the open dialog and draw the page anew."""
    st.session_state.pop("dialog", None)
    st.rerun()


def attempt(action: Callable[[], object]) -> bool:
    """Do it; what refuses it is told in passing. True when it was done."""
    try:
        action()
    except ParlorError as error:
        st.toast(literal(error.said(language())), icon=":material/warning:", duration="long")
        return False
    except OSError as error:
        st.toast(literal(str(error)), icon=":material/warning:", duration="long")
        return False
    return True


def jobs() -> Jobs:
    return parlor().jobs


def _get(spec: ModelSpec) -> None:
    if jobs().accepted(spec):
        attempt(partial(jobs().get, spec))
    else:
        st.session_state["dialog"] = ("terms", spec.id)


def _drop(spec: ModelSpec) -> None:
    """Throw away what lies here of an unfinished download."""
    from core.manage.remove import drop

    attempt(partial(drop, spec, parlor().settings.models, patience=1.0))
    jobs().dismiss(spec.id)


def _doing(progress: Progress, title: str) -> str:
    """The job's own words, with how much of it is done."""
    said = words_of(progress) or say("m_starting")
    share = f"{progress.fraction:.0%}".replace("%", " %") if progress.fraction else ""
    return " · ".join(part for part in (title, said, share) if part)
