"""An hour of talk in one call: ``python start.py bench hour [--minutes N] [--json]``, in about a quarter of the time.

Spoken turns of both languages (``bench/support/voice_turns.py``) are said into one call, each answered before the next,
with half a minute of silence, typing or music between: the call's clock is that of the sound fed, so silence passes
fast. After every turn the memory that the app's own process and each model's process really have (USS, bytes) is read.
The chat model's context is ``CONTEXT`` tokens, so that it is full in the first minutes: it takes memory as it fills.

Claims: from the ``SETTLED``-th minute on neither grows by more than ``GROWTH`` and ``SLACK``; every turn has its
answer; when the call is over no thread of it is left, and when the app is closed no process.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import cycle

import psutil

from bench.support.voice_turns import SpokenTurn, music, silence, typing
from bench.voice import SMALL, opened, reciter
from core.app.app import App
from core.call.file_transport import FileClock, hold, pieces
from core.call.session import Call
from core.call.transport import CallOptions
from core.types.messages import Audio

MINUTE = 60.0
BETWEEN = 30.0  # seconds from an answer's end to the next turn
SETTLED = 15.0  # minutes: allocators, caches and the context's memory have their size by then
GROWTH = 0.05  # of the memory at that time
SLACK = 8_000_000  # bytes: the conversation itself, and what an allocator leaves free
PATIENCE = 60.0  # seconds that an answer is waited for
CONTEXT = 1024
MB = 1e6


@dataclass(frozen=True, slots=True)
class Moment:
    """``minute`` of the call; bytes of the app's own process, and of each model's."""

    minute: float
    own: int
    each: dict[str, int]

    @property
    def models(self) -> int:
        return sum(self.each.values())


def talk(app: App, turns: Sequence[SpokenTurn], minutes: float) -> list[Moment]:
    """Hold the call; a moment for each turn."""
    clock = FileClock(fast=True)
    call = app.calls.start("", CallOptions(), clock)
    moments: list[Moment] = []
    for _ in hold(call, clock, _microphone(app, call, clock, turns, minutes, moments), record=False):
        pass
    return moments


def _microphone(
    app: App, call: Call, clock: FileClock, turns: Sequence[SpokenTurn], minutes: float, moments: list[Moment]
) -> Iterator[bytes]:
    between = cycle([silence(BETWEEN), typing(BETWEEN), silence(BETWEEN), music(BETWEEN)])
    for turn in cycle(turns):
        yield from pieces(turn.audio)
        yield from _until_idle(call, clock)
        moments.append(Moment(clock.fed / MINUTE, *_memory(app)))
        if clock.fed > minutes * MINUTE:
            return
        yield from pieces(next(between))


def _until_idle(call: Call, clock: FileClock) -> Iterator[bytes]:
    quiet: Audio = silence(0.02)
    until = clock.fed + PATIENCE
    while clock.fed < until - PATIENCE + 3.0 or (clock.fed < until and (call.busy or call.phase != "listening")):
        yield from pieces(quiet)


def _memory(app: App) -> tuple[int, dict[str, int]]:
    each = {id: psutil.Process(pid).memory_full_info().uss for id, pid in app.pool.processes().items()}
    return psutil.Process().memory_full_info().uss, each


def left(before: set[str]) -> list[str]:
    """The threads of calls that are still there, after a moment to end in."""
    until = time.monotonic() + 10
    while (names := _calling() - before) and time.monotonic() < until:
        time.sleep(0.05)
    return sorted(names)


def _calling() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("call")}


def flat(moments: Sequence[Moment], name: str) -> bool:
    """Whether the memory of that ``name`` stays what it was after ``SETTLED``."""
    settled: list[int] = [getattr(one, name) for one in moments if one.minute >= min(SETTLED, moments[-1].minute / 2)]
    return max(settled) <= settled[0] * (1 + GROWTH) + SLACK


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench hour", description="An hour of talk in one call.")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the call's clock (default 60)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    options = parser.parse_args(argv)
    before = _calling()
    with opened(SMALL) as app:
        app.settings = replace(app.settings, context_tokens=CONTEXT)
        said = reciter(app)
        turns = [turn for pair in zip(said.turns("en", 15), said.turns("zh", 15), strict=True) for turn in pair]
        moments = talk(app, turns, options.minutes)
        threads = left(before)
        conversation = app.store.conversations()[0].id
        answers = sum(node.message.role == "assistant" for node in app.store.path(conversation))
    processes = [child.name() for child in psutil.Process().children()]
    kept = {
        "the app's memory is flat": flat(moments, "own"),
        "the models' memory is flat": flat(moments, "models"),
        "every turn is answered": answers >= len(moments),
        "no thread of the call is left": not threads,
        "no process is left": not processes,
    }
    figures = {"turns": len(moments), "answers": answers, "threads": threads, "processes": processes}
    if options.json:
        told = [asdict(one) for one in moments]
        print(json.dumps({"claims": kept, "figures": figures, "moments": told}, ensure_ascii=False, indent=1))
        return 0
    for one in moments[:: max(1, len(moments) // 12)]:
        each = "  ".join(f"{id} {size / MB:.0f}" for id, size in sorted(one.each.items()))
        print(f"  minute {one.minute:5.1f}   app {one.own / MB:6.1f} MB   models {one.models / MB:7.1f} MB: {each}")
    print(f"  {figures}")
    for claim, held in kept.items():
        print(f"{'kept  ' if held else 'MISSED'} {claim}")
    return 0
