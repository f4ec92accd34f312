"""A data folder of an older build, and what it holds as plain values: today's reading against what that build read."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from core.store.store import Node, Store
from core.types.messages import Audio, Image, Part, Reading, Text, Transcript

FOLDER = Path(__file__).resolve().parents[1] / "data" / "build-547b5fd"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
IDS: dict[str, str] = json.loads((FOLDER / "ids.json").read_text("utf-8"))


def copied(to: Path) -> Path:
    """A copy of its data folder, to be opened and written to."""
    shutil.copytree(FOLDER / "home", to)
    return to


def told(store: Store, conversation: str) -> dict[str, Any]:
    """A conversation as ``expected.json`` has it."""
    nodes, about = store.nodes(conversation), store.conversation(conversation)
    order = {node.id: number for number, node in enumerate(nodes)}
    return {
        "title": about.title if about else None,
        "path": [order[node.id] for node in store.path(conversation)],
        "nodes": [_node(node, order) for node in nodes],
    }


def _node(node: Node, order: dict[int, int]) -> dict[str, Any]:
    message, metrics = node.message, node.message.figures
    return {
        "parent": None if node.parent is None else order[node.parent],
        "role": message.role,
        "state": node.state,
        "cut": message.cut,
        "feedback": node.feedback,
        "parts": [_part(part) for part in message.parts],
        "made_by": [
            [made.stage, made.model, made.revision, made.sha256, [list(pair) for pair in made.settings], made.seed]
            for made in message.made_by
        ],
        "figures": metrics
        and [
            [list(pair) for pair in metrics.seconds],
            metrics.first_token_seconds,
            metrics.tokens,
            metrics.tokens_per_second,
            metrics.prompt_tokens,
            metrics.reused_tokens,
        ],
        "trouble": [node.trouble.into("en"), node.trouble.into("zh")],
    }


def _part(part: Part) -> list[Any]:
    match part:
        case Text(text):
            return ["text", text]
        case Image(data, mime):
            return ["image", hashlib.sha256(data).hexdigest(), mime]
        case Audio(pcm, rate):
            return ["audio", hashlib.sha256(pcm).hexdigest(), rate]
        case Transcript(text, language, words):
            return ["transcript", text, language, [[w.text, w.start, w.end, w.probability] for w in words]]
        case Reading(lines, width, height):
            return ["reading", [[line.text, list(line.box), line.score] for line in lines], width, height]
