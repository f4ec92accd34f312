"""Which model works at each stage, and how an answer is sampled: what the person has set, or the best there is."""

from __future__ import annotations

import secrets

from core.catalogue import Catalogue, ModelSpec, Task, installed
from core.engines import Sampling
from core.router import Choice
from core.settings import Settings

SEEDS = 2**31


def choose(catalogue: Catalogue, settings: Settings) -> Choice:
    """The models this person has chosen, or the first installed of each task, or the first that could be.

    A model that sees is used only when it is installed or was asked for by name: without one, the words in pictures
    are read. Raises BadInput for a chosen model that is not in the catalogue.
    """

    def first(task: Task, chosen: str) -> ModelSpec | None:
        if chosen:
            return catalogue.find(chosen)
        specs = catalogue.by_task(task)
        return next((spec for spec in specs if installed(spec, settings.models)), next(iter(specs), None))

    seeing = first("see", settings.see)
    return Choice(
        listen=first("hear", settings.hear),
        read=first("read", settings.read),
        chat=first("chat", settings.chat),
        see=seeing if seeing and (settings.see or installed(seeing, settings.models)) else None,
        paint=first("paint", settings.paint),
        speak=first("speak", settings.speak),
    )


def sampling(settings: Settings) -> Sampling:
    """As the person has set it, with a fresh seed."""
    return Sampling(
        settings.temperature,
        settings.top_p,
        settings.min_p,
        settings.max_tokens,
        fresh_seed(),
        adapter=settings.adapter,
    )


def fresh_seed() -> int:
    return secrets.randbelow(SEEDS)
