"""Events: everything a turn emits. The stored answer is their fold (``core.pipeline.turn_record``).

Exceptions travel through the generators, so no event is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.l10n.text import NOTHING, L10n
from core.types.generation import Usage
from core.types.image_request import ImageRequest
from core.types.messages import Audio, Image, Message, Word
from core.types.provenance import Provenance, Stage


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording has been transcribed; ``text`` is empty when nobody spoke."""

    text: str
    language: str = ""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Understood:
    """The person's message with its transcripts and readings: from here on it can be kept."""

    message: Message


@dataclass(frozen=True, slots=True)
class Delta:
    """More words of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Sound:
    """One spoken clause of the answer and the words in it; clauses come in order."""

    audio: Audio
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is going to be painted: the prompt is final, settings left to the model are still open."""

    request: ImageRequest


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture, with how it was made in its text chunks, and what made it."""

    image: Image
    made_by: Provenance


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage is under way; ``download`` and ``start`` are of no turn.

    ``fraction`` runs from 0 to 1, or is None when the end is not known; ``note`` says it to a person; ``preview`` is a
    picture taking shape.
    """

    stage: Stage | Literal["download", "start"]
    fraction: float | None = None
    note: L10n = NOTHING
    preview: Image | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know beside the answer; no part of it."""

    text: L10n


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """A model has a part in the answer from here on. Pictures say themselves what made them."""

    made_by: Provenance


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage begins; ``at`` is ``time.monotonic``, so that one that is broken off counts as far as it came."""

    stage: Stage
    at: float


@dataclass(frozen=True, slots=True)
class StageEnded:
    """A stage took so many seconds. One stage may run several times in a turn, and overlap with another."""

    stage: Stage
    seconds: float


@dataclass(frozen=True, slots=True)
class FirstToken:
    """The first token of the answer came so many seconds after the model was asked for it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Complete:
    """Everything that was asked for is there, save sound: an answer that is stopped after this is not cut."""

    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The answer, complete or cut; nothing comes after it."""

    message: Message


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing new yet: a place where whoever reads the stream can close it. Comes at least every 0.1 s; never kept."""


Recorded = ModelUsed | StageStarted | StageEnded | FirstToken | Complete  # for the record, nothing to show
Event = Heard | Understood | Delta | Sound | Prompt | Picture | Progress | Notice | Recorded | Done | Tick
