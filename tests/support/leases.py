"""Models and leases for tests of memory: tiny chats as real files, and what was said while a lease was waited for."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from core.catalogue.spec import File, ModelSpec
from core.runtime.pool import Lease
from core.settings import Settings
from core.types.events import Progress, Tick
from core.types.generation import Sampling
from core.types.messages import Message, Text
from tests.tiny.tiny_gguf import write_tiny_gguf

GB = 10**9
HELLO = (Message("user", (Text("hello"),)),)


def chat_model(settings: Settings, name: str, memory: int = GB) -> ModelSpec:
    """A tiny chat, installed as ``name``, of which the catalogue says that it takes ``memory`` bytes."""
    file = settings.models / name / "model.gguf"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_tiny_gguf(file)
    files = (File("model.gguf", file.stat().st_size, "", ()),)
    return ModelSpec(name, f"Model {name.upper()}", "chat", "llama", "MIT", ("en",), memory, "1", files)


def taken(opening: Generator[Progress | Tick, None, Lease]) -> tuple[Lease, list[Progress]]:
    """The lease, and what was said on the way."""
    said = []
    while True:
        try:
            step = next(opening)
        except StopIteration as opened:
            return opened.value, said
        if isinstance(step, Progress):
            said.append(step)


def reply(lease: Lease, tokens: int = 8) -> list[Any]:
    """Everything a chat says to hello."""
    with lease.worker.call("reply", HELLO, Sampling(max_tokens=tokens, seed=1), "c") as call:
        return [item for item in call if not isinstance(item, Tick)]
