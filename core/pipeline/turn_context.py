"""A turn while it runs: what it is run with, and what has come of it so far."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field

from core.catalogue.spec import ModelSpec
from core.pipeline.route import Choice
from core.runtime.pool import Lease, Pool
from core.settings import Settings
from core.types.events import Progress, Tick
from core.types.generation import Sampling, Usage
from core.types.messages import Audio, Image, Message, Part, Text, Turn
from core.types.provenance import Metrics, Provenance, Scalar


@dataclass(slots=True)
class TurnRecord:
    """What a turn has produced so far, so that it can be kept at any moment. Times in seconds."""

    text: str = ""
    pictures: list[Image] = field(default_factory=list)
    sounds: list[Audio] = field(default_factory=list)
    made_by: list[Provenance] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    first_token_seconds: float | None = None
    usage: Usage | None = None
    complete: bool = False  # everything that was asked for is there

    def answer(self, cut: bool, sound: bool = True) -> Message:
        """The answer so far. Its sound can be left out: joined, it is another file at every moment."""
        parts: tuple[Part, ...] = (Text(self.text),) if self.text else ()
        parts += tuple(self.pictures)
        if sound and self.sounds:
            parts += (joined(self.sounds),)
        return Message("assistant", parts, tuple(self.made_by), self.figures(), cut)

    def figures(self) -> Metrics:
        usage = self.usage or Usage(0, 0, 0, 0.0, 0.0, "")
        return Metrics(
            seconds=tuple((stage, round(spent, 3)) for stage, spent in self.seconds.items()),
            first_token_seconds=self.first_token_seconds,
            tokens=usage.answer_tokens,
            tokens_per_second=round(usage.answer_tokens / usage.decode_seconds, 2) if usage.decode_seconds else None,
            prompt_tokens=usage.prompt_tokens,
            reused_tokens=usage.reused_tokens,
        )

    def spent(self, stage: str, since: float) -> None:
        """Add the time since ``since`` (``time.monotonic``) to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - since

    def made(self, stage: str, spec: ModelSpec, seed: int | None = None, **settings: Scalar) -> None:
        """Note a model's part in the answer; the author of its words or pictures comes first, a picture an entry."""
        entry = Provenance(stage, spec.id, spec.revision, spec.sha256, tuple(sorted(settings.items())), seed)
        authors = [made.stage for made in self.made_by].count("paint") if stage == "paint" else 0
        self.made_by.insert(authors if stage in {"chat", "paint"} else len(self.made_by), entry)


@dataclass(frozen=True, slots=True)
class TurnContext:
    """Everything one turn is run with. ``ledger`` fills up as the events go by.

    ``live``: somebody waits for the first sound on the line, so the voice begins with fewer words.
    """

    turn: Turn
    history: tuple[Message, ...]
    choice: Choice
    pool: Pool
    settings: Settings
    sampling: Sampling
    conversation: str = ""
    ledger: TurnRecord = field(default_factory=TurnRecord)
    live: bool = False


def joined(sounds: list[Audio]) -> Audio:
    return Audio(b"".join(sound.pcm for sound in sounds), sounds[0].rate)


def leased(ledger: TurnRecord, pool: Pool, spec: ModelSpec) -> Generator[Progress | Tick, None, Lease]:
    """``pool.use``, with the time it takes noted as the stage ``load``."""
    began = time.monotonic()
    lease = yield from pool.use(spec)
    ledger.spent("load", began)
    return lease
