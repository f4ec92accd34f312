"""The model pool: ``Pool.use`` leases a loaded model's worker, loading it and making room first where needed.

``Pool.use`` is a generator: it says what it is doing (waiting, making room, loading) and returns a Lease. A lease holds
its worker alone until it is released. Memory is reserved before a model is loaded, with the peak that was measured on
this machine the last time, or the catalogue's figure until there is one; ``core.runtime.scheduler`` decides who leaves
for whom. Whoever holds a lease must not wait for room for another model (``wait=False``): two such could wait for each
other.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from types import TracebackType

from core.catalogue.spec import ModelSpec, installed, not_installed
from core.errors import EngineFailed, ParlorError
from core.host import hardware as machine
from core.l10n.text import NOTHING, l10n
from core.runtime import measurements as measured
from core.runtime.forecast import GB, Forecast, Loaded
from core.runtime.memory import Memory
from core.runtime.scheduler import LoadedModel, Scheduler, Waiter
from core.runtime.worker import TICK, Worker
from core.settings import Settings
from core.types.events import Progress, Tick


class Lease:
    """One worker, for whoever holds this and nobody else, until it is released."""

    def __init__(self, pool: Pool, held: LoadedModel, worker: Worker) -> None:
        self._pool = pool
        self._held = held
        self.worker = worker

    def __enter__(self) -> Worker:
        return self.worker

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def release(self) -> None:
        self._pool.release(self._held)


class Pool:
    """Owns every worker. ``gpu_free`` tells the bytes free on the GPU, asked once; ``clock`` counts seconds."""

    def __init__(
        self,
        settings: Settings,
        gpu_free: Callable[[], int] = machine.gpu_free,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._roster = Scheduler(settings, gpu_free, clock)
        self._changed = threading.Condition()
        self._watching: threading.Thread | None = None
        self._closed = False

    @property
    def settings(self) -> Settings:
        return self._roster.settings

    @property
    def budget(self) -> int:
        """Bytes of RAM that models may take."""
        return self._roster.budget.ram

    @property
    def gpu_budget(self) -> int:
        """Bytes of GPU memory that models may take; 0 without a GPU."""
        return self._roster.budget.gpu

    def use(self, spec: ModelSpec, wait: bool = True) -> Generator[Progress | Tick, None, Lease]:
        """Lease ``spec``, loading it and making room first where needed.

        With ``wait``, waits for a busy model to come free; without, raises NotEnoughMemory instead of waiting for room.
        Raises NotInstalled, NotEnoughMemory, and what loading raises. Closing the generator gives everything back.
        """
        if not installed(spec, self.settings.models):
            raise not_installed(spec)
        held, notes = yield from self._reserve(Waiter(spec, wait))
        if held.worker:
            return Lease(self, held, held.worker)
        try:
            yield from notes
            worker = yield from self._load(held)
        finally:
            if held.worker is None:
                with self._changed:
                    self._evict(held)
        return Lease(self, held, worker)

    def outlook(self, spec: ModelSpec) -> Forecast:
        """What loading ``spec`` would take and who would have to leave. Changes nothing."""
        with self._changed:
            return self._roster.outlook(spec)

    def fits(self, spec: ModelSpec) -> bool:
        """Whether ``spec`` can be loaded without unloading anything, or is loaded already."""
        return self.outlook(spec).fits == "now"

    def loaded(self) -> tuple[Loaded, ...]:
        with self._changed:
            return tuple(each for each in self._roster.everyone() if self._roster.held[each.spec.id].worker)

    def processes(self) -> dict[str, int]:
        """The process of each loaded model, by the model's id."""
        with self._changed:
            held = self._roster.held.items()
            return {model: one.worker.pid for model, one in held if one.worker}

    def held(self) -> tuple[Loaded, ...]:
        """The models in memory and those on their way there."""
        with self._changed:
            return self._roster.everyone()

    def unload(self, model: str) -> bool:
        """Give an idle model's memory back; False when it is busy or not loaded."""
        with self._changed:
            held = self._roster.held.get(model)
            if held is None or held.busy:
                return False
            self._evict(held)
            return True

    def change(self, settings: Settings) -> None:
        """Go by ``settings`` from now on: models loaded with other ones are loaded anew at their next use."""
        with self._changed:
            before, self._roster.settings = self._roster.settings, settings
            if _loaded_with(settings) != _loaded_with(before):
                self.renew()
            self._tidy()

    def renew(self) -> None:
        """Have every model loaded anew at its next use: the settings it was loaded with have changed."""
        with self._changed:
            for held in tuple(self._roster.held.values()):
                held.stale = True
                if not held.busy:
                    self._evict(held)

    def release(self, held: LoadedModel) -> None:
        """End a lease. An engine that was stopped in mid-call is waited for elsewhere: nobody needs it now."""
        if held.worker and held.worker.calling:
            threading.Thread(target=self._settle, args=(held, held.worker), daemon=True).start()
        else:
            self._free_again(held)

    def close(self) -> None:
        """End every worker, busy or not; whoever is loading one or waits for one is told."""
        with self._changed:
            self._closed = True
            self._evict(*self._roster.held.values())
            watching, self._watching = self._watching, None
            self._changed.notify_all()
        if watching:
            watching.join()

    def _settle(self, held: LoadedModel, worker: Worker) -> None:
        worker.settle()
        self._free_again(held)

    def _free_again(self, held: LoadedModel) -> None:
        """The model is idle; its reservation follows what its worker has really taken."""
        worker = held.worker
        with self._changed:
            held.busy, held.since = False, self._roster.clock()
            if worker is None or not worker.alive or worker.short or held.stale:
                self._evict(held)
            else:
                held.room = measured.settled(held.room, Memory(worker.peak, worker.gpu_peak))
                self._roster.keep(held)
            self._tidy()

    def _tidy(self) -> None:
        """Back into the budget, and have idle models unloaded when their time is over."""
        self._evict(*self._roster.overdrawn())
        if self._watching is None and self._roster.outstayed()[1] is not None:
            self._watching = threading.Thread(target=self._watch, name="keep-alive", daemon=True)
            self._watching.start()
        self._changed.notify_all()

    def _watch(self) -> None:
        """Unload what nobody has used for as long as the settings say, until the pool is closed."""
        with self._changed:
            while self._watching is threading.current_thread():
                over, left = self._roster.outstayed()
                self._evict(*over)
                self._changed.wait(left)

    def _reserve(self, waiter: Waiter) -> Generator[Progress | Tick, None, tuple[LoadedModel, list[Progress]]]:
        spec, told = waiter.spec, False
        with self._changed:
            self._roster.waiting.append(waiter)
        try:
            while True:
                with self._changed:
                    self._still_open()
                    if admitted := self._admit(waiter):
                        return admitted
                    outlook = self._roster.outlook(spec)
                    self._changed.wait(TICK)
                if not told:
                    state = l10n("in use") if outlook.loaded else outlook.text
                    yield Progress("load", None, l10n("Waiting for {name}: {state}", name=spec.name, state=state))
                told = True
                yield Tick()
        finally:
            with self._changed:
                self._roster.waiting.remove(waiter)
                self._changed.notify_all()

    def _admit(self, waiter: Waiter) -> tuple[LoadedModel, list[Progress]] | None:
        """The model's place, and what was done for it; None while it has to be waited for."""
        held = self._roster.held.get(waiter.spec.id)
        if held and not held.busy and held.worker and not held.worker.alive:
            self._evict(held)
        if (admitted := self._roster.admit(waiter)) is None:
            return None
        place, leaving = admitted
        self._evict(*leaving)
        return place, [_left(each) for each in leaving]

    def _load(self, held: LoadedModel) -> Generator[Progress | Tick, None, Worker]:
        name, began = held.spec.name, time.monotonic()
        expected = self._roster.load_seconds(held)
        where = l10n(" on the GPU") if held.device != "cpu" else NOTHING
        worker = Worker(self._placed(held), self.settings.models / held.spec.id, self.settings.home / "engines.log")
        try:
            with contextlib.closing(worker.opening()) as opening:
                for _ in opening:
                    fraction = min(0.95, (time.monotonic() - began) / expected)
                    yield Progress("load", fraction, l10n("Loading {name}{where}", name=name, where=where))
                    self._still_open()
        except ParlorError:
            with self._changed:
                if worker.short:
                    self._roster.ran_short(held)
            raise
        with self._changed:
            self._still_open(worker)
            held.worker = worker
            if held.device != "cpu" and not worker.gpu_peak:
                self._roster.found_on_cpu(held, worker.peak)
            held.room |= Memory(worker.peak, worker.gpu_peak)
            self._roster.keep(held, load_seconds=round(time.monotonic() - began, 2))
            self._tidy()
        return worker

    def _still_open(self, *opened: Worker) -> None:
        """Raise EngineFailed, and end what was ``opened``, once the pool is closed."""
        if self._closed:
            for worker in opened:
                worker.kill()
            raise EngineFailed(l10n("Parlor is closing."))

    def _placed(self, held: LoadedModel) -> ModelSpec:
        """The model's entry with what its engine has to know of this machine and of the settings."""
        with self._changed:
            gpu = max(0, held.room.gpu + self._roster.free.gpu) if held.device != "cpu" else 0
        here = {"device": held.device, "gpu_bytes": gpu}
        here |= {"context_tokens": self.settings.context_tokens, "threads": self.settings.threads}
        return replace(held.spec, defaults=held.spec.defaults + tuple(here.items()))

    def _evict(self, *leaving: LoadedModel) -> None:
        """End these models' processes. The pool's lock is held, or the pool is not shared yet."""
        for held in leaving:
            if held.worker:
                if held.worker.short:
                    self._roster.ran_short(held)
                held.worker.kill()
            if self._roster.held.get(held.spec.id) is held:
                del self._roster.held[held.spec.id]
        if leaving:
            self._changed.notify_all()


def _loaded_with(settings: Settings) -> tuple[object, ...]:
    """What a model is loaded with: when it changes, loaded models are stale."""
    return settings.context_tokens, settings.threads, settings.memory.gpu_gb, settings.models_folder


def _left(held: LoadedModel) -> Progress:
    name, size = held.spec.name, (held.room.gpu or held.room.ram) / GB
    return Progress("load", None, l10n("Unloaded {name} to make room ({size:.1f} GB)", name=name, size=size))
