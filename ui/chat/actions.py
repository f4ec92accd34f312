"""The quiet row under a message: copy, listen, answer again, edit, thumbs, versions, and how it was made."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.app.app import parlor
from core.errors import ParlorError
from core.l10n.text import listed
from core.store.store import Node
from core.types.messages import Audio, Message
from ui.chat.begin import begin
from ui.chat.pictures import again
from ui.common.component import component
from ui.i18n.words import language, say, several

_actions = component(__file__, "actions")


def actions(node: Node, idle: bool) -> None:
    """Draw the row; ``idle`` when nothing is being answered, so that versions may be changed."""
    message, answer = node.message, node.message.role == "assistant"
    has_voice = any(isinstance(part, Audio) for part in message.parts)
    painted = any(made.stage == "paint" for made in message.made_by)
    at = node.siblings.index(node.id)
    data = {
        "role": message.role,
        "text": message.text,
        "idle": idle,
        "versions": {"at": at, "of": len(node.siblings), "ids": list(node.siblings)},
        "listen": None if not answer or not message.text else "listen" if has_voice else "read_aloud",
        "listening": st.session_state.get("listening") == node.id,
        "feedback": node.feedback,
        "details": details(message) if answer else [],
        "painted": painted,
        "words": several("copy", "copied", "listen", "read_aloud", "again", "good", "bad", "details", "edit")
        | several("previous", "next", "variations", "repaint")
        | ({"again": say("redraw")} if painted else {}),
    }
    key = f"actions-{node.id}"
    _actions(key=key, data=data, on_ask_change=partial(_asked, node.id, has_voice, key))


def _asked(node: int, has_voice: bool, key: str) -> None:
    asked = st.session_state[key].ask
    runs, store = parlor().runs, parlor().store
    try:
        match asked["what"]:
            case "version":
                store.select(asked["value"])
            case "feedback":
                store.feedback(node, asked["value"])
            case "edit":
                st.session_state["editing"] = node
            case "again" | "variations" | "prompt" as kind if answered := store.node(node):
                again(answered, kind)
            case "listen" if has_voice:
                st.session_state["listening"] = None if st.session_state.get("listening") == node else node
            case "listen":
                begin(partial(runs.read_aloud, node))
    except ParlorError as error:
        st.session_state["trouble"] = error


def details(message: Message) -> list[tuple[str, str]]:
    """How an answer was made, as label and value."""
    rows: list[tuple[str, str]] = []
    figures = message.figures
    if message.made_by:
        author = message.made_by[0]
        rows.append((say("d_model"), "\n".join(_models(message))))
    if figures and figures.tokens:
        rows.append((say("d_tokens"), say("d_tokens_v", count=f"{figures.tokens:,}")))
    if figures and figures.tokens_per_second:
        rows.append((say("d_speed"), say("d_speed_v", rate=f"{figures.tokens_per_second:.1f}")))
    if figures and figures.first_token_seconds is not None:
        rows.append((say("d_first"), f"{figures.first_token_seconds:.2f} s"))
    if figures and figures.prompt_tokens:
        counts = {"count": f"{figures.prompt_tokens:,}", "reused": f"{figures.reused_tokens:,}"}
        rows.append((say("d_prompt"), say("d_prompt_v", **counts)))
    if figures and figures.seconds:
        rows.append(
            (say("d_seconds"), " · ".join(f"{_stage(stage)} {spent:.2f} s" for stage, spent in figures.seconds))
        )
    if message.made_by:
        if author.seed is not None:
            rows.append((say("d_seed"), str(author.seed)))
        if author.settings:
            rows.append((say("d_settings"), " · ".join(f"{name} {value}" for name, value in author.settings)))
        rows.append((say("d_revision"), author.revision[:16]))
        rows.append((say("d_sha256"), author.sha256[:16]))
    return rows


def _models(message: Message) -> list[str]:
    """The models that had a hand in it, each once, with what each did."""
    stages: dict[str, list[str]] = {}
    for made in message.made_by:
        done = stages.setdefault(made.model, [])
        if _stage(made.stage) not in done:
            done.append(_stage(made.stage))
    return [f"{model} ({listed(done).into(language())})" for model, done in stages.items()]


def _stage(stage: str) -> str:
    return say(f"stage_{stage}")
