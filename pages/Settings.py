"""Everything a person may choose, kept at once, and what is loaded now."""

import os

import streamlit as st

from core.catalogue import ModelSpec, Task, installed, size_text
from core.parlor import parlor
from ui.choices import choose, number, slide, switch, write
from ui.install import offer
from ui.sample import sample, voice_names
from ui.shell import stand
from ui.words import say

TASKS: dict[str, Task] = {"chat": "chat", "hear": "hear", "read": "read", "speak": "speak"}


def general() -> None:
    st.header(say("s_general"), anchor=False)
    languages = {"": say("s_language_auto"), "en": "English", "zh": "中文"}
    choose("language", say("s_language"), languages)
    switch("offline", say("s_offline"), say("s_offline_help"))


def models() -> None:
    st.header(say("s_models"), anchor=False)
    app = parlor()
    columns = [*st.columns(2, gap="medium"), *st.columns(2, gap="medium")]
    for column, (setting, task) in zip(columns, TASKS.items(), strict=True):
        have = [spec for spec in app.catalogue.by_task(task) if installed(spec, app.settings.models)]
        best = f"{say('s_best')} · {have[0].name}" if have else say("s_none")
        names = {"": best} | {spec.id: named(spec) for spec in have}
        with column:
            choose(setting, say(f"task_{task}"), names)
    more = [spec for spec in app.catalogue.models if not installed(spec, app.settings.models)]
    if more:
        with st.expander(say("s_more_models"), icon=":material/download:", expanded=any(map(fetching, more))):
            for spec in more:
                offer(spec)
    loaded()


def named(spec: ModelSpec) -> str:
    return f"{spec.name} · {size_text(spec.bytes)} · {spec.licence}"


def fetching(spec: ModelSpec) -> bool:
    return parlor().downloads.progress(spec.id) is not None


@st.fragment(run_every=2)
def loaded() -> None:
    st.markdown(f"**{say('s_now')}**")
    models = parlor().pool.loaded()
    if not models:
        st.caption(say("s_nothing_loaded"))
    for held in models:
        with st.container(horizontal=True, vertical_alignment="center", key=f"loaded-{held.spec.id}".replace(".", "-")):
            st.markdown(f"{held.spec.name} · {size_text(held.bytes)}", width="stretch")
            if held.busy:
                st.caption(say("s_in_use"), width="content")
            elif st.button(say("s_unload"), key=f"unload-{held.spec.id}", type="tertiary"):
                parlor().pool.unload(held.spec.id)
                st.rerun(scope="fragment")


def voice() -> None:
    st.header(say("s_voice"), anchor=False)
    for language in ("en", "zh"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            choose(f"voice_{language}", say(f"s_voice_{language}"), voice_names(language))
            wanted = st.button(say("s_try"), key=f"try-{language}", icon=":material/volume_up:")
        if wanted:
            sample(language)
    slide("speed", say("s_speed"), 0.5, 2.0, 0.05)
    switch("speak_replies", say("s_speak"))
    choose("script", say("s_script"), {"simplified": say("s_simplified"), "traditional": say("s_traditional")})


def answers() -> None:
    st.header(say("s_answers"), anchor=False)
    write("instructions", say("s_instructions"), say("s_instructions_help"), say("s_instructions_hint"))
    left, right = st.columns(2, gap="medium")
    with left:
        slide("temperature", say("s_temperature"), 0.0, 2.0, 0.05, say("s_temperature_help"))
        slide("top_p", say("s_top_p"), 0.05, 1.0, 0.05, say("s_top_p_help"))
        slide("min_p", say("s_min_p"), 0.0, 0.5, 0.01, say("s_min_p_help"))
    with right:
        number("max_tokens", say("s_max_tokens"), 16, 32768, 64)
        number("context_tokens", say("s_context"), 512, 131072, 512, say("s_context_help"))
        number("memory_gb", say("s_memory"), 0.0, 1024.0, 0.5, say("s_memory_help"))


def data() -> None:
    st.header(say("s_data"), anchor=False)
    st.caption(say("s_data_help"))
    st.code(str(parlor().settings.home), language=None)
    forced = [
        f"PARLOR_{name.upper()}" for name in parlor().settings.__slots__ if f"PARLOR_{name.upper()}" in os.environ
    ]
    for name in (name for name in forced if name != "PARLOR_HOME"):
        st.caption(say("s_environment", name=name))


stand()
with st.container(key="settings_page"):
    st.title(say("settings"), anchor=False)
    general()
    models()
    voice()
    answers()
    data()
