"""A bench of this checkout beside that of an older one: ``python start.py bench beside DIR NAME [--rounds N]
[--json]``.

``DIR`` is a checkout (``git worktree add DIR COMMIT``), ``NAME`` a bench that both have and that prints JSON: ``chat``
or
``ui``. Both run in turn, each in a process of its own with this environment's Python, first one and then the other
first. Each figure is the median of its rounds; ``ratio`` is ours over theirs, or theirs over ours where more is better,
so that above 1 is worse. What a peer in the same bench does is left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORSE = 1.05  # a ratio above this is worse
MORE_IS_BETTER = ("per_second", "decode_over")
LEFT_OUT = ("plain", "bare", "claims", "threads", "prompt_tokens")  # peers, and what is no figure


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser("start.py bench beside", description="this checkout beside an older one")
    parser.add_argument("checkout", type=Path)
    parser.add_argument("name", choices=["chat", "ui"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    sides: dict[Path, list[dict[str, float]]] = {ROOT: [], options.checkout.resolve(): []}
    for number in range(options.rounds):
        for place in list(sides) if number % 2 else reversed(list(sides)):
            print(f"round {number + 1} of {options.rounds}: {place}", file=sys.stderr, flush=True)
            sides[place].append(measured(place, options.name))
    ours, theirs = ({name: median(run[name] for run in runs) for name in runs[0]} for runs in sides.values())
    rows = {
        name: (ours[name], theirs[name], worse_by(name, ours[name], theirs[name])) for name in ours if name in theirs
    }
    if options.json:
        print(
            json.dumps({name: dict(zip(("ours", "theirs", "ratio"), row, strict=True)) for name, row in rows.items()})
        )
        return 0
    print(f"{'':64}{'ours':>12}{'older':>12}{'ratio':>8}")
    for name, (one, other, ratio) in rows.items():
        print(f"{name:64}{one:12.4f}{other:12.4f}{ratio:8.2f}{'  worse' if ratio > WORSE else ''}")
    return 0


def measured(checkout: Path, name: str) -> dict[str, float]:
    """The figures of one run of the bench ``name`` in ``checkout``, flat: ``figures.qwen.turns.turn_2_seconds``."""
    code = f"import sys; from bench.{name} import main; sys.exit(main(['--json']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, stdout=subprocess.PIPE, text=True)
    if not done.stdout.lstrip().startswith("{"):
        sys.exit(f"The bench {name} of {checkout} gave no figures.")
    return dict(flat(json.loads(done.stdout)))


def flat(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """The numbers in nested objects, by their path."""
    if isinstance(value, dict):
        for key, each in value.items():
            if not key.startswith(LEFT_OUT) and not key.endswith(LEFT_OUT):
                yield from flat(each, f"{name}.{key}" if name else key)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, float(value)


def worse_by(name: str, ours: float, theirs: float) -> float:
    """Above 1 where ours is worse."""
    if any(sign in name for sign in MORE_IS_BETTER):
        ours, theirs = theirs, ours
    return ours / theirs if theirs else 1.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
