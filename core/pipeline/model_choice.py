"""Which model works at each stage, and how an answer is sampled: what the person has set, or the best there is."""

from __future__ import annotations

import secrets
from dataclasses import replace

from core.catalogue.spec import Catalogue, ModelSpec, Task, installed
from core.errors import BadInput
from core.l10n.text import l10n
from core.pipeline.route import Choice
from core.settings import Settings
from core.types.generation import Sampling

SEEDS = 2**31


def choose(catalogue: Catalogue, settings: Settings) -> Choice:
    """The models this person has chosen, or the first installed of each task, or the first that could be.

    A model that sees is used only when it is installed or was asked for by name: without one, the words in pictures
    are read. Raises BadInput for a chosen model that is not in the catalogue.
    """

    def first(task: Task, chosen: str) -> ModelSpec | None:
        if chosen:
            return _fitting(catalogue.find(chosen), task)
        specs = catalogue.by_task(task)
        return next((spec for spec in specs if installed(spec, settings.models)), next(iter(specs), None))

    seeing, chat = first("see", settings.see), first("chat", settings.chat)
    if seeing and not (settings.see or installed(seeing, settings.models)):
        seeing = None
    if seeing and not seeing.miniature and not settings.chat and not (chat and installed(chat, settings.models)):
        chat = seeing
    choice = Choice(
        listen=first("hear", settings.hear),
        read=first("read", settings.read),
        chat=chat,
        see=seeing,
        paint=first("paint", settings.paint),
        speak=first("speak", settings.speak),
        writer=_writer(catalogue, settings, chat),
    )
    specs = (choice.listen, choice.read, chat, seeing, choice.paint, choice.speak, choice.writer)
    return replace(choice, installed=frozenset(spec.id for spec in specs if spec and installed(spec, settings.models)))


def _writer(catalogue: Catalogue, settings: Settings, chat: ModelSpec | None) -> ModelSpec | None:
    """Who writes painters' prompts: the first installed chat model of several languages where ``chat`` has but one."""
    if chat and len(chat.languages) > 1:
        return chat
    able = (spec for spec in catalogue.by_task("chat") if len(spec.languages) > 1)
    return next((spec for spec in able if installed(spec, settings.models)), chat)


def _fitting(spec: ModelSpec, task: Task) -> ModelSpec:
    """``spec``, if it can do ``task``: whoever sees can chat, and a chat model may answer from a picture's words."""
    if spec.task != task and {spec.task, task} != {"chat", "see"}:
        raise BadInput(
            l10n(
                "{name} is a model for the task {task}, not {wanted}. See: python start.py models",
                name=spec.name,
                task=spec.task,
                wanted=task,
            )
        )
    return spec


def sampling(settings: Settings) -> Sampling:
    """As the person has set it, with a fresh seed."""
    return Sampling(
        settings.sampling.temperature,
        settings.sampling.top_p,
        settings.sampling.min_p,
        settings.sampling.max_tokens,
        new_seed(),
        adapter=settings.adapter,
    )


def new_seed() -> int:
    return secrets.randbelow(SEEDS)
