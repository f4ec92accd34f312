"""The scheduler: who is in memory, who waits for it, and who comes next, without a process or a lock.

``Scheduler`` is used under the pool's lock. Requests are served in the order they came, as far as
``core.runtime.memory`` lets later ones overtake: the longest waiting request for room has a claim on the models that
will leave for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import psutil

from core.catalogue.spec import ModelSpec
from core.host import hardware as machine
from core.runtime import measurements as measured
from core.runtime import memory as room
from core.runtime.forecast import GB, Forecast, Loaded
from core.runtime.measurements import Device, Measured
from core.runtime.memory import Allocation, Claim, Memory
from core.runtime.worker import Worker
from core.settings import Settings

SHARE = 0.75  # of the memory that is free when the app starts is for models
GPU_SHARE = 0.9  # of what is free on the GPU
RAISE = 1.5  # times what was reserved is reserved next time for a model that ran out of memory


@dataclass(eq=False, slots=True)
class LoadedModel:
    """A model that is loaded, or being loaded: one worker, and the room reserved for it."""

    spec: ModelSpec
    device: Device
    room: Memory
    worker: Worker | None = None
    busy: bool = True
    stale: bool = False  # to be unloaded as soon as it is idle
    since: float = 0.0  # when it became idle, by the roster's clock


@dataclass(eq=False, slots=True)
class Waiter:
    """A request that has not been granted yet. Without ``wait`` it is refused where it would wait for room."""

    spec: ModelSpec
    wait: bool
    claim: Claim | None = None


class Scheduler:
    """``gpu_free`` tells the bytes free on the GPU and is asked once, when that matters; ``clock`` counts seconds."""

    def __init__(
        self,
        settings: Settings,
        gpu_free: Callable[[], int] = machine.gpu_free,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.held: dict[str, LoadedModel] = {}
        self.waiting: list[Waiter] = []
        self.measured = Measured(settings.home / "measured.json")
        self.clock = clock
        self._look_at_gpu = gpu_free
        self._ram_at_start = psutil.virtual_memory().available
        self._without_gpu: set[str] = set()  # models that ran out of all the memory there, or do not use it

    @property
    def budget(self) -> Memory:
        ram = int(self.settings.memory.ram_gb * GB) or int(self._ram_at_start * SHARE)
        gpu = int(self.settings.memory.gpu_gb * GB) or int(self._gpu_at_start * GPU_SHARE)
        return Memory(ram, min(gpu, self._gpu_at_start))

    @property
    def free(self) -> Memory:
        return room.free(self.budget, self._holdings())

    def admit(self, waiter: Waiter) -> tuple[LoadedModel, tuple[LoadedModel, ...]] | None:
        """The model's place and those who have to leave first; None while the request has to wait.

        The place is the loaded model itself, or a reservation without a worker. Raises NotEnoughMemory.
        """
        spec, ahead = waiter.spec, self._ahead(waiter)
        claim, wanted = self._claim(ahead), {other.spec.id for other in ahead}
        held = self.held.get(spec.id)
        if (held and held.busy) or (spec.id in wanted and (held or waiter.wait)):
            return None
        if held and not (claim and spec.id in claim.models):
            held.busy = True
            return held, ()
        outlook = self.outlook(spec)
        holdings = [replace(each, busy=each.busy or each.model in wanted) for each in self._holdings()]
        closed = held or spec.id in wanted
        leaving = None if closed else room.grant(outlook.need, self.budget, holdings, claim)
        if leaving is None:
            if outlook.fits == "never" or not waiter.wait:
                raise outlook.refusal()
            return None
        self.held[spec.id] = place = LoadedModel(spec, outlook.device, outlook.need)
        return place, tuple(self.held[each.model] for each in leaving)

    def outlook(self, spec: ModelSpec) -> Forecast:
        """What loading ``spec`` would take and who would have to leave."""
        held, budget, holdings = self.held.get(spec.id), self.budget, self._holdings()
        device = held.device if held else self._device(spec)
        need = held.room if held else self._need(spec, device)
        free = room.free(budget, holdings)
        outlook = Forecast(spec, device, need, free, budget, "now", loaded=held is not None)
        if held:
            return outlook
        if not budget.covers(need):
            return replace(outlook, fits="never")
        everyone = self.everyone()
        if room.claim(need, budget, holdings) is None:
            return replace(outlook, fits="never", holders=tuple(each for each in everyone if each.pinned))
        leaving = room.grant(need, budget, holdings)
        if leaving is None:
            stuck = tuple(each for each in everyone if each.busy or each.pinned)
            return replace(outlook, fits="after", holders=stuck)
        evicts = tuple(self.held[each.model].spec for each in leaving)
        return replace(outlook, fits="after" if evicts else "now", evicts=evicts)

    def everyone(self) -> tuple[Loaded, ...]:
        """The models in memory and those on their way there."""
        now, pinned = self.clock(), self.settings.memory.pinned
        return tuple(
            Loaded(
                each.spec,
                each.room.ram,
                each.busy,
                device=each.device,
                gpu=each.room.gpu,
                pinned=each.spec.id in pinned,
                idle=0.0 if each.busy else now - each.since,
            )
            for each in self.held.values()
        )

    def overdrawn(self) -> tuple[LoadedModel, ...]:
        """Idle models that should leave because others took more than was reserved for them, or the budget sank."""
        free = self.free
        missing = Memory(max(0, -free.ram), max(0, -free.gpu))
        idle = [each for each in self._holdings() if not (each.busy or each.pinned) and room.share(each, missing)]
        leaving = room.leavers(missing, idle)
        return tuple(self.held[each.model] for each in (idle if leaving is None else leaving))

    def outstayed(self) -> tuple[tuple[LoadedModel, ...], float | None]:
        """Idle models whose time is over, and the seconds until the next one's is; None when there is none."""
        keep = self.settings.memory.keep_minutes * 60
        idle = [each for each in self.everyone() if keep and not (each.busy or each.pinned)]
        over = tuple(self.held[each.spec.id] for each in idle if each.idle >= keep)
        left = [keep - each.idle for each in idle if each.idle < keep]
        return over, min(left, default=None)

    def load_seconds(self, held: LoadedModel) -> float:
        return self.measured.load_seconds(held.spec, held.device, self.settings.context_tokens)

    def keep(self, held: LoadedModel, **figures: float) -> None:
        """Take note of what a model costs: its room, and ``figures``.

        What ran on the GPU fits there, also where its peak went beyond the budget for a moment.
        """
        gpu = {"gpu_peak": min(held.room.gpu, self.budget.gpu)} if held.device != "cpu" else {}
        self.measured.keep(self._key(held), peak=held.room.ram, **gpu, **figures)

    def found_on_cpu(self, held: LoadedModel, peak: int) -> None:
        """A model planned for the GPU took nothing there but ``peak`` bytes of RAM: its library is made for the CPU.

        It is counted like any model on the CPU, and planned for it until the next start.
        """
        self._without_gpu.add(held.spec.id)
        held.device, held.room = "cpu", self._need(held.spec, "cpu") | Memory(peak)

    def ran_short(self, held: LoadedModel) -> None:
        """More is reserved for a model next time: it ran out of memory. With all of a GPU's, it leaves the GPU."""
        budget = self.budget
        if held.device != "cpu" and held.room.gpu >= budget.gpu:
            self._without_gpu.add(held.spec.id)
            return
        more = Memory(int(held.room.ram * RAISE), int(held.room.gpu * RAISE))
        held.room |= Memory(min(more.ram, budget.ram), min(more.gpu, budget.gpu))
        self.keep(held)

    def _ahead(self, waiter: Waiter) -> list[Waiter]:
        return self.waiting[: self.waiting.index(waiter)] if waiter in self.waiting else list(self.waiting)

    def _claim(self, ahead: list[Waiter]) -> Claim | None:
        """What the first of ``ahead`` who waits for room is going to take."""
        first = next((each for each in ahead if each.wait and each.spec.id not in self.held), None)
        if first is None:
            return None
        holdings, budget = self._holdings(), self.budget
        if first.claim is None or not room.holds(first.claim, budget, holdings):
            first.claim = room.claim(self._need(first.spec, self._device(first.spec)), budget, holdings)
        return first.claim

    def _holdings(self) -> list[Allocation]:
        return [
            Allocation(
                each.spec.id,
                Memory(each.bytes, each.gpu),
                room.cost(self.load_seconds(self.held[each.spec.id]), each.idle),
                each.busy,
                each.pinned and not self.held[each.spec.id].stale,
            )
            for each in self.everyone()
        ]

    def _device(self, spec: ModelSpec) -> Device:
        """The GPU for a model that can use one, where there is one that is large enough; else the CPU."""
        refuses = spec.id in self._without_gpu or dict(spec.defaults).get("device") == "cpu"
        if not spec.gpu_memory or refuses or not self._gpu_at_start:
            return "cpu"
        return "cuda" if self._need(spec, "cuda").gpu <= self.budget.gpu else "cpu"

    def _need(self, spec: ModelSpec, device: Device) -> Memory:
        return self.measured.need(spec, device, self.settings.context_tokens)

    def _key(self, held: LoadedModel) -> str:
        return measured.key(held.spec, held.device, self.settings.context_tokens)

    @cached_property
    def _gpu_at_start(self) -> int:
        return self._look_at_gpu()
