"""Pictures that Parlor drew: taking shape in their place, then with how they were made and what can be done next."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from core.app.app import parlor
from core.pipeline.draw import repaint_request, request_of
from core.store.store import Node
from core.types.image_request import MOST_GUIDANCE, MOST_STEPS, OWN_GUIDANCE, ImageRequest
from core.types.messages import Image
from core.types.provenance import Provenance
from ui.chat.begin import begin
from ui.chat.thumbnail import picture
from ui.i18n.words import say

WIDE = 512  # pixels on the page
SMALL = 300  # of several beside one another
VARIATIONS = 4
PAGE_SEEDS = 2**53 - 1  # what a number in a browser can hold


def canvas(finished: list[Image], preview: Image | None, request: ImageRequest | None) -> None:
    """The pictures of a turn under way: those that are done, and the one that is growing, in the same place."""
    several = request is not None and request.count > 1
    with st.container(key="canvas", horizontal=several):
        for image in (*finished, *([preview] if preview else [])):
            picture(image.data, SMALL if several else WIDE)
        if request:
            st.text(request.prompt)


def drawn(node: Node) -> None:
    """The pictures of an answer, each with its settings below it, and the form in which its prompt is changed."""
    pictures = list(node.message.images)
    made = [entry for entry in node.message.made_by if entry.stage == "paint"]
    if not pictures:
        return
    several = len(pictures) > 1
    with st.container(key=f"drawn-{node.id}", horizontal=several):
        for number, image in enumerate(pictures):
            with st.container(key=f"picture-{node.id}-{number}", width=SMALL if several else WIDE):
                picture(image.data, SMALL if several else WIDE)
                if number < len(made):
                    _below(node, number, image, made[number])
    if made:
        with st.container(key=f"prompt-{node.id}"):
            st.text(str(dict(made[0].settings).get("prompt", "")))
    if made and st.session_state.get("repainting") == node.id:
        _edit(node, request_of(made[0]))


def again(node: Node, kind: str) -> None:
    """Act on ``again``, ``variations`` or ``prompt``, asked of a drawn answer."""
    made = [entry for entry in node.message.made_by if entry.stage == "paint"]
    if kind == "prompt":
        st.session_state["repainting"] = None if st.session_state.get("repainting") == node.id else node.id
    elif kind == "variations" and made:
        request = repaint_request(node.message, parlor().services.choice().paint, VARIATIONS)
        begin(partial(parlor().runs.again, node.id, request=request))
    else:
        begin(partial(parlor().runs.again, node.id))


def settings_line(made_by: Provenance) -> str:
    """``512x512 · 25 steps · guidance 7.5 · Euler · seed 7 · sd-turbo``."""
    request = request_of(made_by)
    told = [f"{request.width}×{request.height}", say("p_steps", count=request.steps)]
    told += [say("p_guidance", value=f"{request.guidance:g}")] if request.guidance > 0 else []
    told += [request.scheduler.removesuffix("Scheduler"), say("p_seed", seed=request.seed), made_by.model]
    return " · ".join(filter(None, told))


def _below(node: Node, number: int, image: Image, made_by: Provenance) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"made-{node.id}-{number}"):
        st.text(settings_line(made_by), width="stretch")
        st.download_button(
            say("p_save"),
            image.data,
            f"parlor-{made_by.seed}.png",
            image.mime,
            key=f"save-{node.id}-{number}",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )


def _edit(node: Node, request: ImageRequest) -> None:
    """The prompt and settings of an answer's pictures, to be drawn anew from what is written here."""
    with st.form(f"repaint-{node.id}", border=True):
        prompt = st.text_area(say("p_prompt"), request.prompt, key=f"repaint-prompt-{node.id}")
        negative = st.text_input(say("p_negative"), request.negative, key=f"repaint-negative-{node.id}")
        columns = st.columns(3)
        steps = columns[0].number_input(
            say("p_steps_label"), 1, MOST_STEPS, min(MOST_STEPS, max(1, request.steps)), key=f"rs-{node.id}"
        )
        guidance = columns[1].number_input(
            say("p_guidance_label"),
            0.0,
            MOST_GUIDANCE,
            min(MOST_GUIDANCE, max(0.0, request.guidance)),
            0.5,
            key=f"rg-{node.id}",
        )
        seed = columns[2].number_input(say("d_seed"), 0, PAGE_SEEDS, min(PAGE_SEEDS, request.seed), key=f"rd-{node.id}")
        with st.container(horizontal=True, horizontal_alignment="right"):
            cancel = st.form_submit_button(say("cancel"), type="tertiary")
            paint = st.form_submit_button(say("p_draw"), type="primary", icon=":material/brush:")
    if cancel or (paint and prompt.strip()):
        st.session_state.pop("repainting", None)
    if paint and prompt.strip():
        wanted = replace(request, prompt=prompt.strip(), negative=negative.strip(), steps=int(steps), seed=int(seed))
        guidance = float(guidance) if guidance != request.guidance else max(request.guidance, OWN_GUIDANCE)
        begin(partial(parlor().runs.again, node.id, request=replace(wanted, guidance=guidance)))
    if cancel or paint:
        st.rerun()
