"""Recorder: ``CallRecorder`` keeps a call's messages in the store and what is being said in a file.

What a person says is written down while they say it, so that an app that is killed in mid-sentence loses at most
``EVERY`` seconds of it; at the next start ``recover`` puts the recording into the conversation.
"""

from __future__ import annotations

import contextlib
import logging
import re
from dataclasses import replace
from pathlib import Path

from core.call.fillers import without_filler
from core.errors import ParlorError
from core.store.store import Store
from core.types.messages import Audio, Image, Message, Part
from core.types.provenance import Provenance

LOG = logging.getLogger(__name__)
RATE = 16_000
EVERY = 0.5  # seconds
LEAST = 0.4  # seconds of sound that are worth being found again


class CallRecorder:
    """Keeps one call in ``conversation``. ``parent`` is the message that the next one follows."""

    def __init__(self, store: Store, conversation: str, folder: Path) -> None:
        self.conversation = conversation
        self._store = store
        self._file = folder / f"{conversation}.pcm"
        self._written = 0  # bytes of the open turn
        path = store.path(conversation)
        self.parent = path[-1].id if path else None

    def history(self) -> tuple[Message, ...]:
        """What was said before, as a model reads it: without the recordings, of which an hour has 70 MB."""
        nodes = self._store.ancestors(self.parent, sound=False) if self.parent is not None else []
        messages = (node.message for node in nodes if node.message.parts)
        return tuple(without_filler(each) if each.role == "assistant" else each for each in messages)

    def speaking(self, sound: bytes | bytearray) -> None:
        """Write down what has been said of the open turn so far, s16 at 16 kHz."""
        if len(sound) - self._written < EVERY * RATE * 2:
            return
        with contextlib.suppress(OSError):  # a full disk: told when the turn itself cannot be kept
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab") as file:
                file.write(sound[self._written :])
            self._written = len(sound)

    def forget(self) -> None:
        """The open turn is in the store, or was none."""
        if self._written:
            self._file.unlink(missing_ok=True)
        self._written = 0

    def question(self, parts: tuple[Part, ...], again: int | None) -> int:
        """Keep the person's turn; ``again`` is its message when it was kept before it went on. Returns its message."""
        message = Message("user", parts)
        if again is not None:
            self._store.update(again, message)
            return again
        return self._store.add(self.conversation, message, self.parent)

    def words(self, question: int, parts: tuple[Part, ...]) -> None:
        self._store.update(question, Message("user", parts))

    def answer(self, question: int) -> int:
        """A place for the answer, still running."""
        return self._store.add(self.conversation, Message("assistant", ()), question, state="running")

    def growing(self, answer: int, message: Message) -> None:
        self._store.update(answer, message)

    def drawn(self, answer: int, pictures: tuple[Image, ...], made_by: tuple[Provenance, ...]) -> None:
        """Pictures join the answer that announced them, with what made them; its words stay."""
        node = self._store.node(answer)
        if node is None:
            return
        parts = tuple(part for part in node.message.parts if not isinstance(part, Image))
        makers = tuple(entry for entry in node.message.made_by if entry not in made_by)
        self._store.update(answer, replace(node.message, parts=parts + pictures, made_by=made_by + makers))

    def finish(self, answer: int, message: Message, trouble: ParlorError | None = None) -> None:
        self._store.finish(answer, message, trouble)


def recover(store: Store, folder: Path) -> int:
    """Put the recordings that a killed app left behind into their conversations; returns how many there were."""
    found = 0
    for file in sorted(folder.glob("*.pcm")) if folder.is_dir() else ():
        sound = Audio(file.read_bytes()[: file.stat().st_size // 2 * 2], RATE)
        if sound.seconds >= LEAST and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", file.stem):
            with contextlib.suppress(ParlorError):  # its conversation was purged meanwhile
                path = store.path(file.stem)
                store.add(file.stem, Message("user", (sound,)), path[-1].id if path else None)
                found += 1
        file.unlink(missing_ok=True)
    return found
