"""Every loaded model, its memory, and whose turn it is.

``Pool.use`` is a generator: it says what it is doing (waiting, making room, loading) and returns a Lease. A lease holds
its worker alone until it is released. Memory is reserved before a model is loaded, with the peak that was measured on
this machine the last time, or the catalogue's figure until there is one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from types import TracebackType

import psutil

from core.catalogue import ModelSpec, installed, not_installed
from core.errors import NotEnoughMemory
from core.events import Progress, Tick
from core.measured import Measured
from core.settings import Settings
from core.worker import TICK, Worker

GB = 1e9
SINK = 0.1  # a reservation rises at once to a new peak, and sinks by this share a turn towards what is really taken
READ_SPEED = 0.4e9  # bytes a second: what a load is expected to cost before it has been measured
SHARE = 0.75  # of the memory that is free when the app starts is for models


@dataclass(slots=True)
class Held:
    """A model that is loaded, or being loaded: one worker, and the bytes reserved for it."""

    spec: ModelSpec
    bytes: int
    worker: Worker | None = None
    busy: bool = True
    stale: bool = False  # to be unloaded as soon as it is idle


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded model as the Settings page shows it."""

    spec: ModelSpec
    bytes: int
    busy: bool


class Lease:
    """One worker, for whoever holds this and nobody else, until it is released."""

    def __init__(self, pool: Pool, held: Held, worker: Worker) -> None:
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
    """Owns every worker. ``budget`` is in bytes of RAM."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.budget = int(settings.memory_gb * GB) or int(psutil.virtual_memory().available * SHARE)
        self._measured = Measured(settings.home / "measured.json")
        self._held: dict[str, Held] = {}
        self._changed = threading.Condition()

    def use(self, spec: ModelSpec, wait: bool = True) -> Generator[Progress | Tick, None, Lease]:
        """Lease ``spec``, loading it and making room first where needed.

        With ``wait``, waits for a busy model to come free; without, raises NotEnoughMemory instead of waiting for room.
        Raises NotInstalled, NotEnoughMemory, and what loading raises. Closing the generator gives everything back.
        """
        if not installed(spec, self.settings.models):
            raise not_installed(spec)
        held, notes = yield from self._reserve(spec, wait)
        if held.worker:
            return Lease(self, held, held.worker)
        try:
            yield from notes
            held.worker = yield from self._load(held)
        finally:
            if held.worker is None:
                self._forget(held)
        return Lease(self, held, held.worker)

    def fits(self, spec: ModelSpec) -> bool:
        """Whether ``spec`` can be loaded without unloading anything, or is loaded already."""
        with self._changed:
            return spec.id in self._held or self._need(spec) <= self._free()

    def loaded(self) -> tuple[Loaded, ...]:
        with self._changed:
            return tuple(Loaded(held.spec, held.bytes, held.busy) for held in self._held.values() if held.worker)

    def unload(self, model: str) -> bool:
        """Give an idle model's memory back; False when it is busy or not loaded."""
        with self._changed:
            held = self._held.get(model)
            if held is None or held.busy:
                return False
            self._evict(held)
            return True

    def renew(self) -> None:
        """Have every model loaded anew at its next use: the settings it was loaded with have changed."""
        with self._changed:
            for held in tuple(self._held.values()):
                held.stale = True
                if not held.busy:
                    self._evict(held)

    def release(self, held: Held) -> None:
        """End a lease. An engine that was stopped in mid-call is waited for elsewhere: nobody needs it now."""
        if held.worker and held.worker.calling:
            threading.Thread(target=self._settle, args=(held, held.worker), daemon=True).start()
        else:
            self._free_again(held)

    def _settle(self, held: Held, worker: Worker) -> None:
        worker.settle()
        self._free_again(held)

    def _free_again(self, held: Held) -> None:
        """The model is idle; its reservation follows what its worker has really taken."""
        worker = held.worker
        with self._changed:
            held.busy = False
            if worker is None or not worker.alive or held.stale:
                self._evict(held)
            else:
                held.bytes = max(worker.peak, held.bytes - round((held.bytes - worker.peak) * SINK))
                self._measured.keep(self._key(held.spec), peak=held.bytes)
            self._changed.notify_all()

    def close(self) -> None:
        """End every worker, busy or not."""
        with self._changed:
            for held in tuple(self._held.values()):
                self._evict(held)

    def _reserve(self, spec: ModelSpec, wait: bool) -> Generator[Progress | Tick, None, tuple[Held, list[Progress]]]:
        told = False
        while True:
            with self._changed:
                held, notes = self._try(spec, wait)
                if held:
                    return held, notes
                taken = spec.id in self._held
                self._changed.wait(TICK)
            if not told:
                why, warum = ("in use", "使用中") if taken else ("no room yet", "内存暂时不足")
                yield Progress("load", None, f"Waiting for {spec.name}: {why}", f"正在等待 {spec.name}：{warum}")
            told = True
            yield Tick()

    def _try(self, spec: ModelSpec, wait: bool) -> tuple[Held | None, list[Progress]]:
        """Take the model if it is idle, or reserve its memory; None while it has to be waited for."""
        held = self._held.get(spec.id)
        if held and not held.busy and held.worker and held.worker.alive:
            held.busy = True
            return held, []
        if held and held.busy:
            return None, []
        if held:
            self._evict(held)
        need = self._need(spec)
        if need > self.budget:
            raise self._too_big(spec, need)
        notes = self._make_room(need)
        if need > self._free():
            if wait:
                return None, notes
            raise self._no_room(spec, need)
        self._held[spec.id] = held = Held(spec, need)
        return held, notes

    def _free(self) -> int:
        return self.budget - sum(held.bytes for held in self._held.values())

    def _make_room(self, need: int) -> list[Progress]:
        """Evict idle models, the cheapest to bring back first, if that makes enough room."""
        idle = sorted((h for h in self._held.values() if not h.busy), key=lambda h: self._load_seconds(h.spec))
        if need > self._free() + sum(held.bytes for held in idle):
            return []
        notes = []
        for held in idle:
            if need <= self._free():
                break
            self._evict(held)
            name, size = held.spec.name, held.bytes / GB
            notes.append(
                Progress(
                    "load", None, f"Unloaded {name} to make room ({size:.1f} GB)", f"已卸载 {name} 以腾出 {size:.1f} GB"
                )
            )
        return notes

    def _load(self, held: Held) -> Generator[Progress | Tick, None, Worker]:
        spec, began = held.spec, time.monotonic()
        expected = self._load_seconds(spec)
        computing = (("context_tokens", self.settings.context_tokens), ("threads", self.settings.threads))
        spec_here = replace(spec, defaults=spec.defaults + computing)
        worker = Worker(spec_here, self.settings.models / spec.id, self.settings.home / "engines.log")
        for _ in worker.opening():
            fraction = min(0.95, (time.monotonic() - began) / expected)
            yield Progress("load", fraction, f"Loading {spec.name}", f"正在加载 {spec.name}")
        self._measured.keep(self._key(spec), load_seconds=round(time.monotonic() - began, 2))
        return worker

    def _evict(self, held: Held) -> None:
        if held.worker:
            held.worker.kill()
        if self._held.get(held.spec.id) is held:
            del self._held[held.spec.id]
        self._changed.notify_all()

    def _forget(self, held: Held) -> None:
        with self._changed:
            self._evict(held)

    def _key(self, spec: ModelSpec) -> str:
        """What a measurement holds for: a chat model's memory depends on the length of its context."""
        return f"{spec.id}@{self.settings.context_tokens}" if spec.task == "chat" else spec.id

    def _need(self, spec: ModelSpec) -> int:
        return int(self._measured.known(self._key(spec)).get("peak", spec.memory))

    def _load_seconds(self, spec: ModelSpec) -> float:
        return self._measured.known(self._key(spec)).get("load_seconds", 0.5 + spec.bytes / READ_SPEED)

    def _too_big(self, spec: ModelSpec, need: int) -> NotEnoughMemory:
        have = self.budget / GB
        return NotEnoughMemory(
            f"{spec.name} needs {need / GB:.1f} GB of memory and Parlor may use {have:.1f} GB. "
            "Choose a smaller model, close other programs, or raise the memory budget in Settings and restart.",
            f"{spec.name} 需要 {need / GB:.1f} GB 内存，而 Parlor 只能使用 {have:.1f} GB。"
            "请选择更小的模型、关闭其他程序，或在设置中提高内存预算后重启 Parlor。",
        )

    def _no_room(self, spec: ModelSpec, need: int) -> NotEnoughMemory:
        holders = ", ".join(f"{held.spec.name} ({held.bytes / GB:.1f} GB)" for held in self._held.values())
        return NotEnoughMemory(
            f"{spec.name} needs {need / GB:.1f} GB of memory and the room is taken by {holders}. Try again later.",
            f"{spec.name} 需要 {need / GB:.1f} GB 内存，但已被 {holders} 占用。请在其空闲后重试。",
        )
