"""Every check of this checkout (``start.py test``): style, types, and the suite in its three lanes, with their times.

``check(arguments)`` is the one function to call. Arguments go to one run of pytest. Without any, the lane of values
runs beside the type checker, and that of the engines beside the browser's, which mostly waits in real time: what runs
beside is kept back and printed when it is over.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.host.terminal import prepare_streams

ROOT = Path(__file__).resolve().parent.parent
ROOM = 12e9  # bytes of memory for the models of two lanes at once
LIMIT = 60.0  # seconds of the lane of values
STYLE = (("ruff", "check", "."), ("ruff", "format", "--check", "."))
SUMMARY = re.compile(r"^=* ?((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s\b")
COUNTED = ("failed", "passed", "skipped", "xfailed", "xpassed", "error", "errors")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: its exit status, its seconds, and what its tests came to."""

    name: str
    status: int
    seconds: float
    counts: Counter[str]


class Command:
    """A Python module with arguments that runs in a process of its own, shown as it goes or ``kept`` until its end."""

    def __init__(self, *words: str, name: str = "", kept: bool = False) -> None:
        self.words, self.name = words, name or words[0]
        self._began = time.monotonic()
        self._kept = tempfile.TemporaryFile() if kept else None  # noqa: SIM115 - it is read in outcome()
        if not kept:
            self._announce()
        out = self._kept or subprocess.PIPE
        self._process = subprocess.Popen([sys.executable, "-m", *words], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)

    def outcome(self) -> Outcome:
        """Wait for its end; what was kept back is printed then."""
        said = b""
        if self._process.stdout:
            while piece := self._process.stdout.read1(1 << 16):
                _show(piece)
                said = (said + piece)[-4096:]
        status = self._process.wait()
        seconds = time.monotonic() - self._began
        if self._kept:
            self._announce()
            self._kept.seek(0)
            said = self._kept.read()
            _show(said)
        return Outcome(self.name, status, seconds, counts(said.decode("utf-8", "replace")))

    def _announce(self) -> None:
        _show(f"$ {' '.join(self.words)}\n".encode())


def check(arguments: list[str]) -> int:
    """Run all of it, print a table of the times, and return the exit status of the first that failed."""
    began = time.monotonic()
    outcomes = [Command(*words).outcome() for words in STYLE]
    if arguments:
        outcomes += [Command("mypy").outcome(), Command("pytest", *arguments).outcome()]
    else:
        outcomes += beside(("mypy",), lane("values"))
        outcomes += beside(lane("browser"), lane("engines"))
        _show(table(outcomes, time.monotonic() - began).encode())
    return next((outcome.status for outcome in outcomes if outcome.status), 0)


def lane(name: str) -> tuple[str, ...]:
    return ("pytest", "--lane", name)


def beside(first: tuple[str, ...], second: tuple[str, ...]) -> list[Outcome]:
    """Both at once where there are two cores and the memory for it, else one after the other."""
    together = (psutil.cpu_count() or 1) > 1 and psutil.virtual_memory().available > ROOM
    if not together:
        return [Command(*words, name=words[-1]).outcome() for words in (first, second)]
    kept = Command(*first, name=first[-1], kept=True)
    shown = Command(*second, name=second[-1]).outcome()
    return [kept.outcome(), shown]


def counts(said: str) -> Counter[str]:
    """What pytest's closing line counts: "3 passed, 1 skipped in 0.12s"; nothing when there is none."""
    found = [match[1] for line in said.splitlines() if (match := SUMMARY.match(line))]
    pairs = (part.split() for part in found[-1].split(", ")) if found else ()
    return Counter({word: int(number) for number, word in pairs if word in COUNTED})


def table(outcomes: list[Outcome], seconds: float) -> str:
    """A line a lane, and at the end what pytest would say of them all."""
    rows = [(one.name, sum(one.counts.values()), one.seconds) for one in outcomes if one.counts]
    lines = [f"{name:<10}{tests:>7,} tests {clock(spent):>8}" for name, tests, spent in rows]
    lines += [
        f"The lane of values took {spent:.0f} s, and is to take less than {LIMIT:.0f}."
        for name, _, spent in rows
        if name == "values" and spent > LIMIT
    ]
    total = sum((one.counts for one in outcomes), Counter())
    said = ", ".join(f"{total[word]} {word}" for word in COUNTED if total[word])
    closing = f" {said or 'no tests ran'} in {seconds:.2f}s ({clock(seconds)}) "
    return "\n".join([*lines, closing.center(80, "=")]) + "\n"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, as pytest writes them."""
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}"


def _show(said: bytes) -> None:
    sys.stdout.buffer.write(said)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    prepare_streams()
    sys.exit(check(sys.argv[1:]))
