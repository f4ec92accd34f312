"""How the tests of this engine ask about pictures, and the whole answer with what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.catalogue.spec import File, ModelSpec
from core.runtime.protocols import MessagesDropped, Sampling, Usage
from core.types.events import Progress
from core.types.messages import Message, Part, Text
from models.llama.engine import Llama
from tests.tiny.tiny_llava import picture

ASKED, AGAIN = Text("What colour is this picture?"), Text("What colour is it?")
SEVERAL = Text("What colours are these pictures?")


def vision_spec(task: str = "see", **defaults: int | str) -> ModelSpec:
    files = tuple(File(name, 0, "", ()) for name in ("mmproj.gguf", "model.gguf"))
    return ModelSpec("tiny", "tiny", task, "llama", "", ("en",), 0, "", files, defaults=tuple(defaults.items()))  # type: ignore[arg-type]


def user(*parts: Part) -> Message:
    return Message("user", parts)


def answered(text: str, *parts: Part) -> Message:
    return Message("assistant", (*parts, Text(text)))


@dataclass(frozen=True)
class SeenAnswer:
    text: str
    usage: Usage
    dropped: int
    notes: tuple[str, ...]


def see(seeing: Llama, messages: tuple[Message, ...], conversation: str = "a", **sampling: Any) -> SeenAnswer:
    items = list(seeing.reply(messages, Sampling(**{"temperature": 0, "max_tokens": 12} | sampling), conversation))
    usage = items.pop()
    assert isinstance(usage, Usage)
    return SeenAnswer(
        "".join(item for item in items if isinstance(item, str)).strip(),
        usage,
        sum(item.messages for item in items if isinstance(item, MessagesDropped)),
        tuple(str(item.note) for item in items if isinstance(item, Progress)),
    )


def talk(seeing: Llama, *colours: str, conversation: str = "a") -> tuple[tuple[Message, ...], list[str]]:
    """A picture and a question each turn; the conversation so far and the answers."""
    history: tuple[Message, ...] = ()
    told: list[str] = []
    for colour in colours:
        history = (*history, user(picture(colour), ASKED))
        told.append(see(seeing, history, conversation).text)
        history = (*history, answered(told[-1]))
    return history, told
