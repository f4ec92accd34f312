"""Where the models lie, how much they take, and moving them elsewhere."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import streamlit as st

from core.app.app import parlor
from core.catalogue.spec import installed
from core.manage.jobs import MOVE
from core.text.sizes import size_text
from ui.common.download import attempt, ended, jobs, under_way
from ui.i18n.words import say


def folder() -> None:
    st.subheader(say("m_where"), anchor=False)
    settings, specs = parlor().settings, parlor().catalogue.models
    here = [spec for spec in specs if installed(spec, settings.models)]
    with st.container(key="models_folder", gap="small"):
        st.code(str(settings.models), language=None, wrap_lines=True)
        sizes = {"size": size_text(sum(spec.bytes for spec in here)), "free": size_text(free(settings.models))}
        st.caption(say("m_where_about", count=len(here), **sizes))
        if jobs().progress(MOVE):
            under_way(MOVE, MOVE, title=say("m_moving"))
            return
        with st.form("move", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
            wanted = st.text_input(say("m_move_label"), key="move_to", placeholder=say("m_move_hint"))
            go = st.form_submit_button(say("m_move_now"), icon=":material/drive_file_move:")
        if go and wanted.strip() and attempt(partial(jobs().move, Path(wanted.strip()))):
            st.rerun()
        if jobs().trouble(MOVE):
            st.markdown(f"**{say('m_move_failed')}**")
        ended(MOVE, MOVE, None, "")


def free(path: Path) -> int:
    """Bytes free on the disk of ``path``, which need not exist yet."""
    there = next((each for each in (path, *path.parents) if each.exists()), Path.home())
    return shutil.disk_usage(there).free
