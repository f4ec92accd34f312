"""The record of a turn: the fold of its events. ``fold`` makes one; its ``message`` is the answer that is stored.

Whoever reads a turn's events folds them: the stored answer is a function of what was emitted, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from core.catalogue.spec import ModelSpec
from core.types.events import (
    Complete,
    Delta,
    Event,
    FirstToken,
    ModelUsed,
    Picture,
    Sound,
    StageEnded,
    StageStarted,
)
from core.types.generation import Usage
from core.types.messages import Audio, Image, Message, Part, Text, concatenate
from core.types.provenance import Metrics, Provenance, Scalar, Stage


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """What a turn has produced so far; ``add`` is a pure step of the fold."""

    text: str = ""
    pictures: tuple[Picture, ...] = ()
    sounds: tuple[Audio, ...] = ()
    used: tuple[Provenance, ...] = ()  # in the order they came
    seconds: tuple[tuple[Stage, float], ...] = ()
    running: tuple[StageStarted, ...] = ()
    first_token_seconds: float | None = None
    usage: Usage | None = None
    complete: bool = False  # everything that was asked for is there, save sound

    def add(self, event: Event) -> TurnRecord:
        """The record after ``event``."""
        match event:
            case Delta(text):
                return replace(self, text=self.text + text)
            case Sound(audio):
                return replace(self, sounds=(*self.sounds, audio))
            case Picture():
                return replace(self, pictures=(*self.pictures, event))
            case ModelUsed(made_by):
                return replace(self, used=(*self.used, made_by))
            case StageStarted():
                return replace(self, running=(*self.running, event))
            case StageEnded(stage, seconds):
                spent = dict(self.seconds)
                spent[stage] = spent.get(stage, 0.0) + seconds
                running = tuple(each for each in self.running if each.stage != stage)
                return replace(self, seconds=tuple(spent.items()), running=running)
            case FirstToken(seconds):
                return replace(self, first_token_seconds=round(seconds, 3))
            case Complete(usage):
                return replace(self, usage=usage, complete=True)
        return self

    def broken_off(self, now: float) -> tuple[StageEnded, ...]:
        """The events that end the stages under way at ``now`` (``time.monotonic``), for whoever closes the turn."""
        return tuple(StageEnded(each.stage, now - each.at) for each in self.running)

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(picture.image for picture in self.pictures)

    @property
    def made_by(self) -> tuple[Provenance, ...]:
        """The author of the words first, or one entry a picture in their order; then the others as they came."""
        words = tuple(each for each in self.used if each.stage == "chat")
        others = tuple(each for each in self.used if each.stage != "chat")
        return words + tuple(picture.made_by for picture in self.pictures) + others

    def message(self, cut: bool, sound: bool = True) -> Message:
        """The answer so far. Its sound can be left out: joined, it is another file at every moment."""
        parts: tuple[Part, ...] = (Text(self.text),) if self.text else ()
        parts += self.images
        if sound and self.sounds:
            parts += (concatenate(self.sounds),)
        return Message("assistant", parts, self.made_by, self.metrics(), cut)

    def metrics(self) -> Metrics:
        usage = self.usage or Usage(0, 0, 0, 0.0, 0.0, "")
        return Metrics(
            seconds=tuple((stage, round(spent, 3)) for stage, spent in self.seconds),
            first_token_seconds=self.first_token_seconds,
            tokens=usage.answer_tokens,
            tokens_per_second=round(usage.answer_tokens / usage.decode_seconds, 2) if usage.decode_seconds else None,
            prompt_tokens=usage.prompt_tokens,
            reused_tokens=usage.reused_tokens,
        )


def fold(events: Iterable[Event]) -> TurnRecord:
    """The record of a turn of which ``events`` were emitted."""
    record = TurnRecord()
    for event in events:
        record = record.add(event)
    return record


def provenance(stage: Stage, spec: ModelSpec, seed: int | None = None, **settings: Scalar) -> Provenance:
    """``spec``'s part in an answer, under the ``settings`` in force."""
    return Provenance(stage, spec.id, spec.revision, spec.sha256, tuple(sorted(settings.items())), seed)
