"""State of turn taking: the open turn with its pause, and the answer that sounds. Times in seconds.

``core.turn_taking.turn_taking.TurnTaking`` has one of each, or none; nothing else changes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["quiet", "speech", "pause", "answer"]


@dataclass(slots=True)
class Pause:
    """A pause of the open turn, and what is known of the turn at it; None is not known yet."""

    number: int
    since: float  # clock at the last speech before it
    text: str | None = None  # what was said up to it
    language: str = ""
    finished: float | None = None  # how likely it has ended, by the turn detector: 0 to 1
    backchannelled: bool = False
    committed: bool = False  # the turn is over with it, and goes on only if its answer is not heard yet


@dataclass(slots=True)
class OpenTurn:
    """The turn of whoever has the floor."""

    segment: float  # seconds since its current segment began
    next: float  # clock at which words are to be asked for
    pause: Pause | None = None  # None while it is spoken
    again: bool = False  # it was taken for finished before, and went on
    final: bool = False  # it is over once it is heard, whatever is detected


@dataclass(slots=True)
class SoundingAnswer:
    """What can be heard of an answer: its words about now, and the seconds still to come."""

    text: str
    left: float
    over: bool = False  # the open turn began over it, and it is ducked
