"""Controls of the settings page: each shows one setting, named by its key, and keeps it the moment it changes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TypeVar

import streamlit as st

from core.app.app import parlor
from core.errors import ParlorError
from ui.common.safe_markdown import literal
from ui.i18n.words import language, say

Number = TypeVar("Number", int, float)


def choose(name: str, label: str, options: Mapping[str, str]) -> None:
    """One of ``options`` (value to its words). A value that is no longer offered stays chosen and is shown as it is."""
    now = parlor().settings.written(name)
    values = list(options) if now in options else [now, *options]
    st.selectbox(
        label,
        values,
        index=values.index(now),
        format_func=lambda value: options.get(value, value),
        key=f"set-{name}-{language()}",
        on_change=partial(_keep, name),
        filter_mode=None if len(values) < 12 else "contains",
    )


def switch(name: str, label: str, help: str | None = None) -> None:
    st.toggle(label, parlor().settings.written(name), key=_key(name), on_change=partial(_keep, name))
    if help:
        st.caption(help)


def slide(name: str, label: str, low: float, high: float, step: float, help: str | None = None) -> None:
    now = min(high, max(low, float(parlor().settings.written(name))))
    st.slider(label, low, high, now, step, key=_key(name), on_change=partial(_keep, name), help=help)


def number(name: str, label: str, low: Number, high: Number, step: Number, help: str | None = None) -> None:
    now = min(high, max(low, parlor().settings.written(name)))
    st.number_input(label, low, high, now, step, key=_key(name), on_change=partial(_keep, name), help=help)


def write(name: str, label: str, help: str, hint: str) -> None:
    now = parlor().settings.written(name)
    st.text_area(label, now, key=_key(name), on_change=partial(_keep, name), placeholder=hint, max_chars=8000)
    st.caption(help)


def write_line(name: str, label: str) -> None:
    now = parlor().settings.written(name)
    st.text_input(label, now, key=_key(name), on_change=partial(_keep, name), max_chars=1000)


def _key(name: str) -> str:
    return f"set-{name}-{language()}"


def _keep(name: str) -> None:
    """Save what was chosen; a folder that cannot be written is told, and the choice holds for this run."""
    try:
        parlor().change({name: st.session_state[_key(name)]})
        st.toast(say("s_saved"), icon=":material/check:")
    except ParlorError as error:
        st.toast(literal(error.said(language())), icon=":material/warning:")
    except OSError as error:
        st.toast(literal(f"{error.strerror}"), icon=":material/warning:")
