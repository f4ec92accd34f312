"""What is loaded now: how much of the budget it takes, on what it computes, and keeping or unloading it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.app.app import parlor
from core.runtime.forecast import Loaded
from core.text.sizes import size_text
from ui.common.download import attempt
from ui.common.safe_markdown import literal
from ui.i18n.words import say


def memory() -> None:
    """Bars of the budgets, and a row for each loaded model behind them; when that changes the page is drawn anew."""
    drawn = _loaded()

    @st.fragment(run_every=2)
    def follow() -> None:
        if _loaded() != drawn and "dialog" not in st.session_state:
            st.rerun()
        _draw()

    follow()


def _loaded() -> frozenset[str]:
    return frozenset(held.spec.id for held in parlor().pool.loaded())


def _draw() -> None:
    pool = parlor().pool
    models = pool.loaded()
    with st.container(key="memory", border=True, gap="xsmall"):
        used = sum(held.bytes for held in models)
        if not models:
            st.progress(0.0, say("m_now_none", budget=size_text(pool.budget)))
            return
        _bar(say("m_of_memory", used=size_text(used), budget=size_text(pool.budget)), used / pool.budget)
        if pool.gpu_budget:
            used = sum(held.gpu for held in models)
            _bar(say("m_of_gpu", used=size_text(used), budget=size_text(pool.gpu_budget)), used / pool.gpu_budget)
        count = say("m_now_one") if len(models) == 1 else say("m_now_many", count=len(models))
        with st.expander(count, type="compact", key="loaded_now"):
            st.caption(say("m_budget_about"))
            for held in models:
                _row(held)


def _bar(words: str, share: float) -> None:
    st.progress(min(1.0, max(0.0, share)), words)


def _row(held: Loaded) -> None:
    spec = held.spec
    with st.container(horizontal=True, vertical_alignment="center", key=f"loaded-{spec.id}", wrap=False):
        st.markdown(f"{literal(spec.name)}  \n:small[{literal(' · '.join(_facts(held)))}]", width="stretch")
        pin, icon = ("m_unpin", "keep_off") if held.pinned else ("m_pin", "keep")
        st.button(
            say(pin), key=f"pin-{spec.id}", icon=f":material/{icon}:", type="tertiary", help=say(pin),
            on_click=partial(_pin, spec.id, not held.pinned),
        )  # fmt: skip
        if not held.busy:
            st.button(say("m_unload"), key=f"unload-{spec.id}", on_click=_unload, args=(spec.id,))


def _facts(held: Loaded) -> list[str]:
    facts = [size_text(held.bytes), say("m_cpu" if held.device == "cpu" else "m_gpu")]
    if held.gpu:
        facts.insert(1, say("m_memory_gpu", size=size_text(held.gpu)))
    if held.busy:
        return [*facts, say("m_busy")]
    idle = round(held.idle)
    return [*facts, say("m_idle_seconds", count=idle) if idle < 90 else say("m_idle_minutes", count=round(idle / 60))]


def _unload(id: str) -> None:
    parlor().pool.unload(id)


def _pin(id: str, keep: bool) -> None:
    kept = [each for each in parlor().settings.memory.pinned if each != id]
    attempt(partial(parlor().change, {"memory.pinned": [*kept, id] if keep else kept}))
