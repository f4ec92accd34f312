"""How the tests of this engine ask a chat model, and its whole answer with what it cost."""

from __future__ import annotations

from dataclasses import dataclass

from core.catalogue.spec import File, ModelSpec
from core.runtime.protocols import MessagesDropped, Sampling, Usage
from core.types.events import Progress
from core.types.messages import Message, Role, Text
from models.llama.engine import Llama

GREEDY = Sampling(temperature=0, max_tokens=24)


def spec(model: str = "tiny", **defaults: int) -> ModelSpec:
    file = File("model.gguf", 0, "", ())
    return ModelSpec(model, model, "chat", "llama", "", ("en",), 0, "", (file,), defaults=tuple(defaults.items()))


def said(role: Role, text: str) -> Message:
    return Message(role, (Text(text),))


@dataclass(frozen=True)
class Answer:
    pieces: tuple[str, ...]
    usage: Usage
    dropped: int
    progress: int

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def answer(
    engine: Llama, messages: tuple[Message, ...], sampling: Sampling = GREEDY, conversation: str = "a"
) -> Answer:
    items = list(engine.reply(messages, sampling, conversation))
    usage = items.pop()
    assert isinstance(usage, Usage)
    dropped = sum(item.messages for item in items if isinstance(item, MessagesDropped))
    progress = sum(isinstance(item, Progress) for item in items)
    return Answer(tuple(item for item in items if isinstance(item, str)), usage, dropped, progress)


ASK = (said("system", "be brief"), said("user", "hello"))


def long_talk(turns: int, letters: int = 80) -> tuple[Message, ...]:
    talk = [said("system", "be brief")]
    for turn in range(turns):
        talk += [
            said("user", f"question {turn} " + "x" * letters),
            said("assistant", f"answer {turn} " + "y" * letters),
        ]
    return (*talk, said("user", "and now?"))
