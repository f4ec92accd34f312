"""What each constant of a call's timing costs and saves: ``python start.py bench floor [--turns N] [--json]``.

Spoken turns whose true end is known (``bench/support/voice_turns.py``), and sounds that are no turn, are put through
the real detector once; ``core.turn_taking.turn_taking.TurnTaking`` then runs over its scores again and again, one
constant changed at a time, the real hearing and the real judge answering at every pause as in a call. A minute or two.
Columns, over all turns:

- ``late``: milliseconds from a turn's first sound above -40 dB until it is noticed, median.
- ``soft``: from its last such sound to the pause at which an answer is begun, median; ``over``: to its end, median.
- ``thrown``: answers begun and thrown away, a turn. ``cut``: turns that ended too early. ``missed``: never began.
- ``false``: turns begun, and ``kept`` turns committed, in a minute each of silence, white noise, coughs, typing, music
  and a café.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any

from bench.support.voice_turns import SpokenTurn, cafe, coughs, music, silence, typing, voiced, white_noise
from bench.voice import SMALL, opened, reciter
from core.app.app import App
from core.call.audio_input import BYTES, RATE, level
from core.call.engine_queue import ENDING
from core.runtime.lease import acquire
from core.runtime.worker import Worker
from core.turn_taking import text as turntext
from core.turn_taking import turn_taking as voice
from core.turn_taking.actions import FRAME, Began, Committed, Dropped, Ended, Frame, Reopened
from core.turn_taking.user_turn import BEFORE
from core.types.generation import Segment
from core.types.messages import Audio

BEHIND = 4.0  # seconds of silence behind a turn, longer than any patience
AHEAD = 1.5  # and before it, as in a call: the detector has to know its background
MINUTE = 60.0
TRIED: dict[str, tuple[float, ...]] = {
    "voice.START": (0.3, 0.7),
    "voice.STAY": (0.2, 0.5),
    "voice.BEGIN": (0.032, 0.064, 0.16, 0.256),
    "voice.REOPEN": (0.032, 0.096, 0.16),
    "voice.SPECULATE": (0.064, 0.096, 0.192, 0.288),
    "voice.FALL": (15.0, 20.0, 35.0, 99.0),
    "voice.FORGET": (0.0, 5.0, 20.0),
    "turntext.QUICK": (0.1, 0.3, 0.5),
    "turntext.DOUBTFUL": (0.5, 0.8, 1.5),
    "turntext.PATIENT": (1.0, 1.5, 3.0),
    "turntext.FINISHED": (0.2, 0.35, 0.65, 0.8),
}
MODULES = {"voice": voice, "turntext": turntext}


@dataclass(frozen=True, slots=True)
class Recorded:
    """Sound, s16 at 16 kHz, and a frame's score and level for each 512 samples of it. ``turn`` is None for noise."""

    pcm: bytes
    frames: tuple[Frame, ...]
    turn: SpokenTurn | None


@dataclass(frozen=True, slots=True)
class Passed:
    """Clock times, seconds: of the first Began, of every Ended, and of every Committed."""

    began: tuple[float, ...]
    ended: tuple[float, ...]
    committed: tuple[float, ...]
    thrown: int


class Engines:
    """The real detector, hearing and judge, asked in turn; what they said once of a piece of sound is remembered."""

    def __init__(self, app: App, stack: ExitStack) -> None:
        find = app.catalogue.find
        ids = ("silero-vad", "whisper-base", "smart-turn")
        self._ear, self._hear, self._judge = (stack.enter_context(acquire(app.pool, find(id))) for id in ids)
        self.hear, self.judge = cache(self._heard), cache(self._judged)

    def recorded(self, sound: Audio, turn: SpokenTurn | None) -> Recorded:
        ahead, behind = (bytes(2 * round(seconds * RATE)) for seconds in (AHEAD, BEHIND))
        pcm = ahead + sound.pcm + behind if turn else sound.pcm
        pcm = pcm[: len(pcm) // BYTES * BYTES]
        _items(self._ear, "reset")
        scores = [item for item in _items(self._ear, "detect", pcm) if isinstance(item, float)]
        frames = tuple(
            Frame((at + 1) * FRAME, score, level(pcm[at * BYTES : (at + 1) * BYTES])) for at, score in enumerate(scores)
        )
        return Recorded(pcm, frames, turn)

    def _heard(self, pcm: bytes) -> tuple[str, str]:
        items = _items(self._hear, "hear", Audio(pcm, RATE), "", "simplified", "", True)
        return next(((one.text, one.language) for one in items if isinstance(one, Segment)), ("", ""))

    def _judged(self, pcm: bytes) -> float:
        items = _items(self._judge, "judge", Audio(pcm[-2 * round(ENDING * RATE) :], RATE))
        return next(item for item in items if isinstance(item, float))


def _items(worker: Worker, method: str, *args: Any) -> list[Any]:
    with worker.call(method, *args) as call:
        return list(call)


def passed(recorded: Recorded, engines: Engines) -> Passed:
    """One pass of a Floor; engines answer at once."""
    floor = voice.TurnTaking()
    began: list[float] = []
    ended: list[float] = []
    committed: list[float] = []
    thrown = 0
    for at, frame in enumerate(recorded.frames):
        actions = floor.frame(frame)
        while actions:
            action, *actions = actions
            match action:
                case Began():
                    began.append(frame.at)
                case Ended(number):
                    ended.append(frame.at)
                    start = max(0, round((began[-1] - BEFORE) * RATE)) * 2
                    sound = recorded.pcm[start : (at + 1) * BYTES]
                    actions += floor.heard(number, *engines.hear(sound)) + floor.end_of_turn(
                        number, engines.judge(sound)
                    )
                case Reopened() | Dropped():
                    thrown += 1
                case Committed():
                    committed.append(frame.at)
                    actions += floor.answered()
    return Passed(tuple(began), tuple(ended), tuple(committed), thrown)


def figures(turns: list[Recorded], noises: list[Recorded], engines: Engines) -> dict[str, float]:
    """See the columns above."""
    late, soft, over, thrown, cut, missed = [], [], [], 0, 0, 0
    for one in turns:
        assert one.turn
        first, end = AHEAD + voiced(one.turn.audio)[0] / RATE, AHEAD + one.turn.end
        said = passed(one, engines)
        thrown += said.thrown
        if not said.began or not said.committed:
            missed += 1
            continue
        cut += said.committed[0] < end
        late.append(1000 * (said.began[0] - first))
        soft.append(1000 * (said.ended[-1] - end))
        over.append(1000 * (said.committed[-1] - end))
    heard = [passed(one, engines) for one in noises]
    return {
        "late": median(late), "soft": median(soft), "over": median(over), "thrown": thrown / len(turns),
        "cut": cut / len(turns), "missed": missed / len(turns), "false": sum(len(each.began) for each in heard),
        "kept": sum(len(each.committed) for each in heard),
    }  # fmt: skip


@contextmanager
def changed(name: str, value: float) -> Iterator[None]:
    module, constant = name.split(".")
    before = getattr(MODULES[module], constant)
    setattr(MODULES[module], constant, value)
    try:
        yield
    finally:
        setattr(MODULES[module], constant, before)


def sounds(app: App, engines: Engines, count: int) -> tuple[list[Recorded], list[Recorded]]:
    said = reciter(app)
    turns = [turn for language in ("en", "zh") for turn in said.turns(language, count)]
    cough = coughs()
    repeated = Audio((cough.pcm + silence(2.0).pcm) * round(MINUTE / (cough.seconds + 2.0)), RATE)
    others = [
        silence(MINUTE), white_noise(MINUTE), repeated, typing(MINUTE), music(MINUTE),
        cafe(MINUTE, [turn.audio for turn in turns[:8]]),
    ]  # fmt: skip
    return [engines.recorded(turn.audio, turn) for turn in turns], [engines.recorded(one, None) for one in others]


def measure(count: int) -> dict[str, dict[str, float]]:
    """By ``name = value``, what is in force first."""
    with opened(SMALL) as app, ExitStack() as stack:
        engines = Engines(app, stack)
        turns, noises = sounds(app, engines, count)
        found = {"as it is": figures(turns, noises, engines)}
        for name, values in TRIED.items():
            for value in values:
                with changed(name, value):
                    found[f"{name} = {value:g}"] = figures(turns, noises, engines)
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench floor", description=__doc__)
    parser.add_argument("--turns", type=int, default=30, help="of each language, at most 30")
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args(argv)
    found: dict[str, Any] = measure(told.turns)
    if told.json:
        json.dump(found, sys.stdout, indent=2)
        return 0
    for name, row in found.items():
        print(f"{name:24}" + "  ".join(f"{key} {value:.2f}".removesuffix(".00") for key, value in row.items()))
    return 0
