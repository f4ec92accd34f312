"""Adding a model: from the hub, from a file or from a folder of this machine; how far it is, and how it ended."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import get_args

import streamlit as st

from core.app.app import parlor
from core.catalogue.spec import ModelSpec, Task, installed
from core.errors import ParlorError
from core.host.disk import absolute
from core.importer.add_local import inspect
from core.importer.found import Detected
from core.manage.jobs import ADD
from core.text.sizes import size_text
from ui.common.download import close, ended, jobs, under_way
from ui.common.safe_markdown import literal
from ui.i18n.words import language, say

WAYS = ("hub", "file", "folder")
ICONS = {"hub": "cloud_download", "file": "draft", "folder": "folder_open"}
HINTS = {"hub": "Qwen/Qwen2.5-3B-Instruct-GGUF", "file": "~/Downloads/model.gguf", "folder": "~/models/llava-onevision"}
Start = Callable[[], None]


def add() -> None:
    """The dialog's content."""
    way = st.segmented_control(
        say("m_add_from"), WAYS, required=True, default="hub", key="add_way", label_visibility="collapsed",
        format_func=lambda way: f":material/{ICONS[way]}: {say(f'm_add_{way}')}", width="stretch",
    )  # fmt: skip
    st.caption(say(f"m_add_{way}_about"))
    what = _line(f"m_add_{way}_label", f"add_{way}", HINTS[way])
    start = _from_hub(what) if way == "hub" else _from_here(what)
    place = st.container()
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(say("cancel"), type="tertiary"):
            close()
        if st.button(say("m_add_now"), type="primary", key="add_now", disabled=start is None) and start:
            try:
                start()
            except ParlorError as error:
                with place.container(key="trouble-adding"):
                    st.text(error.said(language()))
                return
            close()


def _from_hub(what: str) -> Start | None:
    """The fields of a model on the hub; what begins to fetch it, None while its name is not one."""
    from core.importer.add_hub import named  # and with it an HTTP client, which nothing else on the page needs

    known = bool(what) and named(what) is not None
    if what and not known:
        st.caption(say("m_add_not_hub"))
    file = _line("m_add_hub_file", "add_hub_file", "Q4_K_M")
    with st.expander(say("m_add_options"), type="compact"):
        task = _task(("", *get_args(Task)))
        id = _line("m_add_id", "add_id", say("m_add_id_hint"))
    return partial(jobs().add_from_hub, what, task, id, file) if known else None


def _from_here(what: str) -> Start | None:
    """What lies at the path is looked at as it is typed; what begins to take it in, None while it is no model."""
    if not what:
        return None
    try:
        path = absolute(what)
        if not os.path.exists(path):
            st.caption(say("m_add_not_there"))
            return None
        found = inspect(path)
    except ParlorError as error:
        with st.container(key="trouble-found"):
            st.text(error.said(language()))
        return None
    _tell(found)
    task = _task(found.tasks) if len(found.tasks) > 1 else ""
    base = _base() if found.adapter else ""
    with st.expander(say("m_add_options"), type="compact"):
        id = _line("m_add_id", "add_id", found.id)
    return partial(jobs().add, path, task, id, base)


def _tell(found: Detected) -> None:
    """What was recognised, in a line."""
    kind = say(f"task_{found.task}") if found.task else say("m_add_adapter")
    facts = [kind, size_text(found.bytes), found.licence, found.base]
    with st.container(key="said-found", gap=None):
        st.markdown(f":green[:material/check_circle:] **{literal(found.name)}**")
        st.caption(" · ".join(literal(fact) for fact in facts if fact))
        if found.wants_mmproj:
            st.caption(say("m_add_wants_mmproj"))


def _line(label: str, key: str, hint: str) -> str:
    return st.text_input(say(label), key=key, placeholder=hint, live="300ms").strip()


def _task(tasks: tuple[str, ...]) -> str:
    names = {task: say(f"task_{task}" if task else "m_add_auto") for task in tasks}
    return st.selectbox(say("m_add_task"), tasks, key="add_task", format_func=lambda task: names.get(task, task))


def _base() -> str:
    """Which model an adapter belongs to."""
    models, folder = parlor().catalogue.models, parlor().settings.models
    names = {"": say("m_add_auto")} | {
        spec.id: spec.name for spec in models if spec.engine == "llava" and installed(spec, folder)
    }
    return st.selectbox(say("m_add_base"), list(names), key="add_base", format_func=lambda id: names.get(id, id))


def adding() -> None:
    """On the page: the model that is being added, or how the last one ended."""
    if jobs().progress(ADD):
        with st.container(border=True, key="adding"):
            under_way(ADD, ADD, title=say("m_adding"))
        return
    trouble, spec = jobs().trouble(ADD), _last()
    if trouble and spec and not jobs().accepted(spec) and spec.terms in str(trouble):
        jobs().dismiss(ADD)
        st.session_state["dialog"] = ("terms", spec.id)
        st.rerun()
    if trouble:
        st.markdown(f"**{say('m_add_failed')}**")
        ended(ADD, ADD, _again, say("try_again"))
    elif jobs().said(ADD) and spec:
        _added(spec)


def _last() -> ModelSpec | None:
    """The model that was added last, unless it has been removed since."""
    return next((spec for spec in parlor().catalogue.models if spec.id == jobs().added()), None)


def _added(spec: ModelSpec) -> None:
    """Say so, and lead to the model under its task."""
    with st.container(key="said-add", horizontal=True, vertical_alignment="center"):
        name = say("m_added", name=f"**{literal(spec.name)}** ({say(f'task_{spec.task}')})")
        st.markdown(f":green[:material/check_circle:] {name}", width="stretch")
        st.button(say("m_show"), key="show_added", on_click=partial(_show, spec.task))
        st.button(say("m_dismiss"), key="hide-add", icon=":material/close:", type="tertiary", on_click=_hide)


def _show(task: Task) -> None:
    st.session_state["models_task"] = task
    _hide()


def _hide() -> None:
    jobs().dismiss(ADD)


def _again() -> None:
    jobs().dismiss(ADD)
    st.session_state["dialog"] = ("add", "")
