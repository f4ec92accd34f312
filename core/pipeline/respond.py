"""Running a turn: ``respond`` understands what was handed over, answers it, and speaks while the words still come."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, replace

from core.catalogue.spec import ModelSpec
from core.l10n.text import l10n
from core.pipeline.draw import draw
from core.pipeline.instructions import instructions
from core.pipeline.route import route
from core.pipeline.speech import SpeechStream
from core.pipeline.starter_vision import STARTER_NOTICE, description_prompt, insert_description, question_prompt
from core.pipeline.turn_context import TurnContext, timed
from core.pipeline.turn_record import TurnRecord, fold, provenance
from core.pipeline.understand import understand
from core.runtime.engines import RemoteChat
from core.runtime.lease import leased, needed
from core.runtime.pool import Pool
from core.runtime.worker import Worker
from core.settings import Settings
from core.text.script import has_han
from core.types.events import (
    Complete,
    Delta,
    Done,
    Event,
    FirstToken,
    ModelUsed,
    Notice,
    Progress,
    Tick,
    Understood,
)
from core.types.generation import MessagesDropped, Sampling, Usage
from core.types.messages import Audio, Image, Message

ENDED_EARLY = {
    "length": Notice(l10n("The answer reached the longest length set in Settings and ends here.")),
    "context": Notice(
        l10n(
            "The conversation fills the model's context, so the answer ends here. Start a new one, or allow more "
            "context."
        )
    ),
}


def respond(context: TurnContext) -> Generator[Event, None, None]:
    """Run a turn to its end: Understood once, then Deltas and Sounds, or a Prompt and Pictures, then Done.

    Done holds the fold of the events before it. Closing this stops every engine in it.

    Raises NotInstalled, NotEnoughMemory, BadInput, EngineFailed and WorkerDied; the answer so far is then the fold of
    what was emitted.
    """
    record = TurnRecord()
    with contextlib.closing(_answer(context)) as events:
        for event in events:
            record = record.add(event)
            yield event
    yield Done(record.message(cut=False))


def read_aloud(message: Message, spec: ModelSpec, pool: Pool, settings: Settings) -> Generator[Event, None, None]:
    """Speak an answer that is already there: Sounds, clause by clause, then Done with the sound added to it."""
    events: list[Event] = []
    speech = SpeechStream(spec, pool, settings)
    try:
        speech.write(message.text)
        for event in speech.finish():
            events.append(event)
            yield event
    finally:
        speech.close()
    said = fold(events).message(cut=False)
    yield Done(replace(message, parts=message.parts + said.parts, made_by=message.made_by + said.made_by))


def _answer(context: TurnContext) -> Generator[Event, None, None]:
    """The events of a turn but Done."""
    question = yield from understand(context, route(context.turn, context.history, context.choice))
    yield Understood(question)
    plan = route(replace(context.turn, parts=question.parts), context.history, context.choice)
    if plan.draw:
        yield from draw(context, plan)
        return
    chat = needed(plan.chat, l10n("answer"))
    if plan.look and not context.choice.has(chat):
        chat = plan.look
    elif plan.look:
        question = yield from _look(context, plan.look, question)
    speech = SpeechStream(plan.speak, context.pool, context.settings, context.live) if plan.speak else None
    try:
        yield from _write(context, chat, question, speech)
        if speech:
            yield from speech.finish()
    finally:
        if speech:
            speech.close()


def _look(context: TurnContext, spec: ModelSpec, question: Message) -> Generator[Event, None, Message]:
    """The question as the chat model gets it once the starter model ``spec`` has described its picture."""
    yield STARTER_NOTICE
    with (yield from leased(context.pool, spec)) as worker:
        seen = (yield from timed("look", _description(context, worker, question))).strip()
    yield ModelUsed(provenance("look", spec, seen=seen))
    return insert_description(question, seen)


def _description(context: TurnContext, worker: Worker, question: Message) -> Generator[Event, None, str]:
    """What the model in ``worker`` sees in the question's picture."""
    seen = ""
    yield Progress("look", None, l10n("Looking at the picture"))
    sampling = replace(context.sampling, adapter="", temperature=0.0)
    wanted = description_prompt(question, has_han(question.text))
    with RemoteChat(worker).reply((wanted,), sampling, context.conversation) as call:
        for item in call:
            if isinstance(item, str):
                seen += item
            elif isinstance(item, Tick | Progress):
                yield item
    return seen


def _write(
    context: TurnContext, spec: ModelSpec, question: Message, speech: SpeechStream | None
) -> Generator[Event, None, None]:
    """The answer's words, with the sounds that are ready between them."""
    sampling = replace(context.sampling, adapter=_adapter(context, spec))
    messages = (instructions(context, spec), *context.history, question)
    if spec.miniature:
        turn, language = replace(context.turn, parts=question.parts), context.turn.language or context.settings.language
        messages, sampling = (question_prompt(turn, context.history, language),), replace(sampling, temperature=0.0)
        yield STARTER_NOTICE
    ready = for_seeing_model if spec.task == "see" else for_text_model
    with (yield from leased(context.pool, spec)) as worker:
        settings = {name: value for name, value in asdict(sampling).items() if name not in {"seed", "stop", "grammar"}}
        yield ModelUsed(provenance("chat", spec, sampling.seed, **settings))
        words = _words(worker, tuple(map(ready, messages)), sampling, context.conversation, speech)
        yield from timed("chat", words)


def _words(
    worker: Worker, messages: tuple[Message, ...], sampling: Sampling, conversation: str, speech: SpeechStream | None
) -> Generator[Event, None, None]:
    began, first = time.monotonic(), True
    with RemoteChat(worker).reply(messages, sampling, conversation) as call:
        for item in call:
            if isinstance(item, str):
                if first:
                    yield FirstToken(time.monotonic() - began)
                first = False
                if speech:
                    speech.write(item)
                yield Delta(item)
            elif isinstance(item, Usage | MessagesDropped):
                yield from _closing_events(item)
            else:
                yield item
            if speech:
                yield from speech.step()


def _adapter(context: TurnContext, spec: ModelSpec) -> str:
    """The chosen LoRA adapter, where ``spec`` has it: the choice may be older than the model."""
    name = context.sampling.adapter
    return name if name and (context.settings.models / spec.id / "adapters" / name).is_dir() else ""


def _closing_events(item: Usage | MessagesDropped) -> Iterator[Event]:
    """What an engine says of its answer, as events."""
    if isinstance(item, Usage):
        yield Complete(item)
        if item.finish in ENDED_EARLY:
            yield ENDED_EARLY[item.finish]
    else:
        yield Notice(
            l10n(
                "This conversation is longer than the model can hold: its oldest {messages} messages were left out.",
                messages=item.messages,
            )
        )


def for_text_model(message: Message) -> Message:
    """Only what a text model reads, so that no picture or recording crosses the pipe in vain."""
    parts = tuple(Image(b"", part.mime) if isinstance(part, Image) else part for part in message.parts)
    return replace(message, parts=tuple(part for part in parts if not isinstance(part, Audio)))


def for_seeing_model(message: Message) -> Message:
    """Words and pictures, without recordings."""
    return replace(message, parts=tuple(part for part in message.parts if not isinstance(part, Audio)))
