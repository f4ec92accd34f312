"""Messages and conversations for tests of the store."""

from pathlib import Path

from core.store.store import Store
from core.types.messages import Message, Part, Text


def user(*parts: Part | str) -> Message:
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def answer(text: str, *parts: Part, cut: bool = False) -> Message:
    return Message("assistant", (Text(text), *parts), cut=cut)


def texts(store: Store, conversation: str) -> list[str]:
    return [node.message.text for node in store.path(conversation)]


def media_files(tmp_path: Path) -> list[Path]:
    return [file for file in (tmp_path / "media").rglob("*") if file.is_file()]
