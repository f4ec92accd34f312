"""Frames in, actions out: what ``core.turn_taking.turn_taking.TurnTaking`` is told, and what it wants done."""

from __future__ import annotations

from dataclasses import dataclass

FRAME = 0.032  # seconds: 512 samples at 16 kHz, what Silero takes at once


@dataclass(frozen=True, slots=True)
class Frame:
    """``FRAME`` seconds of the microphone. ``at``: the clock at its end, seconds; ``speech``: Silero's score, 0 to 1.

    ``level`` in dBFS; ``echo``: the share of its energy, 0 to 1, that what is being played explains.
    """

    at: float
    speech: float
    level: float
    echo: float = 0.0


@dataclass(frozen=True, slots=True)
class Began:
    """Somebody speaks."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Transcribe what there is of the turn, without haste: for a caption, or to tell words from noise."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A pause, which may be the turn's end ``number``: transcribe it, detect its end, begin a speculative answer."""

    number: int


@dataclass(frozen=True, slots=True)
class Reopened:
    """The speaker goes on after end ``number``: throw its answer away.

    ``kept``: what was transcribed up to it stays, and the next end concerns what follows only.
    """

    number: int
    kept: bool


@dataclass(frozen=True, slots=True)
class Committed:
    """The turn is over with end ``number``: its answer may be heard."""

    number: int


@dataclass(frozen=True, slots=True)
class Backchannelled:
    """The silence is long, and the turn perhaps not over: show that somebody listens. The speaker may still go on."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """It was no turn: noise, an echo, or a word of agreement beside an answer that goes on."""


@dataclass(frozen=True, slots=True)
class Ducked:
    """Make the answer quiet, or as loud as before."""

    low: bool


@dataclass(frozen=True, slots=True)
class Hushed:
    """Somebody takes the floor: the answer ends here."""


Action = Began | Asked | Ended | Reopened | Committed | Backchannelled | Dropped | Ducked | Hushed
