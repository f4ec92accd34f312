"""Engine queues: requests one after another, and whatever ends one is told."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.call.engine_queue import EngineQueue
from core.errors import EngineFailed, ParlorError
from core.runtime.engines import RemoteChat
from core.runtime.pool import Pool
from core.runtime.worker import EngineCall, Worker
from core.settings import Settings
from core.types.generation import Sampling, Usage
from tests.support.leases import HELLO, chat_model

pytestmark = pytest.mark.engines
Posted = queue.Queue[Callable[[], None]]


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    pool = Pool(Settings(home=tmp_path))
    yield pool
    pool.close()


def reply(worker: Worker) -> EngineCall[Any]:
    return RemoteChat(worker).reply(HELLO, Sampling(max_tokens=4, seed=1), "c")


def unspeakable(worker: Worker) -> EngineCall[Any]:
    """A lock crosses no pipe."""
    return worker.call("reply", threading.Lock())


def until(posted: Posted, enough: Callable[[], bool]) -> None:
    """Do what was posted, as the call's own thread does."""
    while not enough():
        posted.get(timeout=60)()


def test_requests_are_answered_in_their_order(pool: Pool) -> None:
    posted, told, over = Posted(), list[ParlorError](), list[int]()
    seen: list[tuple[int, Any]] = []
    asked = EngineQueue(chat_model(pool.settings, "a"), pool, posted.put, told.append)
    for number in (1, 2):
        asked.ask(reply, partial(came, seen, number), partial(ended, over, number))
    assert asked.busy == 2
    until(posted, lambda: len(over) == 2)
    assert over == [1, 2]
    assert [number for number, _ in seen] == sorted(number for number, _ in seen)
    assert [number for number, item in seen if isinstance(item, Usage)] == [1, 2]
    assert asked.busy == 0
    assert not told
    asked.close()


def came(seen: list[tuple[int, Any]], number: int, item: Any) -> None:
    seen.append((number, item))


def ended(over: list[int], number: int, error: ParlorError | None) -> None:
    over.append(number)


def test_what_nobody_foresaw_is_told_and_the_next_request_is_answered(pool: Pool) -> None:
    posted, told, over = Posted(), list[ParlorError](), list[ParlorError | None]()
    asked = EngineQueue(chat_model(pool.settings, "a"), pool, posted.put, told.append)
    asked.ask(unspeakable, lambda _: None, over.append)
    asked.ask(reply, lambda _: None, over.append)
    until(posted, lambda: len(over) == 2)
    assert [type(error) for error in over] == [EngineFailed, type(None)]
    assert told == over[:1]
    assert "parlor.log" in str(told[0].text)
    asked.close()


def test_a_model_that_is_damaged_is_told(pool: Pool) -> None:
    spec = chat_model(pool.settings, "a")
    file = pool.settings.models / "a" / "model.gguf"
    file.write_bytes(bytes(file.stat().st_size))
    posted, told, over = Posted(), list[ParlorError](), list[ParlorError | None]()
    asked = EngineQueue(spec, pool, posted.put, told.append)
    asked.ask(reply, lambda _: None, over.append)
    until(posted, lambda: bool(over))
    assert told == over
    asked.close()
