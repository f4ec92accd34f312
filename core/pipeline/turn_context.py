"""The inputs of a turn: ``TurnContext``. What comes of it are its events (``core.pipeline.turn_record``)."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from core.pipeline.route import Choice
from core.runtime.pool import Pool
from core.settings import Settings
from core.types.events import Event, StageEnded, StageStarted
from core.types.generation import Sampling
from core.types.messages import Message, Turn
from core.types.provenance import Stage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TurnContext:
    """Everything one turn is run with.

    ``live``: somebody waits for the first sound on the line, so the voice begins with fewer words.
    """

    turn: Turn
    history: tuple[Message, ...]
    choice: Choice
    pool: Pool
    settings: Settings
    sampling: Sampling
    conversation: str = ""
    live: bool = False


def timed(stage: Stage, work: Generator[Event, None, T]) -> Generator[Event, None, T]:
    """``work`` as a stage: StageStarted, its events, StageEnded. Returns what it returns.

    Where it is closed or fails there is no StageEnded: whoever reads the events adds it (``TurnRecord.broken_off``).
    """
    began = time.monotonic()
    yield StageStarted(stage, began)
    result = yield from work
    yield StageEnded(stage, time.monotonic() - began)
    return result
