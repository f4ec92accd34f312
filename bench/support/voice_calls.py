"""Calls held over prepared sound, and what really came of them: measured on the recording of what was said back.

A call's clock is that of the sound fed (``core/call/file_transport.py``), so a turn's true end and its answer's first
sample lie on one axis, however the call itself saw them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.support.voice_turns import RATE, SpokenTurn, silence, voiced
from core.app.app import App
from core.call.events import CallEvent, CallNotice, Caption, Clause, Interrupted, PhaseChanged, Timed
from core.call.file_transport import REPLY, STEP, FileClock, hold, pieces
from core.call.fillers import WORDS
from core.call.transport import CallOptions
from core.types.messages import Audio

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MISSED = 5.0  # seconds after its end in which a turn must be answered
PATIENCE = 60.0  # seconds that a script waits at most
GAP = 0.8  # seconds of silence before each turn
OPENERS = {word for words in WORDS.values() for word in words}
SOUNDING = 1.0  # seconds of an answer before somebody speaks into it


@dataclass(frozen=True, slots=True)
class Answered:
    """One turn of a call. ``total``: seconds from its true end to the answer's first sample, None where none came.

    ``words``: the same to the first sample of the answer's own words, where it began with an opening word.
    ``cut``: an answer's own words sounded before the end, or the turn was taken for two. ``nods``: opening words that
    sounded before it, after which the speaker went on. ``heard``: all of it that was committed.
    """

    turn: SpokenTurn
    total: float | None
    words: float | None
    cut: bool
    nods: int
    heard: str

    @property
    def missed(self) -> bool:
        return not self.cut and self.total is None


@dataclass(frozen=True, slots=True)
class Barged:
    """Speech into an answer, milliseconds from its first sample; ``rest``: from the decision to the last sound.

    None for what did not happen.
    """

    duck: float | None
    hush: float | None
    rest: float | None


Step = Audio | Callable[[], bool]


@dataclass
class HeldCall:
    """A call that is held over a script: sound, or silence until something is so. Times are the call's clock."""

    app: App
    echo: float = 0.0
    events: list[tuple[float, CallEvent]] = field(default_factory=list)
    begins: list[float] = field(default_factory=list)  # of each sound of the script
    lows: list[float] = field(default_factory=list)  # when the answer was made quiet
    spoke: float = 0.0  # when an answer last began to sound
    starved: int = 0

    def __post_init__(self) -> None:
        self.clock = FileClock(fast=True)
        self.call = self.app.calls.start("", CallOptions(), self.clock)
        self.sound: NDArray[np.int16]

    def over(self, script: Sequence[Step]) -> HeldCall:
        import numpy as np

        seen, transport, low = 0, None, False
        for transport in hold(self.call, self.clock, self._microphone(script), self.echo):
            events, seen = self.call.after(seen)
            for event in events:
                self.events.append((self.clock.fed, event))
                if isinstance(event, PhaseChanged) and event.phase == "speaking":
                    self.spoke = self.clock.fed
            if (now := transport.low) != low:
                low = now
                self.lows += [self.clock.fed] if low else []
        events, _ = self.call.after(seen)
        self.events += [(self.clock.fed, event) for event in events]
        self.sound = np.frombuffer(transport.reply.pcm if transport else b"", "<i2")
        self.starved = transport.starved if transport else 0
        return self

    def _microphone(self, script: Sequence[Step]) -> Iterator[bytes]:
        for step in script:
            if isinstance(step, Audio):
                self.begins.append(self.clock.fed)
                yield from pieces(step)
                continue
            until = self.clock.fed + PATIENCE
            while not step() and self.clock.fed < until:
                yield from pieces(silence(STEP))

    def first_sound(self, since: float, until: float) -> float | None:
        """When anything first sounds between two times."""
        import numpy as np

        first = round(since * REPLY)
        found = np.flatnonzero(self.sound[first : round(until * REPLY)])
        return (first + int(found[0])) / REPLY if len(found) else None

    def last_sound(self, since: float, until: float) -> float | None:
        import numpy as np

        first = round(since * REPLY)
        found = np.flatnonzero(self.sound[first : round(until * REPLY)])
        return (first + int(found[-1]) + 1) / REPLY if len(found) else None

    def own_words(self, since: float, until: float) -> tuple[float | None, int]:
        """When anything first sounds between two times that is no opening word, and how many of those did before."""
        nods, at = 0, self.first_sound(since, until)
        for opened, seconds in self.openers:
            if at is not None and opened <= at < opened + seconds + STEP:
                nods, at = nods + 1, self.first_sound(opened + seconds + STEP, until)
        return at, nods

    @property
    def openers(self) -> list[tuple[float, float]]:
        """When each opening word began to sound, and the seconds that it lasts."""
        clauses = [(at, event) for at, event in self.events if isinstance(event, Clause) and event.index == 0]
        opening = [(at, clause.seconds) for at, clause in clauses if clause.text.strip() in OPENERS]
        begins = ((self.first_sound(at - STEP, at + seconds), seconds) for at, seconds in opening)
        return [(begin, seconds) for begin, seconds in begins if begin is not None]

    def committed(self, since: float, until: float) -> list[str]:
        """The person's turns that were committed between two times, each as it was in the end."""
        turns: dict[int, str] = {}
        for at, event in self.events:
            if isinstance(event, Caption) and event.who == "you" and event.final and event.text and since <= at < until:
                turns[event.turn] = event.text
        return list(turns.values())

    @property
    def interruptions(self) -> list[float]:
        return [at for at, event in self.events if isinstance(event, Interrupted)]

    @property
    def totals(self) -> list[float]:
        """What the call itself took its times for, seconds."""
        return [event.total for _, event in self.events if isinstance(event, Timed) and event.words is None]

    @property
    def troubles(self) -> list[str]:
        return [str(event.text) for _, event in self.events if isinstance(event, CallNotice) and event.trouble]

    def idle(self) -> bool:
        return self.call.phase == "listening" and not self.call.busy

    def sounding(self) -> bool:
        return self.call.phase == "speaking" and self.call.sounding[1] > SOUNDING

    def answered(self, end: float) -> Callable[[], bool]:
        """Whether the sound that began last, and ended after ``end`` seconds, has had its answer or will have none."""

        def step() -> bool:
            over = self.begins[-1] + end
            return self.idle() and (self.spoke > over or self.clock.fed > over + MISSED)

        return step


def converse(app: App, turns: Sequence[SpokenTurn]) -> tuple[list[Answered], HeldCall]:
    """One call over all ``turns``, each when the answer to the one before is over."""
    held = HeldCall(app)
    script: list[Step] = []
    for turn in turns:
        script += [silence(GAP), turn.audio, held.answered(turn.end)]
    held.over(script)
    starts = held.begins[1::2]
    found = []
    for turn, start, following in zip(turns, starts, [*starts[1:], held.clock.fed + 1], strict=False):
        end = start + turn.end
        heard = held.committed(start, following)
        early, nods = held.own_words(start, end)
        first = held.first_sound(end, min(following, end + MISSED))
        words, _ = held.own_words(end, following) if first is not None else (None, 0)
        total, own = (None if at is None else at - end for at in (first, words))
        found.append(Answered(turn, total, own, len(heard) > 1 or early is not None, nods, " ".join(heard)))
    return found, held


def barge(app: App, question: SpokenTurn, into: SpokenTurn) -> Barged:
    """``question`` is asked, and ``into`` said into its answer."""
    held = HeldCall(app)
    held.over([silence(GAP), question.audio, held.sounding, into.audio, held.answered(into.end)])
    onset = held.begins[-1] + voiced(into.audio)[0] / RATE
    after = held.begins[-1] + into.end + MISSED
    duck = next((at - onset for at in held.lows if at >= onset), None)
    hush = next((at for at in held.interruptions if at >= onset), None)
    if hush is None:
        return Barged(duck and 1000 * duck, None, None)
    last = held.last_sound(onset, min(after, hush + 0.5))
    return Barged(duck and 1000 * duck, 1000 * (hush - onset), 1000 * max(0.0, (last or 0.0) - hush))


def disturb(app: App, question: SpokenTurn, noise: Audio, echo: float = 0.0) -> int | None:
    """How often the answer to ``question`` is interrupted by ``noise``, or by its own ``echo``; None without one."""
    held = HeldCall(app, echo)
    held.over([silence(GAP), question.audio, held.sounding, noise, held.idle])
    return len(held.interruptions) if held.spoke else None


def nobody(app: App, noise: Audio) -> list[str]:
    """The turns committed where nobody spoke."""
    held = HeldCall(app).over([noise])
    return held.committed(0.0, held.clock.fed + 1)
