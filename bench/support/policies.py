"""Ways to make room, compared on the same turns without processes: seconds of loading with measured loads and peaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.runtime.memory import Allocation, Memory, cost, free, lacking, leavers

Choice = Callable[[Memory, list[Allocation], Mapping[str, float]], Sequence[Allocation]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a model takes, as measured: bytes of RAM at its peak, seconds of its load."""

    peak: int
    load: float


def by_us(missing: Memory, held: list[Allocation], idle: Mapping[str, float]) -> Sequence[Allocation]:
    return leavers(missing, held) or ()


def by_order(key: Callable[[Allocation, float], float]) -> Choice:
    """One after the other, the lowest ``key(holding, idle seconds)`` first, until there is room."""

    def choose(missing: Memory, held: list[Allocation], idle: Mapping[str, float]) -> Sequence[Allocation]:
        order = sorted(held, key=lambda holding: key(holding, idle[holding.model]))
        enough = next(n for n in range(len(order) + 1) if sum(each.room.ram for each in order[:n]) >= missing.ram)
        return order[:enough]

    return choose


POLICIES: dict[str, Choice] = {
    "ours": by_us,
    "least recently used": by_order(lambda holding, idle: -idle),
    "largest first": by_order(lambda holding, idle: -holding.room.ram),
    "quickest to load first": by_order(lambda holding, idle: holding.cost * (cost(1, 0) / cost(1, idle))),
}


def simulate(
    names: Sequence[str], costs: Mapping[str, Cost], cap: int, pace: float, choose: Choice
) -> tuple[int, float]:
    """Loads, and the seconds they take, when ``choose`` makes room; ``pace`` seconds pass from one turn to the next."""
    used: dict[str, float] = {}
    loads, seconds = 0, 0.0
    for turn, name in enumerate(names):
        now = turn * pace
        if name not in used:
            idle = {model: now - last for model, last in used.items()}
            held = [
                Allocation(model, Memory(costs[model].peak), cost(costs[model].load, idle[model])) for model in used
            ]
            missing = lacking(Memory(costs[name].peak), free(Memory(cap), held))
            for leaving in choose(missing, held, idle):
                del used[leaving.model]
            loads, seconds = loads + 1, seconds + costs[name].load
        used[name] = now
    return loads, seconds


def clairvoyant(names: Sequence[str], costs: Mapping[str, Cost], cap: int) -> tuple[int, float]:
    """Loads, and their seconds, of the best way through ``names``: the least over all sets of models that fit."""
    best: dict[frozenset[str], tuple[float, int]] = {frozenset(): (0.0, 0)}
    for name in names:
        following: dict[frozenset[str], tuple[float, int]] = {}
        for held, (seconds, loads) in best.items():
            if name in held:
                ways = [(held, (seconds, loads))]
            else:
                spent = (seconds + costs[name].load, loads + 1)
                ways = [(kept | {name}, spent) for kept in _subsets(held)]
            for after, value in ways:
                if sum(costs[model].peak for model in after) <= cap:
                    following[after] = min(value, following.get(after, value))
        best = following
    seconds, loads = min(best.values())
    return loads, seconds


def _subsets(names: frozenset[str]) -> list[frozenset[str]]:
    found = [frozenset[str]()]
    for name in names:
        found += [each | {name} for each in found]
    return found
