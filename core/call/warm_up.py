"""Warm-up: ``warm_up`` loads the models of a call and has each do its work once, so that no turn is the slow one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from core.catalogue.spec import ModelSpec
from core.errors import ParlorError
from core.pipeline.instructions import instructions
from core.pipeline.respond import for_seeing_model, for_text_model
from core.pipeline.speech import speaking_voice
from core.pipeline.turn_context import TurnContext
from core.runtime.engines import RemoteChat, RemoteTranscriber, RemoteTurnDetector
from core.runtime.lease import acquire
from core.runtime.worker import EngineCall, Worker
from core.types.messages import Audio, Message, Text

SILENCE = Audio(bytes(2 * 16_000), 16_000)
HELLO = Message("user", (Text("Hello."),))


def warm_up(context: TurnContext, hear: ModelSpec, others: Iterable[ModelSpec]) -> None:
    """Warm ``hear``, and of ``others`` those that fit in memory, as ``context`` says; what another cannot do it tells
    when it is needed. Raises what keeps ``hear``, without which there is no call, from its work.
    """
    exercise(context, hear)
    for spec in others:
        with contextlib.suppress(ParlorError):
            if context.pool.fits(spec):
                exercise(context, spec)


def exercise(context: TurnContext, spec: ModelSpec) -> None:
    """Have ``spec`` do once what a turn will ask of it. Raises what that raises."""
    with acquire(context.pool, spec) as worker:
        call = _work(context, spec, worker)
        if call:
            with call:
                for _ in call:
                    pass


def _work(context: TurnContext, spec: ModelSpec, worker: Worker) -> EngineCall[Any] | None:
    """None for a model of another task, for which it is enough to be loaded."""
    match spec.task:
        case "hear":
            return RemoteTranscriber(worker).hear(SILENCE)
        case "turn":
            return RemoteTurnDetector(worker).judge(SILENCE)
        case "speak":
            return speaking_voice(spec, context.settings).speak(worker, "OK.")
        case "chat" | "see":  # a model that sees is asked like one that reads
            sampling = replace(context.sampling, max_tokens=1)
            return RemoteChat(worker).reply(_conversation(context, spec), sampling, context.conversation)
    return None


def _conversation(context: TurnContext, spec: ModelSpec) -> tuple[Message, ...]:
    """What a turn's prompt begins with, and a hello; miniatures are never told what was said before."""
    if spec.miniature:
        return (HELLO,)
    ready = for_seeing_model if spec.task == "see" else for_text_model
    return tuple(map(ready, (instructions(context, spec), *context.history, HELLO)))
