"""Every check of this checkout (``start.py test``): style, types, and the suite in its three lanes, with their times.

``check(arguments)`` is the one function to call. Arguments go to one run of pytest. Without any, the lanes run one
after another, shown as they go; behind them, at the lowest priority and shown at the end, what only computes.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from core.host.terminal import prepare_streams

ROOT = Path(__file__).resolve().parent.parent
Words = tuple[str, ...]
STYLE: tuple[Words, ...] = (("ruff", "check", "."), ("ruff", "format", "--check", "."))
TYPES: Words = ("mypy",)
FRONT: tuple[Words, ...] = tuple(("pytest", "--lane", lane) for lane in ("values", "browser", "engines"))
BEHIND: tuple[Words, ...] = (TYPES,)  # tests of engines there made the browser's wait for theirs: 144 s instead of 48
ROOM = 8e9  # bytes of free memory for the models of two lanes at once
NICE = 19  # of what runs behind: the workers of what runs in front are at 10 themselves
LIMIT = 60.0  # seconds of the lane of values
SUMMARY = re.compile(r"^=* ?((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s\b")
COUNTED = ("failed", "passed", "skipped", "xfailed", "xpassed", "error", "errors")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: its lane if it has one, its exit status, its seconds, and what its tests came to."""

    lane: str
    status: int
    seconds: float
    counts: Counter[str] = field(default_factory=Counter)
    said: bytes = b""  # what it printed, with the command itself before it


def check(arguments: list[str]) -> int:
    """Run all of it, print the lanes' times, and return the exit status of the first that failed."""
    began = time.monotonic()
    outcomes = [run(words) for words in STYLE]
    if arguments:
        outcomes += [run(words) for words in (TYPES, ("pytest", *arguments))]
    else:
        outcomes += beside(FRONT, BEHIND) if two_fit() else [run(words) for words in (*BEHIND, *FRONT)]
        show(table(outcomes, time.monotonic() - began).encode())
    return next((outcome.status for outcome in outcomes if outcome.status), 0)


def two_fit() -> bool:
    """Whether this machine can run two of them at once."""
    return (psutil.cpu_count() or 1) > 1 and psutil.virtual_memory().available > ROOM


def beside(front: Iterable[Words], behind: Iterable[Words]) -> list[Outcome]:
    with ThreadPoolExecutor(1) as queue:
        later = queue.submit(lambda: [run(words, behind=True) for words in behind])
        shown = [run(words) for words in front]
        kept = later.result()
    for outcome in kept:
        show(outcome.said)
    return [*shown, *kept]


def run(words: Words, behind: bool = False) -> Outcome:
    """Run a Python module with arguments in a process of its own."""
    said = f"$ {' '.join(words)}\n".encode()
    if not behind:
        show(said)
    began = time.monotonic()
    command = [sys.executable, "-m", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout
        if behind:
            with contextlib.suppress(psutil.Error):  # it may be over already
                lower = NICE if sys.platform != "win32" else psutil.BELOW_NORMAL_PRIORITY_CLASS
                psutil.Process(process.pid).nice(lower)
        while piece := os.read(process.stdout.fileno(), 1 << 16):
            said += piece
            if not behind:
                show(piece)
    lane = words[words.index("--lane") + 1] if "--lane" in words else ""
    return Outcome(lane, process.returncode, time.monotonic() - began, counts(said.decode("utf-8", "replace")), said)


def counts(said: str) -> Counter[str]:
    """What pytest's closing line counts: "3 passed, 1 skipped in 0.12s"; nothing when there is none."""
    found = [match[1] for line in said.splitlines() if (match := SUMMARY.match(line))]
    pairs = (part.split() for part in found[-1].split(", ")) if found else ()
    return Counter({word: int(number) for number, word in pairs if word in COUNTED})


def table(outcomes: list[Outcome], seconds: float) -> str:
    """A line a lane with the seconds of its runs, and at the end what pytest would say of them all."""
    spent: defaultdict[str, float] = defaultdict(float)
    tests: Counter[str] = Counter()
    for outcome in outcomes:
        spent[outcome.lane] += outcome.seconds
        tests[outcome.lane] += outcome.counts.total()
    lines = [f"{lane:<8}{tests[lane]:>7,} tests {clock(spent[lane]):>9}" for lane in spent if lane]
    if spent["values"] > LIMIT:
        lines.append(f"The lane of values took {spent['values']:.0f} s; it is to take less than {LIMIT:.0f}.")
    total = sum((outcome.counts for outcome in outcomes), Counter())
    said = ", ".join(f"{total[word]} {word}" for word in COUNTED if total[word]) or "no tests ran"
    return "\n".join([*lines, f" {said} in {seconds:.2f}s ({clock(seconds)}) ".center(80, "=")]) + "\n"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, as pytest writes them."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def show(said: bytes) -> None:
    sys.stdout.buffer.write(said)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    prepare_streams()
    sys.exit(check(sys.argv[1:]))
