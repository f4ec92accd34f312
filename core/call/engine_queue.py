"""Engine queue: ``EngineQueue`` asks one engine of a call on a thread of its own, one request after another.

``EngineQueues`` are those of a call: speech recognition, turn detection, OCR.
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from core.catalogue.spec import ModelSpec
from core.errors import EngineFailed, ParlorError, WorkerDied
from core.host.background import Background
from core.l10n.text import l10n
from core.runtime.engines import RemoteOCR, RemoteTranscriber, RemoteTurnDetector
from core.runtime.lease import acquire
from core.runtime.pool import Pool
from core.runtime.worker import EngineCall, Worker
from core.types.events import Tick
from core.types.generation import Aligned, Segment
from core.types.messages import Audio, Image, Reading

RATE = 16_000
ENDING = 8.0  # seconds of a turn that the turn detector hears
CLOSING = 60.0  # seconds that an engine may take to end what it was asked

T = TypeVar("T")
Post = Callable[[Callable[[], None]], None]  # has it done on the call's own thread


def _nothing(_: ParlorError | None) -> None:
    """For who need not know that a request is over."""


@dataclass(frozen=True, slots=True)
class EngineRequest(Generic[T]):
    """``begin`` an engine's call; ``each`` gets its items, ``ended`` at last what went wrong, or None."""

    begin: Callable[[Worker], EngineCall[T]]
    each: Callable[[T], None]
    ended: Callable[[ParlorError | None], None]


class EngineQueue:
    """Leases ``spec`` for one request at a time, so that others can use it between. What comes of it is posted.

    An error goes to ``failed``, too, before the request that it ended is told.
    """

    def __init__(self, spec: ModelSpec, pool: Pool, post: Post, failed: Callable[[ParlorError], None]) -> None:
        self.spec = spec
        self.busy = 0  # requests that are not over; belongs to the call's own thread
        self._pool, self._post, self._failed = pool, post, failed
        self._requests: queue.SimpleQueue[EngineRequest[Any] | None] = queue.SimpleQueue()
        self._thread = Background(f"call {spec.task}", _broke(spec))
        self._thread.run(self._work, self._died)

    def ask(
        self,
        begin: Callable[[Worker], EngineCall[T]],
        each: Callable[[T], None],
        ended: Callable[[ParlorError | None], None] = _nothing,
    ) -> None:
        """Queue a request (``EngineRequest``)."""
        self.busy += 1
        self._requests.put(EngineRequest(begin, each, ended))

    def close(self) -> None:
        """End after what has been asked."""
        self._requests.put(None)
        self._thread.join(CLOSING)

    def _work(self) -> None:
        while request := self._requests.get():
            error = self._thread.outcome(partial(self._answer, request))
            self._post(partial(self._over, request, error))

    def _over(self, request: EngineRequest[Any], error: ParlorError | None) -> None:
        self.busy -= 1
        if error:
            self._failed(error)
        request.ended(error)

    def _died(self, error: ParlorError | None) -> None:
        if error:
            self._post(partial(self._failed, error))

    def _answer(self, request: EngineRequest[T]) -> None:
        """A worker that dies in mid-request is started again once: the sound of the request is still here."""
        with contextlib.suppress(WorkerDied):
            return self._once(request)
        return self._once(request)

    def _once(self, request: EngineRequest[T]) -> None:
        with acquire(self._pool, self.spec) as worker, request.begin(worker) as call:
            for item in call:
                if not isinstance(item, Tick):
                    self._post(partial(request.each, item))


@dataclass(frozen=True, slots=True)
class EngineQueues:
    """The engines that a call asks; ``turn_detector`` and ``read`` may be missing. Sound is s16 mono at 16 kHz."""

    hear: EngineQueue
    turn_detector: EngineQueue | None
    read: EngineQueue | None

    def transcribe(
        self,
        sound: bytes,
        hint: str,
        script: str,
        words: bool,
        each: Callable[[Segment | Aligned], None],
        ended: Callable[[ParlorError | None], None] = _nothing,
    ) -> None:
        """Recognise speech; ``hint`` is the language of the call so far, ``words`` asks for their times as well."""
        audio = Audio(sound, RATE)
        self.hear.ask(lambda worker: RemoteTranscriber(worker).hear(audio, "", script, hint, words), each, ended)

    def detect_end(
        self, sound: bytes, each: Callable[[float], None], ended: Callable[[ParlorError | None], None]
    ) -> bool:
        """How likely the turn is over will be told, 0 to 1; False when there is no turn detector."""
        audio = Audio(sound[-2 * round(ENDING * RATE) :], RATE)
        if self.turn_detector:
            self.turn_detector.ask(lambda worker: RemoteTurnDetector(worker).judge(audio), each, ended)
        return self.turn_detector is not None

    def read_words(self, image: Image, each: Callable[[Reading], None]) -> None:
        """OCR, where there is an engine for it."""
        if self.read:
            self.read.ask(lambda worker: RemoteOCR(worker).read(image), each)

    def close(self) -> None:
        for each in (self.hear, self.turn_detector, self.read):
            if each:
                each.close()


def _broke(spec: ModelSpec) -> EngineFailed:
    return EngineFailed(
        l10n(
            "{name} failed unexpectedly; parlor.log in the data folder says why. You can go on talking.", name=spec.name
        )
    )
