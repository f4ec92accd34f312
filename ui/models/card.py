"""One model on the Models page: what it is, whether it fits, what can be done with it, and its details."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from core.app.app import parlor
from core.catalogue.spec import Folder, Hub, ModelSpec, Package, installed
from core.l10n.text import listed
from core.text.sizes import size_text
from ui.common import download as install
from ui.common.controls import choose
from ui.common.safe_markdown import literal
from ui.i18n.words import WORDS, language, say

FILES = 8  # of a model listed before the rest is only counted
NAMED = 2  # languages named before the rest is only counted


def card(spec: ModelSpec, in_use: bool, best: bool, own: bool) -> None:
    """Draw it. ``best`` is the one recommended for this machine, ``own`` one that the person has added."""
    there = installed(spec, parlor().settings.models)
    with st.container(key=f"model-{spec.id}", gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center", key=f"modelhead-{spec.id}", wrap=False):
            st.markdown(_title(spec, best, own), width="stretch")
            _actions(spec, there, in_use, best)
        if said := install.about(spec):
            st.text(said)
        st.caption(f"{' · '.join(literal(fact) for fact in facts(spec, own))}  \n{_fit(spec)}")
        install.state(spec, spec.id)
        if there and spec.task == "see" and in_use:
            _adapters(spec)
        if st.session_state.get("models_details") == spec.id:
            _details(spec, own)


def facts(spec: ModelSpec, own: bool) -> list[str]:
    """Size, languages, licence and source, each as a few words; its memory stands beside what is free."""
    found = [size_text(spec.bytes) if spec.bytes else say("m_unknown_size")]
    if languages := languages_text(spec.languages):
        found.append(languages)
    found.append(f"{spec.licence}, {say('m_must_accept')}" if spec.terms else spec.licence)
    return [*found, source_text(spec, own)]


def languages_text(codes: tuple[str, ...]) -> str:
    """The first few by name, English and Chinese before the others, and how many more there are."""
    ordered = sorted(codes, key=lambda code: (code != language(), code not in {"en", "zh"}))
    named = [say(f"l_{code}") if f"l_{code}" in WORDS else code for code in ordered[:NAMED]]
    more = len(codes) - len(named)
    return listed(named).into(language()) + (f" +{more}" if more else "")


def source_text(spec: ModelSpec, own: bool) -> str:
    """Where it comes from: a repository on the hub, Python packages, or this machine."""
    if spec.repository:
        return spec.repository.repo
    sources = [file.sources[0] for file in spec.files if file.sources]
    for source in sources:
        if isinstance(source, Hub):
            return source.repo
    packages = {m.package for source in sources if isinstance(source, Package) for m in source.members}
    if packages:
        name = min(packages)
        return say("m_package", name=name) if len(packages) == 1 else say("m_packages", count=len(packages))
    folders = [Path(source.path).parent for source in sources if isinstance(source, Folder)]
    return str(folders[0]) if folders and not own else say("m_own_file")


def _title(spec: ModelSpec, best: bool, own: bool) -> str:
    badges = [(best, "green", "m_recommended"), (own, "violet", "m_own"), (spec.starter, "gray", "m_starter")]
    shown = [f":{colour}-badge[{say(word)}]" for wanted, colour, word in badges if wanted]
    return " ".join([f"**{literal(spec.name)}**", *shown])


def _actions(spec: ModelSpec, there: bool, in_use: bool, best: bool) -> None:
    if there and in_use:
        st.badge(say("m_in_use"), icon=":material/check:", color="green")
    elif there and spec.task != "embed":
        st.button(say("m_use"), key=f"use-{spec.id}", on_click=partial(_use, spec))
    elif not there:
        install.get(spec, spec.id, best)
    _menu(spec, there)


def _menu(spec: ModelSpec, there: bool) -> None:
    shown = st.session_state.get("models_details") == spec.id
    words = {"details": say("m_hide_details" if shown else "m_show_details")}
    if there and not parlor().jobs.progress(spec.id):
        words |= {"verify": say("m_verify"), "remove": say("m_remove")}
    st.menu_button(
        say("m_more", name=literal(spec.name)),
        list(words),
        key=f"menu-{spec.id}",
        icon=":material/more_horiz:",
        type="tertiary",
        format_func=lambda choice: words.get(choice, choice),
        on_click=partial(_chosen, spec),
    )


def _chosen(spec: ModelSpec) -> None:
    match st.session_state[f"menu-{spec.id}"]:
        case "details":
            shown = st.session_state.get("models_details")
            st.session_state["models_details"] = None if shown == spec.id else spec.id
        case "verify":
            install.attempt(partial(parlor().jobs.verify, spec))
        case "remove":
            st.session_state["dialog"] = ("remove", spec.id)


def _use(spec: ModelSpec) -> None:
    fresh = {"adapter": ""} if spec.task == "see" else {}  # an adapter belongs to one model
    install.attempt(partial(parlor().change, {spec.task: spec.id, **fresh}))


def _fit(spec: ModelSpec) -> str:
    """Whether there is memory for it, in a sentence behind its sign."""
    outlook = parlor().pool.outlook(spec)
    sign = {"now": ":green[:material/check_circle:]", "after": ":orange[:material/swap_horiz:]"}
    said = outlook.said(language())
    return f"{sign.get(outlook.fits, ':red[:material/error:]')} {literal(said[:1].upper() + said[1:])}"


def _adapters(spec: ModelSpec) -> None:
    """The LoRA adapters that lie beside the model, one of which may be in use."""
    folder = parlor().settings.models / spec.id / "adapters"
    names = sorted(file.parent.name for file in folder.glob("*/adapter_model.safetensors"))
    if names:
        choose("adapter", say("m_adapter"), {"": say("m_adapter_none")} | {name: name for name in names})


def _details(spec: ModelSpec, own: bool) -> None:
    rows = {
        "m_id": spec.id,
        "m_engine": spec.engine,
        "m_revision": spec.revision,
        "m_licence": f"{spec.licence} · {spec.terms}" if spec.terms else spec.licence,
        "m_languages": " ".join(spec.languages),
        "m_voices": " ".join(spec.voices),
        "m_source": source_text(spec, own),
    }
    files = sorted(spec.files, key=lambda file: -file.bytes)
    with st.container(key=f"details-{spec.id}", gap="small"):
        told = [f"| {say(key)} | {literal(value)} |" for key, value in rows.items() if value]
        st.markdown("\n".join(["| | |", "|---|---|", *told]))
        if files:
            lines = [
                f"| {literal(each.name)} | {size_text(each.bytes)} | `{each.sha256[:12]}` |" for each in files[:FILES]
            ]
            head = [f"| {say('m_file')} | {say('m_size')} | {say('d_sha256')} |", "|---|---:|---|"]
            st.markdown("\n".join(head + lines))
            if len(files) > FILES:
                st.caption(say("m_files_more", count=len(files) - FILES))
        else:
            st.caption(say("m_files_later"))
        if installed(spec, parlor().settings.models):
            st.code(str(parlor().settings.models / spec.id), language=None, wrap_lines=True)
