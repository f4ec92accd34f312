"""The Models page: one task at a time, what is installed before what could be."""

from __future__ import annotations

import functools
from typing import get_args

import streamlit as st

from core.app.app import parlor
from core.catalogue.load import load
from core.catalogue.recommend import recommended
from core.catalogue.spec import ModelSpec, Task, installed
from ui.i18n.words import language, say
from ui.models.add import adding
from ui.models.card import card
from ui.models.dialogs import dialogs
from ui.models.folder import folder
from ui.models.memory import memory

TASKS: tuple[Task, ...] = get_args(Task)
ICONS: dict[Task, str] = {
    "chat": "chat_bubble", "see": "visibility", "hear": "mic", "read": "document_scanner", "speak": "volume_up",
    "paint": "palette", "embed": "search", "detect": "hearing", "turn": "sync_alt",
}  # fmt: skip
MANY = 10  # models of a task from which on they can be filtered


def models_page() -> None:
    with st.container(key="models_page"):
        _head()
        memory()
        adding()
        task = _task()
        specs = parlor().catalogue.by_task(task)
        with st.container(horizontal=True, vertical_alignment="center", key="models_filter"):
            st.caption(say(f"m_task_{task}"), width="stretch")
            specs = _filtered(specs)
        _groups(specs, task)
        folder()
    dialogs()


def _head() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="models_head"):
        st.title(say("models"), anchor=False, width="stretch")
        if st.button(say("m_add"), key="add_model", icon=":material/add:"):
            st.session_state["dialog"] = ("add", "")


def _task() -> Task:
    """The task whose models are shown; kept for the visit, and in the address for when the page is loaded again."""
    asked = st.query_params.get("task", "")
    st.session_state.setdefault("models_task", asked if asked in TASKS else TASKS[0])
    task = st.pills(
        say("m_task"),
        TASKS,
        required=True,
        format_func=lambda task: f":material/{ICONS[task]}: {say(f'task_{task}')}",
        key="models_task",
        label_visibility="collapsed",
        persist_state="session",
    )
    st.query_params["task"] = task or TASKS[0]
    return task or TASKS[0]


def _filtered(specs: tuple[ModelSpec, ...]) -> tuple[ModelSpec, ...]:
    """Those that are asked for: by a part of the name, or only what is installed."""
    if len(specs) > MANY:
        wanted = st.text_input(
            say("m_find"), key="models_wanted", type="search", placeholder=say("m_find"), icon=":material/search:",
            label_visibility="collapsed", live="250ms", width=220,
        )  # fmt: skip
        words = (wanted or "").casefold().split()
        specs = tuple(spec for spec in specs if all(word in f"{spec.id} {spec.name}".casefold() for word in words))
    if st.toggle(say("m_only_installed"), key="models_only", persist_state="session"):
        specs = tuple(spec for spec in specs if installed(spec, parlor().settings.models))
    return specs


def _groups(specs: tuple[ModelSpec, ...], task: Task) -> None:
    app = parlor()
    chosen = in_use(task)
    ours = (spec for spec in app.catalogue.models if spec.id in shipped())
    best = recommended(ours, app.pool.budget, app.pool.gpu_budget, language())
    here = [spec for spec in specs if installed(spec, app.settings.models)]
    more = [spec for spec in specs if spec not in here]
    more.sort(key=lambda spec: (spec.id not in best, app.pool.outlook(spec).fits == "never"))
    for word, group in (("m_installed", here), ("m_available", more)):
        if not group:
            continue
        st.subheader(say(word), anchor=False)
        with st.container(key=f"models_{word}", gap=None):
            for spec in group:
                card(spec, spec.id == chosen, spec.id in best, spec.id not in shipped())
    if not specs:
        none = "m_none_known" if not app.catalogue.by_task(task) else "m_none_found"
        only = (
            none == "m_none_found" and st.session_state.get("models_only") and not st.session_state.get("models_wanted")
        )
        st.caption(say("m_none_installed" if only else none))


def in_use(task: Task) -> str:
    """Id of the model that works at ``task``: the one chosen, or the first installed; empty when there is none."""
    settings = parlor().settings
    if chosen := getattr(settings, task, ""):
        return str(chosen)
    here = (spec.id for spec in parlor().catalogue.by_task(task) if installed(spec, settings.models))
    return next(here, "")


@functools.cache
def shipped() -> frozenset[str]:
    """Ids of the models that Parlor brings along."""
    return frozenset(spec.id for spec in load().models)
