"""What sharing memory costs: ``python -m bench.memory [--turns N] [--cap GB] [--json]``, some minutes on two cores.

Five engines in real processes (a transcriber, a chat, a painter, a voice, and a second chat; tiny models of the real
architectures, so that a turn is short and a load is mostly that of the libraries) take random turns under a cap that
holds two or three of them. Turns come in bursts, as people talk: mostly the same model again. The pool's clock runs at
a person's pace, ``PACE`` seconds a turn, since how long a model lay idle counts when it is to make room.

- ``run``: what happened: loads, evictions, failures, and the seconds that loads, answers and everything else took.
- ``policies``: seconds of loading on the same turns with the load times and the memory measured in the run, had room
  been made by us, by least recent use, by size (the largest leaves), by load time alone, or by a clairvoyant: the best
  that can be done when all turns are known before, found by dynamic programming over the sets of models that fit.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from bench.support.policies import POLICIES, Cost, clairvoyant, simulate
from core.catalogue.spec import File, ModelSpec, Task
from core.errors import ParlorError
from core.runtime.pool import Pool
from core.settings import MemorySettings, Settings
from core.types.events import Progress, Tick
from core.types.generation import Sampling
from core.types.image_request import ImageRequest
from core.types.messages import Audio, Message, Text

MB = 1e6
PACE = 20.0  # seconds from one turn to the next, by the pool's clock
OTHERS = 10  # sequences of turns beside the run's own on which the policies are compared
AGAIN = 0.8  # chance that a turn is for the same model as the one before
SHARES = {"chat": 0.4, "voice": 0.2, "ears": 0.2, "writer": 0.12, "painter": 0.08}  # of the other turns
KINDS: dict[str, tuple[Task, str, str]] = {  # task, engine, and the module of the tests that writes such a model
    "ears": ("hear", "whisper", "tiny_whisper"),
    "chat": ("chat", "llama", "tiny_gguf"),
    "painter": ("paint", "diffusion", "tiny_diffusion"),
    "voice": ("speak", "coqui", "tiny_vits"),
    "writer": ("chat", "llama", "tiny_gguf"),
}
HELLO = (Message("user", (Text("hello"),)),)


@dataclass(slots=True)
class BenchRun:
    """What happened in a run. ``memory`` is the most that the models' processes really had at a turn's end, bytes."""

    turns: int = 0
    loads: dict[str, list[float]] = field(default_factory=dict)
    evictions: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    answers: float = 0.0
    memory: int = 0

    @property
    def loading(self) -> float:
        return sum(map(sum, self.loads.values()))


def write_models(folder: Path) -> dict[str, ModelSpec]:
    """Five tiny models of the real architectures, in their real file formats."""
    specs: dict[str, ModelSpec] = {}
    for name, (task, engine, writer) in KINDS.items():
        place = folder / name
        place.mkdir(parents=True)
        path = place / "model.gguf" if engine == "llama" else place
        getattr(import_module(f"tests.{writer}"), f"write_{writer}")(path, seed=len(specs))
        paths = sorted(each for each in place.rglob("*") if each.is_file())
        files = tuple(File(each.relative_to(place).as_posix(), each.stat().st_size, "", ()) for each in paths)
        specs[name] = ModelSpec(name, name.title(), task, engine, "MIT", ("en",), 1, "1", files)
    return specs


def request(task: Task, turn: int) -> tuple[Any, ...]:
    """A short call of an engine of that kind."""
    return {
        "hear": ("transcribe", Audio(bytes(32_000), 16_000)),
        "chat": ("reply", HELLO, Sampling(max_tokens=16, seed=turn), "bench"),
        "paint": ("paint", ImageRequest("a house", width=64, height=64, steps=2, seed=turn)),
        "speak": ("speak", "Hello there."),
    }[task]


def sequence(turns: int, seed: int) -> list[str]:
    """Which model each turn is for."""
    chance, names = random.Random(seed), [random.Random(seed).choice(list(SHARES))]
    while len(names) < turns:
        again = chance.random() < AGAIN
        names.append(names[-1] if again else chance.choices(list(SHARES), list(SHARES.values()))[0])
    return names[:turns]


@contextmanager
def opened(home: Path, cap: float, clock: Callable[[], float]) -> Iterator[Pool]:
    """A pool on the CPU with ``cap`` bytes."""
    chosen = Settings(home=home, memory=MemorySettings(ram_gb=cap / 1e9, keep_minutes=0), context_tokens=512)
    pool = Pool(chosen, gpu_free=lambda: 0, clock=clock)
    try:
        yield pool
    finally:
        pool.close()


def perform(pool: Pool, specs: Mapping[str, ModelSpec], names: Sequence[str], paced: list[float]) -> BenchRun:
    """Take the turns one by one, on real processes. ``paced`` holds what is added to the pool's clock."""
    run, began, me = BenchRun(), time.monotonic(), psutil.Process()
    for turn, name in enumerate(names):
        try:
            _turn(pool, specs[name], turn, run)
        except ParlorError as error:
            run.failures.append(f"turn {turn}, {name}: {error}")
        run.turns += 1
        run.memory = max(run.memory, sum(child.memory_info().rss for child in me.children()))
        paced[0] += PACE
        if turn % 50 == 49:
            print(f"{turn + 1} turns, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    run.seconds = time.monotonic() - began
    return run


def _turn(pool: Pool, spec: ModelSpec, turn: int, run: BenchRun) -> None:
    began, opening, loaded = time.monotonic(), pool.use(spec), False
    while True:
        try:
            step = next(opening)
        except StopIteration as done:
            lease = done.value
            break
        if isinstance(step, Progress):
            loaded = True
            run.evictions += str(step.note).startswith("Unloaded")
    if loaded:
        run.loads.setdefault(spec.id, []).append(time.monotonic() - began)
    began = time.monotonic()
    with lease as worker, worker.call(*request(spec.task, turn)) as call:
        said = [item for item in call if not isinstance(item, Tick | Progress)]
    run.answers += time.monotonic() - began
    if not said and spec.task != "hear":  # there is nothing to hear in silence
        run.failures.append(f"turn {turn}, {spec.id}: no answer")


def measure(turns: int, cap_gb: float, seed: int) -> dict[str, Any]:
    """Write the models, load each once to learn its peak, then take the turns."""
    with tempfile.TemporaryDirectory() as folder:
        home, paced = Path(folder), [0.0]
        print("Writing the models ...", file=sys.stderr, flush=True)
        specs = write_models(home / "models")
        with opened(home, 64e9, time.monotonic) as pool:
            alone = perform(pool, specs, [*specs, *specs], paced)
            peaks = {each.spec.id: each.bytes for each in pool.loaded()}
        cap = int(cap_gb * 1e9) or round(1.05 * sum(sorted(peaks.values())[-2:]))
        names = sequence(turns, seed)
        with opened(home, cap, lambda: time.monotonic() + paced[0]) as pool:
            run = perform(pool, specs, names, paced)
        weights = {name: spec.bytes for name, spec in specs.items()}
    loads = {name: run.loads.get(name) or alone.loads[name] for name in specs}
    costs = {name: Cost(peaks[name], median(loads[name])) for name in specs}
    return figures(run, alone, names, costs, cap, weights)


def figures(
    run: BenchRun, alone: BenchRun, names: Sequence[str], costs: dict[str, Cost], cap: int, weights: Mapping[str, int]
) -> dict[str, Any]:
    """Everything worth telling, as plain values; seconds and bytes."""
    policies = compare(names, costs, cap)
    least = policies["clairvoyant"][1]
    others = [compare(sequence(len(names), seed), costs, cap) for seed in range(OTHERS)]
    mean = {name: sum(each[name][1] / each["clairvoyant"][1] for each in others) / OTHERS for name in policies}
    loads = {name: len(times) for name, times in run.loads.items()}
    return {
        "turns": run.turns,
        "cap": cap,
        "models": {name: asdict(each) | {"weights": weights[name]} for name, each in costs.items()},
        "run": {
            "loads": sum(loads.values()),
            "evictions": run.evictions,
            "failures": alone.failures + run.failures,
            "seconds": run.seconds,
            "loading": run.loading,
            "answers": run.answers,
            "other": run.seconds - run.loading - run.answers,
            "memory": run.memory,
            "brought_in": sum(costs[name].peak * count for name, count in loads.items()),
            "loading_over_least": sum(costs[name].load * count for name, count in loads.items()) / least,
        },
        "policies": {
            name: {
                "loads": count,
                "seconds": seconds,
                "over_least": seconds / least,
                "elsewhere": mean[name],
            }
            for name, (count, seconds) in policies.items()
        },
    }


def compare(names: Sequence[str], costs: Mapping[str, Cost], cap: int) -> dict[str, tuple[int, float]]:
    """Loads and seconds of loading, by who makes the room."""
    found = {name: simulate(names, costs, cap, PACE, choose) for name, choose in POLICIES.items()}
    return found | {"clairvoyant": clairvoyant(names, costs, cap)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench memory", description="What sharing memory between models costs.")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--turns", type=int, default=1000, help="default 1000")
    parser.add_argument("--cap", type=float, default=0.0, help="GB for models; default: the two largest fit together")
    parser.add_argument("--seed", type=int, default=7, help="of the turns (default 7)")
    options = parser.parse_args(argv)
    found = measure(options.turns, options.cap, options.seed)
    print(json.dumps(found, indent=1) if options.json else text(found))
    return 1 if found["run"]["failures"] else 0


def text(found: Mapping[str, Any]) -> str:
    run = found["run"]
    lines = [f"{found['turns']} turns over {len(found['models'])} models in {found['cap'] / MB:.0f} MB"]
    lines += [
        f"  {name:10} peak {each['peak'] / MB:5.0f} MB, load {each['load']:5.2f} s"
        for name, each in found["models"].items()
    ]
    lines += [
        f"{run['loads']} loads, {run['evictions']} evictions, {len(run['failures'])} failures, "
        f"{run['brought_in'] / 1e9:.1f} GB brought in, at most {run['memory'] / MB:.0f} MB at once",
        f"{run['seconds']:.1f} s: loading {run['loading']:.1f}, answers {run['answers']:.1f}, "
        f"everything else {run['other']:.2f}",
        f"loading over the least possible: {run['loading_over_least']:.2f}",
        f"making room by                  loads   seconds   over the least   mean of {OTHERS} other sequences",
    ]
    for name, each in found["policies"].items():
        lines.append(
            f"  {name:28} {each['loads']:6} {each['seconds']:9.1f} {each['over_least']:10.2f} {each['elsewhere']:16.2f}"
        )
    return "\n".join(lines + run["failures"])


if __name__ == "__main__":
    raise SystemExit(main())
