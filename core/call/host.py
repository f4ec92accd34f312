"""Host of a call: ``CallHost`` is all that a call knows of the app it runs in; ``core.app.services`` has one.

``call_models`` are the models that follow the whole call, ``turn_context`` what a spoken turn is answered with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from core.call.transport import CallOptions
from core.catalogue.spec import Catalogue, ModelSpec, Task, installed, not_installed
from core.errors import NotInstalled
from core.l10n.text import l10n
from core.pipeline.route import Choice
from core.pipeline.turn_context import TurnContext
from core.runtime.lease import needed
from core.runtime.pool import Pool
from core.settings import Settings
from core.store.store import Store
from core.types.generation import Sampling
from core.types.messages import Message, Part, Turn

INSTRUCTIONS = (
    "You are Parlor, talking with a person on a call; you run on their own computer. Answer in the language of what "
    "they said last, English or simplified Chinese, as one speaks: one to three short sentences, no lists, no "
    "Markdown, no emoji. Begin with a short sentence that answers."
)
LONGEST = 320  # tokens: two minutes of talk; more can be asked for


class CallHost(Protocol):
    """Settings, catalogue, conversations and models, as they are when they are asked for."""

    @property
    def settings(self) -> Settings: ...

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def store(self) -> Store: ...

    @property
    def pool(self) -> Pool: ...

    def choice(self) -> Choice:
        """The models of the next turn."""

    def sampling(self) -> Sampling:
        """How the next answer is sampled."""


@dataclass(frozen=True, slots=True)
class CallModels:
    """The models that listen: no call without the first two; without the others it waits longer and reads later."""

    detect: ModelSpec
    hear: ModelSpec
    turn: ModelSpec | None
    read: ModelSpec | None


def call_models(host: CallHost) -> CallModels:
    """Raises NotInstalled when a model that a call cannot do without is missing."""
    choice = host.choice()
    detect = _first(host, "detect")
    if detect is None:
        raise NotInstalled(l10n("No model in the catalogue can detect speech."))
    hear, turn = needed(choice.listen, l10n("hear speech")), _first(host, "turn")
    for spec in (detect, hear):
        if not installed(spec, host.settings.models):
            raise not_installed(spec)
    there = turn is not None and installed(turn, host.settings.models)
    return CallModels(detect, hear, turn if there else None, choice.read if choice.has(choice.read) else None)


def _first(host: CallHost, task: Task) -> ModelSpec | None:
    """The model of a task that a person does not choose among: the first installed, or else the first there is."""
    specs = host.catalogue.by_task(task)
    return next((spec for spec in specs if installed(spec, host.settings.models)), next(iter(specs), None))


def turn_context(
    host: CallHost, parts: tuple[Part, ...], history: tuple[Message, ...], options: CallOptions, conversation: str
) -> TurnContext:
    """What a turn of ``parts`` is answered with: in the voices of the call, as one speaks."""
    choice, settings = host.choice(), with_call_voices(host.settings, options)
    if not settings.instructions and choice.chat and len(choice.chat.languages) > 1:
        settings = replace(settings, instructions=INSTRUCTIONS)
    sampling = host.sampling()
    sampling = replace(sampling, max_tokens=min(sampling.max_tokens, LONGEST))
    return TurnContext(Turn(parts, speak=True), history, choice, host.pool, settings, sampling, conversation, live=True)


def with_call_voices(settings: Settings, options: CallOptions) -> Settings:
    """The settings with the voices that were chosen for the call."""
    return replace(
        settings,
        speech=replace(
            settings.speech,
            voice_en=options.voice_en or settings.speech.voice_en,
            voice_zh=options.voice_zh or settings.speech.voice_zh,
        ),
    )
