"""How the tests of this engine ask: a model on one CPU thread, and its whole answer with what it cost."""

from __future__ import annotations

from dataclasses import dataclass

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split

from core.catalogue.spec import ModelSpec
from core.runtime.protocols import MessagesDropped, Sampling, Usage
from core.types.events import Progress
from core.types.messages import Message, Part, Role, Text
from core.types.provenance import Scalar
from models.llava.engine import Llava
from tests.tiny.tiny_llava import (
    ASKED,
    picture,
)

GREEDY = Sampling(temperature=0, max_tokens=12)
ASK = ASKED[0]


def spec(**defaults: Scalar) -> ModelSpec:
    settings = tuple(({"device": "cpu", "threads": 1, "bits": 32} | defaults).items())
    return ModelSpec("tiny", "Tiny LLaVA", "see", "llava", "MIT", ("en", "zh"), 0, "1", (), defaults=settings)


@dataclass(frozen=True)
class Answer:
    text: str
    usage: Usage
    dropped: int
    progress: tuple[Progress, ...]


def answer(
    engine: Llava, messages: tuple[Message, ...], sampling: Sampling = GREEDY, conversation: str = "a"
) -> Answer:
    items = list(engine.reply(messages, sampling, conversation))
    usage = items.pop()
    assert isinstance(usage, Usage)
    dropped = sum(item.messages for item in items if isinstance(item, MessagesDropped))
    progress = tuple(item for item in items if isinstance(item, Progress))
    return Answer("".join(item for item in items if isinstance(item, str)), usage, dropped, progress)


def said(role: Role, *parts: Part | str) -> Message:
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def shown(colour: str, question: str = ASK) -> Message:
    return said("user", picture(colour), question)
