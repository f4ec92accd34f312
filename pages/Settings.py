"""Everything a person may choose, kept at once."""

import streamlit as st

from core.app.app import parlor
from core.catalogue.spec import ModelSpec, Task, installed
from core.l10n.tables import languages, table
from core.settings import forced
from core.text.sizes import size_text
from ui.common.controls import choose, number, slide, switch, write
from ui.common.navigation import MODELS
from ui.i18n.words import say
from ui.settings.pictures import pictures
from ui.settings.voice import voice
from ui.shell.frame import stand

TASKS: tuple[Task, ...] = ("chat", "see", "hear", "read", "speak", "paint")


def general() -> None:
    st.header(say("s_general"), anchor=False)
    names = {code: table(code).name for code in languages()}
    choose("language", say("s_language"), {"": say("s_language_auto")} | names)
    switch("offline", say("s_offline"), say("s_offline_help"))


def models() -> None:
    st.header(say("s_models"), anchor=False)
    app = parlor()
    columns = [column for _ in range(len(TASKS) // 2) for column in st.columns(2, gap="medium")]
    for column, task in zip(columns, TASKS, strict=True):
        have = [spec for spec in app.catalogue.by_task(task) if installed(spec, app.settings.models)]
        best = f"{say('s_best')} · {have[0].name}" if have else say("s_none")
        names = {"": best} | {spec.id: named(spec) for spec in have}
        with column:
            choose(task, say(f"task_{task}"), names)
    st.page_link(MODELS, label=say("m_manage"), icon=":material/deployed_code:")


def named(spec: ModelSpec) -> str:
    return f"{spec.name} · {size_text(spec.bytes)} · {spec.licence}"


def answers() -> None:
    st.header(say("s_answers"), anchor=False)
    write("instructions", say("s_instructions"), say("s_instructions_help"), say("s_instructions_hint"))
    left, right = st.columns(2, gap="medium")
    with left:
        slide("sampling.temperature", say("s_temperature"), 0.0, 2.0, 0.05, say("s_temperature_help"))
        slide("sampling.top_p", say("s_top_p"), 0.05, 1.0, 0.05, say("s_top_p_help"))
        slide("sampling.min_p", say("s_min_p"), 0.0, 0.5, 0.01, say("s_min_p_help"))
    with right:
        number("sampling.max_tokens", say("s_max_tokens"), 16, 32768, 64)
        number("context_tokens", say("s_context"), 512, 131072, 512, say("s_context_help"))
        number("memory.ram_gb", say("s_memory"), 0.0, 1024.0, 0.5, say("s_memory_help"))
        if parlor().pool.gpu_budget:
            number("memory.gpu_gb", say("s_gpu"), 0.0, 1024.0, 0.5, say("s_gpu_help"))
        number("memory.keep_minutes", say("s_keep"), 0.0, 1440.0, 5.0, say("s_keep_help"))


def data() -> None:
    st.header(say("s_data"), anchor=False)
    st.caption(say("s_data_help"))
    st.code(str(parlor().settings.home), language=None)
    for name in forced():
        st.caption(say("s_environment", name=name))


stand()
with st.container(key="settings_page"):
    st.title(say("settings"), anchor=False)
    general()
    models()
    voice()
    answers()
    pictures()
    data()
