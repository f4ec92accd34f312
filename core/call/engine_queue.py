"""One engine of a call on a thread of its own: it takes one request after another."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.catalogue.spec import ModelSpec
from core.errors import ParlorError, WorkerDied
from core.runtime.lease import acquire
from core.runtime.pool import Pool
from core.types.events import Progress, Tick
from core.types.messages import Audio

RATE = 16_000
ENDING = 8.0  # seconds of a turn that the turn detector hears


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """``method(*args)`` of the engine, for whoever knows ``key``."""

    key: Any
    method: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """An item of a job's stream; at its end ``over``, with the ``trouble`` that ended it."""

    job: EngineRequest
    item: Any = None
    over: bool = False
    trouble: ParlorError | None = None


class EngineQueue:
    """Posts a Result for every item. The model is leased for one job at a time, so that others can use it between."""

    def __init__(self, spec: ModelSpec, pool: Pool, post: Callable[[Result], None]) -> None:
        self._spec, self._pool, self._post = spec, pool, post
        self._jobs: queue.SimpleQueue[EngineRequest | None] = queue.SimpleQueue()
        self.busy = 0  # jobs asked and not over
        self._thread = threading.Thread(target=self._work, name=f"call {spec.task}", daemon=True)
        self._thread.start()

    @property
    def spec(self) -> ModelSpec:
        return self._spec

    def ask(self, key: Any, method: str, *args: Any) -> None:
        self.busy += 1
        self._jobs.put(EngineRequest(key, method, args))

    def close(self) -> None:
        """End after what has been asked."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while job := self._jobs.get():
            trouble = None
            try:
                self._do(job)
            except ParlorError as error:
                trouble = error
            self.busy -= 1
            self._post(Result(job, over=True, trouble=trouble))

    def _do(self, job: EngineRequest) -> None:
        """A worker that dies in mid-job is started again once: the sound of the job is still here."""
        with contextlib.suppress(WorkerDied):
            return self._once(job)
        return self._once(job)

    def _once(self, job: EngineRequest) -> None:
        with acquire(self._pool, self._spec) as worker, worker.call(job.method, *job.args) as call:
            for item in call:
                if not isinstance(item, Tick | Progress):
                    self._post(Result(job, item))


@dataclass(frozen=True, slots=True)
class EngineQueues:
    """The engines that a call asks; ``turn_detector`` and ``read`` may be missing."""

    hear: EngineQueue
    turn_detector: EngineQueue | None
    read: EngineQueue | None

    def transcribe(self, key: tuple[str, int], sound: bytes, script: str, hint: str, words: bool) -> None:
        """``sound`` is s16 at 16 kHz; ``hint`` the language of the call so far."""
        self.hear.ask(key, "hear", Audio(sound, RATE), "", script, hint, words)

    def detect_end(self, number: int, sound: bytes) -> bool:
        """Whether the turn sounds finished will be told; False when there is no turn detector."""
        if self.turn_detector:
            self.turn_detector.ask(("judge", number), "judge", Audio(sound[-2 * round(ENDING * RATE) :], RATE))
        return self.turn_detector is not None

    def close(self) -> None:
        for each in (self.hear, self.turn_detector, self.read):
            if each:
                each.close()
