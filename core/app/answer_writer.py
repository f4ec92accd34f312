"""Keeping an answer while it is made: ``AnswerWriter`` folds a turn's events and stores what they come to."""

from __future__ import annotations

import time

from core.errors import ParlorError
from core.pipeline.turn_record import TurnRecord
from core.store.store import Store, title_from
from core.types.events import Delta, Event, Picture, Understood
from core.types.messages import Message

SAVE_EVERY = 0.5  # seconds


class AnswerWriter:
    """Writes one answer into its node, and its question once that is understood. Belongs to one thread."""

    def __init__(self, store: Store, conversation: str, question: int, answer: int) -> None:
        self._store, self._conversation, self._question, self._answer = store, conversation, question, answer
        self._record = TurnRecord()
        self._saved = time.monotonic()

    def add(self, event: Event) -> None:
        """Keep what ``event`` brought: pictures at once, words twice a second. Raises DiskFull and the like."""
        self._record = self._record.add(event)
        if isinstance(event, Understood):
            self._store.update(self._question, event.message)
            self._name(event.message)
        elif isinstance(event, Picture):
            self._save()
        elif isinstance(event, Delta) and time.monotonic() - self._saved > SAVE_EVERY:
            self._save()
            self._saved = time.monotonic()

    def finish(self, stopped: bool, error: ParlorError | None) -> None:
        """The turn is over: keep the fold of its events, cut where it was stopped or failed before it was complete."""
        cut = not self._record.complete and (stopped or error is not None)
        self._store.finish(self._answer, self._record.message(cut), error)

    @property
    def record(self) -> TurnRecord:
        return self._record

    def _save(self) -> None:
        self._store.update(self._answer, self._record.message(cut=True, sound=False))

    def _name(self, message: Message) -> None:
        known = self._store.conversation(self._conversation)
        if known and not known.title:
            self._store.rename(self._conversation, title_from(message))
