"""Runs: turns in progress, owned by the server process: ``Runs.start`` one, read it from any point, stop it.

A run is a thread of the process, not of a page: a click, another page, a lost connection or a second tab leave it
alone. Everything it brings forth is in the store within half a second.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Generator

from core.app.answer_writer import AnswerWriter
from core.app.services import Services
from core.errors import BadInput, EngineFailed, ParlorError
from core.host.background import Background
from core.l10n.text import l10n
from core.pipeline.draw import repaint_request
from core.pipeline.respond import read_aloud, respond
from core.pipeline.turn_context import TurnContext
from core.runtime.lease import needed
from core.store.store import Node
from core.types.events import Done, Event, Tick
from core.types.generation import Sampling
from core.types.image_request import ImageRequest
from core.types.messages import Audio, Message, Turn

KEPT = 300.0  # seconds a finished run can still be read


class Run:
    """One turn being answered. ``question`` and ``answer`` are node ids of the store."""

    def __init__(self, conversation: str, question: int, answer: int) -> None:
        self.id = uuid.uuid4().hex
        self.conversation = conversation
        self.question = question
        self.answer = answer
        self.trouble: ParlorError | None = None
        self.ended: float | None = None  # time.monotonic
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self.work = Background(f"run {self.id}", _broke())

    @property
    def finished(self) -> bool:
        return self.ended is not None

    def after(self, index: int) -> tuple[tuple[Event, ...], int]:
        """The events from ``index`` on, and the index to go on from."""
        with self._changed:
            events = tuple(self._events[index:])
            return events, index + len(events)

    def wait(self, index: int, seconds: float) -> bool:
        """Wait until there is an event at ``index`` or the run has finished; False when time ran out first."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._events) > index or self.finished, seconds)

    def stop(self) -> None:
        """End the run at its next event, at most 0.1 s away; what was said stays."""
        self.work.stop()

    @property
    def stopping(self) -> bool:
        return self.work.stopping

    def keep(self, event: Event) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def end(self, trouble: ParlorError | None) -> None:
        with self._changed:
            self.trouble, self.ended = trouble, time.monotonic()
            self._changed.notify_all()


class Runs:
    """All runs of this process; at most one at a time in each conversation. ``respond`` is what answers a turn."""

    def __init__(
        self, services: Services, respond: Callable[[TurnContext], Generator[Event, None, None]] = respond
    ) -> None:
        self._services, self._store, self._respond = services, services.store, respond
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()
        self._starting = threading.Lock()  # from the check that a conversation is free to the run that takes it

    def start(self, conversation: str, turn: Turn, sampling: Sampling | None = None) -> Run:
        """Keep the person's message as the newest of the conversation, and answer it.

        This and the next three raise BadInput, with nothing kept, while the conversation is being answered.
        """
        with self._starting:
            path = self._store.path(conversation)
            return self._ask(conversation, turn, path[-1].id if path else None, sampling)

    def edit(self, question: int, turn: Turn) -> Run:
        """A new version of a message of the person's, with an answer of its own."""
        with self._starting:
            node = self._known(question)
            return self._ask(node.conversation, turn, node.parent, None)

    def again(self, answer: int, draw: bool | None = None, request: ImageRequest | None = None) -> Run:
        """A new version of an answer, beside the old one; ``request`` says which pictures it is to hold.

        A drawn answer is drawn again from the same prompt and settings with another seed.
        """
        with self._starting:
            node = self._known(answer)
            question = node if node.message.role == "user" or node.parent is None else self._known(node.parent)
            parts = question.message.parts
            heard = any(isinstance(part, Audio) for part in parts)
            if request is None and draw is None:
                request = repaint_request(node.message, self._services.choice().paint)
            draw = True if request else draw
            turn = Turn(
                parts, draw=draw, speak=heard and self._services.settings.speech.speak_replies, image_request=request
            )
            context = self._context(question.conversation, turn, None, self._store.ancestors(question.id)[:-1])
            return self._answer(question.id, context)

    def read_aloud(self, answer: int) -> Run:
        """Speak an answer that has no sound yet, and keep the sound with it. Raises NotInstalled."""
        with self._starting:
            node = self._known(answer)
            self._must_be_free(node.conversation)
            spec = needed(self._services.choice().speak, l10n("speak"))
            run = self._begin(Run(node.conversation, node.parent or answer, answer))

        def keep(event: Event) -> None:
            if isinstance(event, Done):
                self._store.update(answer, event.message)

        events = read_aloud(node.message, spec, self._services.pool, self._services.settings)
        self._drive(run, events, keep, run.end)
        return run

    def of(self, conversation: str) -> Run | None:
        """The run in progress in a conversation."""
        with self._lock:
            return next(
                (run for run in self._runs.values() if run.conversation == conversation and not run.finished), None
            )

    def get(self, run: str) -> Run | None:
        with self._lock:
            return self._runs.get(run)

    def close(self) -> None:
        """Stop every run and wait a moment for them to keep what they have."""
        running = [run for run in self._runs.values() if not run.finished]
        for run in running:
            run.stop()
        for run in running:
            run.wait(1 << 60, 2.0)

    def _ask(self, conversation: str, turn: Turn, parent: int | None, sampling: Sampling | None) -> Run:
        before = self._store.ancestors(parent) if parent is not None else []
        context = self._context(conversation, turn, sampling, before)
        return self._answer(self._store.add(conversation, Message("user", turn.parts), parent), context)

    def _context(self, conversation: str, turn: Turn, sampling: Sampling | None, before: list[Node]) -> TurnContext:
        """Everything the turn needs, before anything of it is kept: what is wrong with it is told now."""
        self._must_be_free(conversation)
        history = tuple(node.message for node in before if node.message.parts)
        services = self._services
        sampling = sampling or services.sampling()
        return TurnContext(turn, history, services.choice(), services.pool, services.settings, sampling, conversation)

    def _must_be_free(self, conversation: str) -> None:
        if self.of(conversation):
            raise BadInput(l10n("This conversation is still being answered. Stop the answer first."))

    def _answer(self, question: int, context: TurnContext) -> Run:
        answer = self._store.add(context.conversation, Message("assistant", ()), question, state="running")
        run = self._begin(Run(context.conversation, question, answer))
        writer = AnswerWriter(self._store, context.conversation, question, answer)

        def ended(error: ParlorError | None) -> None:
            for event in writer.record.broken_off(time.monotonic()):
                writer.add(event)
                run.keep(event)
            # a full disk: the page still shows what there is, and why it is not kept
            unkept = run.work.outcome(lambda: writer.finish(run.stopping, error))
            run.end(error or unkept)

        self._drive(run, self._respond(context), writer.add, ended)
        return run

    def _begin(self, run: Run) -> Run:
        with self._lock:
            old = time.monotonic() - KEPT
            self._runs = {key: value for key, value in self._runs.items() if value.ended is None or value.ended > old}
            self._runs[run.id] = run
        return run

    def _drive(
        self,
        run: Run,
        events: Generator[Event, None, None],
        keep: Callable[[Event], None],
        ended: Callable[[ParlorError | None], None],
    ) -> None:
        """Run ``events`` to their end, or until the run is stopped, on a thread of its own."""

        def each(event: Event) -> None:
            if not isinstance(event, Tick):
                keep(event)
                run.keep(event)

        run.work.drive(events, each, ended)

    def _known(self, node: int) -> Node:
        found = self._store.node(node)
        if found is None:
            raise BadInput(l10n("That message is no longer there. Reload the page."))
        return found


def _broke() -> EngineFailed:
    return EngineFailed(l10n("This turn failed unexpectedly; parlor.log in the data folder says why. Try again."))
