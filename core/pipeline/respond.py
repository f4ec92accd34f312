"""The only place that runs a turn: understand what was handed over, answer it, and speak while the words still come."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, replace

from core.catalogue.spec import ModelSpec, installed
from core.pipeline.draw import draw
from core.pipeline.instructions import instructions
from core.pipeline.route import route
from core.pipeline.speech import SpeechStream
from core.pipeline.starter_vision import NOTE, asked, look, told
from core.pipeline.turn_context import TurnContext, TurnRecord, leased
from core.pipeline.understand import understand
from core.runtime.lease import needed
from core.runtime.pool import Pool
from core.settings import Settings
from core.text.script import chinese
from core.types.events import Delta, Done, Event, Progress, Tick, Understood
from core.types.generation import MessagesDropped, Usage
from core.types.messages import Audio, Image, Message

ENDED_EARLY = {
    "length": (
        "The answer reached the longest length set in Settings and ends here.",
        "回答已达到设置中的最大长度，到此为止。",
    ),
    "context": (
        "The conversation fills the model's context, so the answer ends here. Start a new one, or allow more context.",
        "对话已占满模型的上下文，回答到此为止。请新建对话，或增大上下文长度。",
    ),
}


def respond(scene: TurnContext) -> Generator[Event, None, None]:
    """Run a turn to its end: Understood once, then Deltas and Sounds, or a Prompt and Pictures, then Done.

    Closing this stops every engine in it.

    Raises NotInstalled, NotEnoughMemory, BadInput, EngineFailed and WorkerDied; ``scene.ledger`` then holds what there
    was.
    """
    question = yield from understand(scene, route(scene.turn, scene.history, scene.choice))
    yield Understood(question)
    plan = route(replace(scene.turn, parts=question.parts), scene.history, scene.choice)
    if plan.draw:
        yield from draw(scene, plan)
        yield Done(scene.ledger.answer(cut=False))
        return
    chat = needed(plan.chat, "answer", "回答")
    if plan.look and not installed(chat, scene.settings.models):
        chat = plan.look
    elif plan.look:
        question = yield from _look(scene, plan.look, question)
    voice = SpeechStream(plan.speak, scene.pool, scene.settings, scene.ledger, scene.live) if plan.speak else None
    try:
        yield from _write(scene, chat, question, voice)
        if voice:
            yield from voice.finish()
    finally:
        if voice:
            voice.close()
    yield Done(scene.ledger.answer(cut=False))


def read_aloud(message: Message, spec: ModelSpec, pool: Pool, settings: Settings) -> Generator[Event, None, None]:
    """Speak an answer that is already there: Sounds, clause by clause, then Done with the sound added to it."""
    ledger = TurnRecord()
    voice = SpeechStream(spec, pool, settings, ledger)
    try:
        voice.write(message.text)
        yield from voice.finish()
    finally:
        voice.close()
    said = ledger.answer(cut=False)
    yield Done(replace(message, parts=message.parts + said.parts, made_by=message.made_by + said.made_by))


def _look(scene: TurnContext, spec: ModelSpec, question: Message) -> Generator[Event, None, Message]:
    """The question as the chat model gets it once the miniature eyes ``spec`` have told what the picture shows."""
    seen = ""
    wanted = look(question, chinese(question.text))
    yield NOTE
    with (yield from leased(scene.ledger, scene.pool, spec)) as worker:
        began = time.monotonic()
        yield Progress("look", None, "Looking at the picture", "正在看图")
        sampling = replace(scene.sampling, adapter="", temperature=0.0)
        with worker.call("reply", (wanted,), sampling, scene.conversation) as call:
            for item in call:
                if isinstance(item, str):
                    seen += item
                elif isinstance(item, Tick | Progress):
                    yield item
        scene.ledger.spent("look", began)
    scene.ledger.made("look", spec, seen=seen.strip())
    return told(question, seen.strip())


def _write(scene: TurnContext, spec: ModelSpec, question: Message, voice: SpeechStream | None) -> Iterator[Event]:
    """The answer's words, with the sounds that are ready between them."""
    ledger, sampling = scene.ledger, replace(scene.sampling, adapter=_adapter(scene, spec))
    messages = (instructions(scene, spec), *scene.history, question)
    if spec.miniature:
        turn, language = replace(scene.turn, parts=question.parts), scene.turn.language or scene.settings.language
        messages, sampling = (asked(turn, scene.history, language),), replace(sampling, temperature=0.0)
        yield NOTE
    with (yield from leased(ledger, scene.pool, spec)) as worker:
        settings = {name: value for name, value in asdict(sampling).items() if name not in {"seed", "stop", "grammar"}}
        ledger.made("chat", spec, sampling.seed, **settings)
        began = time.monotonic()
        try:
            ready = for_seeing_model if spec.task == "see" else for_text_model
            with worker.call("reply", tuple(map(ready, messages)), sampling, scene.conversation) as call:
                for item in call:
                    yield from _item(scene, item, began, voice)
                    if voice:
                        yield from voice.step()
        finally:
            ledger.spent("chat", began)


def _adapter(scene: TurnContext, spec: ModelSpec) -> str:
    """The chosen LoRA adapter, where ``spec`` has it: the choice may be older than the model."""
    name = scene.sampling.adapter
    return name if name and (scene.settings.models / spec.id / "adapters" / name).is_dir() else ""


def _item(scene: TurnContext, item: object, began: float, voice: SpeechStream | None) -> Iterator[Event]:
    ledger = scene.ledger
    if isinstance(item, str):
        if ledger.first_token_seconds is None:
            ledger.first_token_seconds = round(time.monotonic() - began, 3)
        ledger.text += item
        if voice:
            voice.write(item)
        yield Delta(item)
    elif isinstance(item, Usage):
        ledger.usage, ledger.complete = item, True
        if item.finish in ENDED_EARLY:
            yield Progress("note", None, *ENDED_EARLY[item.finish])
    elif isinstance(item, MessagesDropped):
        yield Progress(
            "note",
            None,
            f"This conversation is longer than the model can hold: its oldest {item.messages} messages were left out.",
            f"对话超出了模型的上下文长度：最早的 {item.messages} 条消息未被使用。",
        )
    elif isinstance(item, Tick | Progress):
        yield item


def for_text_model(message: Message) -> Message:
    """Only what a text model reads, so that no picture or recording crosses the pipe in vain."""
    parts = tuple(Image(b"", part.mime) if isinstance(part, Image) else part for part in message.parts)
    return replace(message, parts=tuple(part for part in parts if not isinstance(part, Audio)))


def for_seeing_model(message: Message) -> Message:
    """Words and pictures, without recordings."""
    return replace(message, parts=tuple(part for part in message.parts if not isinstance(part, Audio)))
