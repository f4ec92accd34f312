"""Memory allocation and eviction: arithmetic over bytes of RAM and of GPU memory, without processes or clocks.

Bringing a model back costs the seconds its load takes; the longer nobody wanted it, the less likely it is to be wanted
next, so ``cost`` weighs the one by the other. Who leaves is a knapsack covering problem, solved by the usual greedy
approximation. A request for which there is no room yet claims the models that are going to leave for it, and whoever
comes later gets only what that claim leaves over: small requests may overtake a big one, but never delay it (the EASY
backfilling of batch schedulers; Lifka, "The ANL/IBM SP Scheduling System", 1995).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TURN = 30.0  # seconds: whoever was used within about a turn is as likely to be wanted next as any other


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of RAM and of GPU memory: a need, a budget, or what is free of it (negative where it is overdrawn)."""

    ram: int = 0
    gpu: int = 0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.ram + other.ram, self.gpu + other.gpu)

    def __sub__(self, other: Memory) -> Memory:
        return Memory(self.ram - other.ram, self.gpu - other.gpu)

    def __or__(self, other: Memory) -> Memory:
        """The larger of both, each for itself."""
        return Memory(max(self.ram, other.ram), max(self.gpu, other.gpu))

    def covers(self, need: Memory) -> bool:
        return not any_of(lacking(need, self))


@dataclass(frozen=True, slots=True)
class Allocation:
    """A loaded model as far as making room is concerned. ``cost`` is what ``cost`` says of it."""

    model: str
    room: Memory
    cost: float = 0.0
    busy: bool = False
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What the longest waiting request is going to take: room for itself, and with it the place of ``models``."""

    need: Memory
    models: frozenset[str]


def cost(load_seconds: float, idle_seconds: float) -> float:
    """Expected seconds, to a common factor, that unloading a model costs: its load, less as it falls out of use."""
    return load_seconds / (TURN + idle_seconds)


def free(budget: Memory, holdings: Iterable[Allocation]) -> Memory:
    """What ``holdings`` leave of ``budget``."""
    for holding in holdings:
        budget -= holding.room
    return budget


def lacking(need: Memory, available: Memory) -> Memory:
    """What is missing for ``need``. What is not needed at all is not missing, even where it is overdrawn."""
    return Memory(
        max(0, need.ram - available.ram) if need.ram else 0,
        max(0, need.gpu - available.gpu) if need.gpu else 0,
    )


def any_of(room: Memory) -> bool:
    return room.ram > 0 or room.gpu > 0


def share(holding: Allocation, missing: Memory) -> float:
    """How much of what is missing this one's leaving would fill: 0 to 1 for each kind of memory."""
    ram = min(1.0, holding.room.ram / missing.ram) if missing.ram else 0.0
    gpu = min(1.0, holding.room.gpu / missing.gpu) if missing.gpu else 0.0
    return ram + gpu


def leavers(missing: Memory, candidates: Sequence[Allocation]) -> tuple[Allocation, ...] | None:
    """The cheapest of ``candidates`` that together free ``missing``; None when all of them do not.

    Taken one by one, by cost over the share of what is still missing that it fills; then the dearest of them stay after
    all where the rest turns out to be enough.
    """
    chosen: list[Allocation] = []
    left = list(candidates)
    while any_of(still := _still(missing, chosen)):
        helpful = [holding for holding in left if share(holding, still)]
        if not helpful:
            return None
        best = min(helpful, key=lambda holding: holding.cost / share(holding, still))
        chosen.append(best)
        left.remove(best)
    for holding in sorted(chosen, key=lambda holding: -holding.cost):
        others = [other for other in chosen if other is not holding]
        if not any_of(_still(missing, others)):
            chosen = others
    return tuple(chosen)


def claim(need: Memory, budget: Memory, holdings: Sequence[Allocation]) -> Claim | None:
    """The models that are to leave for ``need``, in use or not; None when it does not fit beside the pinned ones."""
    movable = [holding for holding in holdings if not holding.pinned]
    found = leavers(lacking(need, free(budget, holdings)), movable)
    return None if found is None else Claim(need, frozenset(holding.model for holding in found))


def holds(claimed: Claim, budget: Memory, holdings: Sequence[Allocation]) -> bool:
    """Whether the room still suffices once the claimed models have left."""
    return _afterwards(claimed, budget, holdings).covers(claimed.need)


def grant(
    need: Memory, budget: Memory, holdings: Sequence[Allocation], claimed: Claim | None = None
) -> tuple[Allocation, ...] | None:
    """Who leaves now for ``need``: idle, not pinned, not claimed by who waited longer; None while it has to wait.

    What is granted fits both beside the present holdings and beside those that there are once the claim is fulfilled.
    """
    missing = lacking(need, free(budget, holdings))
    if claimed:
        missing |= lacking(need, _afterwards(claimed, budget, holdings) - claimed.need)
    taboo = claimed.models if claimed else frozenset()
    movable = [each for each in holdings if not (each.busy or each.pinned or each.model in taboo)]
    return leavers(missing, movable)


def _afterwards(claimed: Claim, budget: Memory, holdings: Sequence[Allocation]) -> Memory:
    return free(budget, (holding for holding in holdings if holding.model not in claimed.models))


def _still(missing: Memory, chosen: Sequence[Allocation]) -> Memory:
    freed = Memory()
    for holding in chosen:
        freed += holding.room
    return Memory(max(0, missing.ram - freed.ram), max(0, missing.gpu - freed.gpu))
