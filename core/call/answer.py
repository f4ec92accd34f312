"""Answer: one spoken answer of a call, begun speculatively on a thread of its own, and easily discarded.

``Playback`` is its sound on the way to the transport; ``Waterfall`` tells where the time until it was audible went.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial

from core.call.engine_queue import Post
from core.call.events import Clause, Timed, TimedStage
from core.errors import EngineFailed, ParlorError
from core.host.background import Background
from core.l10n.text import l10n
from core.pipeline.turn_record import TurnRecord
from core.turn_taking.playback import PlayedAnswer
from core.turn_taking.user_turn import UserTurn
from core.types.events import Event, Tick
from core.types.messages import Audio, Message, Part, Text, Transcript

TAIL = 0.03  # seconds: an answer heard up to here is heard to its end


class Playback:
    """The clauses of an answer: how many went out to the transport, and how many seconds of them were ``heard``."""

    def __init__(self, turn: int) -> None:
        self.played = PlayedAnswer()
        self.heard = 0.0
        self.filler = 0.0  # seconds of the filler that it begins with
        self._turn = turn
        self._clauses: list[Clause] = []
        self._sent = 0

    @property
    def empty(self) -> bool:
        return not self._clauses

    @property
    def sent(self) -> bool:
        """Whether any of it went out."""
        return self._sent > 0

    @property
    def followed(self) -> bool:
        """Whether the answer's own words are there behind a filler."""
        return self.filler > 0 and len(self._clauses) > 1

    @property
    def left(self) -> float:
        """Seconds still to be heard of what there is."""
        return self.played.seconds - self.heard

    @property
    def finished(self) -> bool:
        """Whether all there is was heard."""
        return self.left <= TAIL

    @property
    def only_filler(self) -> bool:
        """Whether no more than a filler was heard."""
        return self.filler > 0 and self.heard <= self.filler + TAIL

    def add(self, text: str, sound: Audio) -> None:
        self.played.add(text, sound)
        self._clauses.append(Clause(self._turn, len(self._clauses), text, sound.seconds, sound))

    def begin_with(self, text: str, sound: Audio) -> None:
        """A filler before all there is, of which nothing may have been sent."""
        ready, self._clauses, self.played = self._clauses, [], PlayedAnswer()
        self.add(text, sound)
        self.filler = sound.seconds
        for clause in ready:
            assert clause.sound
            self.add(clause.text, clause.sound)

    def send(self, most: int | None = None) -> Iterator[Clause]:
        """The clauses that have not gone out, at ``most`` as many in all: they go out now."""
        while self._sent < len(self._clauses[:most]):
            self._sent += 1
            yield self._clauses[self._sent - 1]


class Waterfall:
    """Voice-to-voice latency of an answer to ``turn``: from its last voiced sample to the first audible one."""

    def __init__(self, turn: UserTurn) -> None:
        self.timed: Timed | None = None  # once it is audible
        self._turn = turn
        self._audible = 0.0  # the clock at its first sample
        self._zero = 0.0  # and at the turn's last voiced one: the microphone may hear something later

    def audible(self, at: float) -> Timed:
        self._audible, self._zero = at, self._turn.voiced_until
        self.timed = self._at(None)
        return self.timed

    def own_words(self, now: float, filler: float) -> Timed | None:
        """Behind ``filler`` seconds the own words are there ``now``: told once, after ``audible``."""
        if self.timed is None or self.timed.words is not None:
            return None
        self.timed = self._at(max(now, self._audible + filler))
        return self.timed

    def _at(self, words: float | None) -> Timed:
        marks, zero, audible = self._turn.marks, self._zero, self._audible
        ready = {"spoken", "committed"} & marks.keys()
        spans = (
            ("silence", zero, marks.get("ended")),
            ("judge", marks.get("ended"), marks.get("detected")),
            ("hear", marks.get("ended"), marks.get("heard")),
            ("write", marks.get("heard"), marks.get("written")),
            ("speak", marks.get("written"), marks.get("spoken")),
            ("wait", marks.get("spoken"), marks.get("committed")),
            ("carry", max((marks[key] for key in ready if marks[key] <= audible), default=audible), audible),
        )
        stages = tuple(
            TimedStage(name, round(start - zero, 3), round(end - zero, 3))
            for name, start, end in spans
            if start is not None and end is not None and end > start
        )
        own = None if words is None else round(words - zero, 3)
        return Timed(self._turn.number, round(audible - zero, 3), stages, own)


class Answer:
    """The answer to ``turn``: ``begin`` runs its events; ``stop`` ends it within a tenth of a second, begun or not.

    Everything but the events themselves belongs to the call's own thread. ``refusal``: why there will be no picture.
    """

    def __init__(self, turn: UserTurn, refusal: ParlorError | None = None) -> None:
        self.turn = turn
        self.refusal = refusal
        self.playback = Playback(turn.number)
        self.waterfall = Waterfall(turn)
        self.record = TurnRecord()  # the fold of what came
        self.committed = False  # the turn it answers is over, so that it may be heard
        self.audible = False  # more of it than a filler
        self.over = False  # no more will come
        self.error: ParlorError | None = None  # that ended it
        self.node: int | None = None  # where it is kept
        self._work = Background(f"call answer {turn.number}", _broke())

    @property
    def reopenable(self) -> bool:
        """Whether only a filler has been heard of it, and what is asked may still go on."""
        more = not self.over or self.playback.played.seconds > self.playback.filler + TAIL
        return self.playback.only_filler and more and not self.turn.typed

    @property
    def left(self) -> float:
        """Seconds of it still to be heard; endless while more may come."""
        return self.playback.left if self.over else math.inf

    def begin(
        self,
        events: Generator[Event, None, None],
        post: Post,
        received: Callable[[Answer, Event], None],
        ended: Callable[[Answer], None],
    ) -> None:
        """``post`` to ``received`` each event that was folded, and to ``ended`` that there will be no more."""

        def each(event: Event) -> None:
            if not isinstance(event, Tick):
                post(partial(self._receive, event, received))

        self._work.drive(events, each, lambda error: post(partial(self._end, error, ended)))

    def stop(self) -> None:
        self._work.stop()

    def message(self, cut: bool) -> Message:
        """The answer as the history keeps it: what was heard of it, or all of it when nobody broke it off."""
        text, sound, words = self.playback.played.until(self.playback.heard if cut else math.inf)
        parts: tuple[Part, ...] = ()
        if sound and sound.pcm:
            parts = (sound, Transcript(text, "", words))
        elif self.record.text and not (cut and self.playback.played.clauses):
            parts = (Text(self.record.text),)
        record = _closed(self.record)
        metrics = record.metrics()
        seconds: dict[str, float] = dict(metrics.seconds)
        if timed := self.waterfall.timed:
            seconds |= {f"call {stage.name}": stage.end - stage.start for stage in timed.stages}
            seconds["call total"] = timed.total
            if timed.words:
                seconds["call words"] = timed.words
        figures = replace(metrics, seconds=tuple((name, round(spent, 3)) for name, spent in seconds.items()))
        return Message("assistant", parts, record.made_by, figures, cut)

    def _receive(self, event: Event, received: Callable[[Answer, Event], None]) -> None:
        self.record = self.record.add(event)
        received(self, event)

    def _end(self, error: ParlorError | None, ended: Callable[[Answer], None]) -> None:
        self.record, self.over, self.error = _closed(self.record), True, error
        ended(self)


def _closed(record: TurnRecord) -> TurnRecord:
    """``record`` with the stages under way ended now."""
    for event in record.broken_off(time.monotonic()):
        record = record.add(event)
    return record


def _broke() -> EngineFailed:
    return EngineFailed(l10n("This answer failed unexpectedly; parlor.log in the data folder says why. Ask again."))
