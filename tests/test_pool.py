"""Who may use which model when, on real workers around tiny real models."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.catalogue import File, ModelSpec
from core.engines import Sampling, Usage
from core.errors import EngineFailed, NotEnoughMemory, NotInstalled, WorkerDied
from core.events import Progress, Tick
from core.messages import Message, Text
from core.pool import Lease, Pool
from core.settings import Settings
from tests.tiny_gguf import write_tiny_gguf

GB = 10**9
HELLO = (Message("user", (Text("hello"),)),)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, memory_gb=2.5, context_tokens=512, threads=1)


@pytest.fixture
def pool(settings: Settings) -> Iterator[Pool]:
    """Three models that each took 1 GB the last time."""
    measured = {f"{name}@512": {"peak": GB, "load_seconds": 2.0} for name in "abc"}
    (settings.home / "measured.json").write_text(json.dumps(measured))
    pool = Pool(settings)
    yield pool
    pool.close()


def model(settings: Settings, name: str) -> ModelSpec:
    file = settings.models / name / "model.gguf"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_tiny_gguf(file)
    files = (File("model.gguf", file.stat().st_size, "", ()),)
    return ModelSpec(name, f"Model {name.upper()}", "chat", "llama", "MIT", ("en",), GB, "1", files)


def taken(opening: Generator[Progress | Tick, None, Lease]) -> tuple[Lease, list[Progress]]:
    """The lease, and what was said on the way."""
    said = []
    while True:
        try:
            step = next(opening)
        except StopIteration as opened:
            return opened.value, said
        if isinstance(step, Progress):
            said.append(step)


def reply(lease: Lease, tokens: int = 8) -> list[Any]:
    with lease.worker.call("reply", HELLO, Sampling(max_tokens=tokens, seed=1), "c") as call:
        return [item for item in call if not isinstance(item, Tick)]


def test_a_model_is_loaded_once_and_answers_many_times(pool: Pool, settings: Settings) -> None:
    spec = model(settings, "a")
    with taken(pool.use(spec))[0] as worker:
        first = worker.pid
    lease, said = taken(pool.use(spec))
    with lease:
        assert (lease.worker.pid, said) == (first, [])
        assert isinstance(reply(lease)[-1], Usage)
    assert [(loaded.spec.id, loaded.busy) for loaded in pool.loaded()] == [("a", False)]


def test_the_idle_model_that_is_quickest_to_load_again_makes_room(pool: Pool, settings: Settings) -> None:
    a, b, c = (model(settings, name) for name in "abc")
    for spec in (a, b):
        taken(pool.use(spec))[0].release()
    measured = json.loads((settings.home / "measured.json").read_text())
    quickest, other = sorted("ab", key=lambda name: measured[f"{name}@512"]["load_seconds"])
    lease, said = taken(pool.use(c))
    lease.release()
    assert f"Unloaded Model {quickest.upper()} to make room (0.9 GB)" in [step.note for step in said]
    assert {loaded.spec.id for loaded in pool.loaded()} == {other, "c"}


def test_a_model_in_use_is_never_unloaded_and_the_refusal_names_who_holds_the_room(
    pool: Pool, settings: Settings
) -> None:
    a, b, c = (model(settings, name) for name in "abc")
    with taken(pool.use(a))[0], taken(pool.use(b))[0]:
        with pytest.raises(NotEnoughMemory, match=r"Model A \(1\.0 GB\), Model B \(1\.0 GB\)"):
            taken(pool.use(c, wait=False))
        assert not pool.unload("a")
        waiting = pool.use(c)
        assert "Waiting" in next(step.note for step in waiting if isinstance(step, Progress))
        waiting.close()
        assert not pool.fits(c)
    assert pool.unload("a")
    assert pool.fits(c)


def test_a_busy_model_is_waited_for(pool: Pool, settings: Settings) -> None:
    spec = model(settings, "a")
    first, _ = taken(pool.use(spec))
    second = pool.use(spec)
    assert "in use" in next(step.note for step in second if isinstance(step, Progress))
    assert isinstance(next(second), Tick)
    first.release()
    lease, _ = taken(second)
    assert lease.worker is first.worker
    lease.release()


def test_a_model_that_can_never_fit_says_what_it_needs(pool: Pool, settings: Settings) -> None:
    huge = replace(model(settings, "huge"), memory=40 * GB)
    with pytest.raises(NotEnoughMemory, match=r"needs 40\.0 GB of memory and Parlor may use 2\.5 GB"):
        taken(pool.use(huge))


def test_a_model_that_is_not_there_is_not_loaded(pool: Pool, settings: Settings) -> None:
    spec = model(settings, "a")
    (settings.models / "a" / "model.gguf").unlink()
    with pytest.raises(NotInstalled, match="models get a"):
        taken(pool.use(spec))


def test_what_a_model_really_took_is_kept_for_the_next_start(settings: Settings) -> None:
    spec = replace(model(settings, "d"), memory=2 * GB)
    pool = Pool(settings)
    lease, _ = taken(pool.use(spec))
    reply(lease)
    lease.release()
    pool.close()
    known = json.loads((settings.home / "measured.json").read_text())["d@512"]
    assert 10_000_000 < known["peak"] < 2 * GB
    assert known["load_seconds"] > 0


def test_closing_while_a_model_loads_gives_everything_back(pool: Pool, settings: Settings) -> None:
    opening = pool.use(model(settings, "a"))
    next(opening)
    children = psutil.Process().children()
    opening.close()
    assert pool.loaded() == ()
    assert pool.fits(model(settings, "b"))
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_a_killed_worker_is_told_and_the_next_use_starts_another(pool: Pool, settings: Settings) -> None:
    spec = model(settings, "a")
    lease, _ = taken(pool.use(spec))
    with lease, lease.worker.call("reply", HELLO, Sampling(max_tokens=400, seed=1), "c") as call:
        items = iter(call)
        next(item for item in items if isinstance(item, str))
        os.kill(lease.worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied, match=r"Model A ended unexpectedly \(signal 9\)"):
            list(items)
    assert pool.loaded() == ()
    again, _ = taken(pool.use(spec))
    with again:
        assert isinstance(reply(again)[-1], Usage)


def test_a_closed_call_leaves_the_worker_ready_for_the_next(pool: Pool, settings: Settings) -> None:
    lease, _ = taken(pool.use(model(settings, "a")))
    with lease:
        with lease.worker.call("reply", HELLO, Sampling(max_tokens=400, seed=1), "c") as call:
            next(item for item in call if isinstance(item, str))
        assert isinstance(reply(lease)[-1], Usage)


def test_an_engine_that_does_not_stop_is_ended_and_nobody_waits_for_it(pool: Pool, settings: Settings) -> None:
    spec = model(settings, "a")
    lease, _ = taken(pool.use(spec))
    os.kill(lease.worker.pid, signal.SIGSTOP)  # as deaf as an engine deep in a computation
    with lease:
        lease.worker.call("reply", HELLO, Sampling(max_tokens=400), "c").close()
        assert lease.worker.alive
    assert [loaded.busy for loaded in pool.loaded()] == [True]
    again, _ = taken(pool.use(spec))
    with again:
        assert not lease.worker.alive
        assert isinstance(reply(again)[-1], Usage)


def test_stopping_while_room_is_being_made_gives_everything_back(pool: Pool, settings: Settings) -> None:
    a, b, c = (model(settings, name) for name in "abc")
    for spec in (a, b):
        taken(pool.use(spec))[0].release()
    opening = pool.use(c)
    assert "Unloaded" in next(step.note for step in opening if isinstance(step, Progress))
    opening.close()
    lease, said = taken(pool.use(c))
    lease.release()
    assert "Waiting" not in " ".join(step.note for step in said)


def test_changed_settings_reach_a_busy_model_when_it_is_idle_again(pool: Pool, settings: Settings) -> None:
    spec = model(settings, "a")
    lease, _ = taken(pool.use(spec))
    pool.renew()
    assert isinstance(reply(lease)[-1], Usage)
    lease.release()
    assert pool.loaded() == ()


def test_a_damaged_model_is_an_error_not_a_crash(pool: Pool, settings: Settings) -> None:
    spec = model(settings, "a")
    file = settings.models / "a" / "model.gguf"
    file.write_bytes(bytes(file.stat().st_size))
    with pytest.raises(EngineFailed, match="damaged"):
        taken(pool.use(spec))
    assert pool.loaded() == ()


@pytest.mark.parametrize("damaged", ['{"a": {"peak"', "[1, 2]", '{"a": 3}'])
def test_unreadable_measurements_cost_nothing_else(settings: Settings, damaged: str) -> None:
    (settings.home / "measured.json").write_text(damaged)
    pool = Pool(settings)
    with taken(pool.use(model(settings, "a")))[0] as worker:
        assert worker.alive
    pool.close()
