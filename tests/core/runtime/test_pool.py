"""Who may use which model when, on real workers around tiny real models."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.errors import EngineFailed, NotEnoughMemory, NotInstalled, WorkerDied
from core.runtime.pool import Pool
from core.settings import MemorySettings, Settings
from core.types.events import Progress, Tick
from core.types.generation import Sampling, Usage
from models.llama import engine as llama
from tests.support.leases import GB, HELLO, chat_model, reply, taken

pytestmark = pytest.mark.engines


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, memory=MemorySettings(ram_gb=2.5), context_tokens=512, threads=1)


@pytest.fixture
def pool(settings: Settings) -> Iterator[Pool]:
    """Three models that each took 1 GB the last time; on a clock that stands still all are idle for as long."""
    measured = {f"{name}@512": {"peak": GB, "load_seconds": 2.0} for name in "abc"}
    (settings.home / "measured.json").write_text(json.dumps(measured))
    pool = Pool(settings, clock=lambda: 0.0)
    yield pool
    pool.close()


def test_a_model_is_loaded_once_and_answers_many_times(pool: Pool, settings: Settings) -> None:
    spec = chat_model(settings, "a")
    with taken(pool.use(spec))[0] as worker:
        first = worker.pid
    lease, said = taken(pool.use(spec))
    with lease:
        assert (lease.worker.pid, said) == (first, [])
        assert isinstance(reply(lease)[-1], Usage)
    assert [(loaded.spec.id, loaded.busy) for loaded in pool.loaded()] == [("a", False)]


def test_the_idle_model_that_is_quickest_to_load_again_makes_room(pool: Pool, settings: Settings) -> None:
    a, b, c = (chat_model(settings, name) for name in "abc")
    for spec in (a, b):
        taken(pool.use(spec))[0].release()
    measured = json.loads((settings.home / "measured.json").read_text())
    quickest, other = sorted("ab", key=lambda name: measured[f"{name}@512"]["load_seconds"])
    lease, said = taken(pool.use(c))
    lease.release()
    assert f"Unloaded Model {quickest.upper()} to make room (0.9 GB)" in [str(step.note) for step in said]
    assert {loaded.spec.id for loaded in pool.loaded()} == {other, "c"}


def test_a_model_in_use_is_never_unloaded_and_the_refusal_names_who_holds_the_room(
    pool: Pool, settings: Settings
) -> None:
    a, b, c = (chat_model(settings, name) for name in "abc")
    with taken(pool.use(a))[0], taken(pool.use(b))[0]:
        with pytest.raises(NotEnoughMemory, match=r"Model A \(1\.0 GB, in use\), Model B \(1\.0 GB, in use\)"):
            taken(pool.use(c, wait=False))
        assert not pool.unload("a")
        waiting = pool.use(c)
        assert "Waiting" in next(str(step.note) for step in waiting if isinstance(step, Progress))
        waiting.close()
        assert not pool.fits(c)
    assert pool.unload("a")
    assert pool.fits(c)


def test_a_busy_model_is_waited_for(pool: Pool, settings: Settings) -> None:
    spec = chat_model(settings, "a")
    first, _ = taken(pool.use(spec))
    second = pool.use(spec)
    assert "in use" in next(str(step.note) for step in second if isinstance(step, Progress))
    assert isinstance(next(second), Tick)
    first.release()
    lease, _ = taken(second)
    assert lease.worker is first.worker
    lease.release()


def test_a_model_that_can_never_fit_says_what_it_needs(pool: Pool, settings: Settings) -> None:
    huge = replace(chat_model(settings, "huge"), memory=40 * GB)
    with pytest.raises(NotEnoughMemory, match=r"needs 40\.0 GB of memory and Parlor may use 2\.5 GB"):
        taken(pool.use(huge))


def test_a_model_that_is_not_there_is_not_loaded(pool: Pool, settings: Settings) -> None:
    spec = chat_model(settings, "a")
    (settings.models / "a" / "model.gguf").unlink()
    with pytest.raises(NotInstalled, match="models get a"):
        taken(pool.use(spec))


def test_what_a_model_really_took_is_kept_for_the_next_start(settings: Settings) -> None:
    spec = replace(chat_model(settings, "d"), memory=2 * GB)
    pool = Pool(settings)
    lease, _ = taken(pool.use(spec))
    reply(lease)
    lease.release()
    pool.close()
    known = json.loads((settings.home / "measured.json").read_text())["d@512"]
    assert 10_000_000 < known["peak"] < 2 * GB
    assert known["load_seconds"] > 0


def test_closing_while_a_model_loads_gives_everything_back(pool: Pool, settings: Settings) -> None:
    before = set(psutil.Process().children())
    opening = pool.use(chat_model(settings, "a"))
    next(opening)
    children = set(psutil.Process().children()) - before
    opening.close()
    assert pool.loaded() == ()
    assert pool.fits(chat_model(settings, "b"))
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_a_killed_worker_is_told_and_the_next_use_starts_another(pool: Pool, settings: Settings) -> None:
    spec = chat_model(settings, "a")
    lease, _ = taken(pool.use(spec))
    with lease, lease.worker.call("reply", HELLO, Sampling(max_tokens=400, seed=1), "c") as call:
        items = iter(call)
        next(item for item in items if isinstance(item, str))
        os.kill(lease.worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied, match=r"Model A ended unexpectedly \(signal 9\), probably for want of memory"):
            list(items)
    assert pool.loaded() == ()
    again, _ = taken(pool.use(spec))
    with again:
        assert isinstance(reply(again)[-1], Usage)


def test_a_closed_call_leaves_the_worker_ready_for_the_next(pool: Pool, settings: Settings) -> None:
    lease, _ = taken(pool.use(chat_model(settings, "a")))
    with lease:
        with lease.worker.call("reply", HELLO, Sampling(max_tokens=400, seed=1), "c") as call:
            next(item for item in call if isinstance(item, str))
        assert isinstance(reply(lease)[-1], Usage)


def test_an_engine_that_does_not_stop_is_ended_and_nobody_waits_for_it(pool: Pool, settings: Settings) -> None:
    spec = chat_model(settings, "a")
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
    a, b, c = (chat_model(settings, name) for name in "abc")
    for spec in (a, b):
        taken(pool.use(spec))[0].release()
    opening = pool.use(c)
    assert "Unloaded" in next(str(step.note) for step in opening if isinstance(step, Progress))
    opening.close()
    lease, said = taken(pool.use(c))
    lease.release()
    assert "Waiting" not in " ".join(str(step.note) for step in said)


def test_changed_settings_reach_a_busy_model_when_it_is_idle_again(pool: Pool, settings: Settings) -> None:
    spec = chat_model(settings, "a")
    lease, _ = taken(pool.use(spec))
    pool.renew()
    assert isinstance(reply(lease)[-1], Usage)
    lease.release()
    assert pool.loaded() == ()


def test_a_damaged_model_is_an_error_not_a_crash(pool: Pool, settings: Settings) -> None:
    spec = chat_model(settings, "a")
    file = settings.models / "a" / "model.gguf"
    file.write_bytes(bytes(file.stat().st_size))
    with pytest.raises(EngineFailed, match="damaged"):
        taken(pool.use(spec))
    assert pool.loaded() == ()


@pytest.mark.parametrize("damaged", ['{"a": {"peak"', "[1, 2]", '{"a": 3}'])
def test_unreadable_measurements_cost_nothing_else(settings: Settings, damaged: str) -> None:
    (settings.home / "measured.json").write_text(damaged)
    pool = Pool(settings)
    with taken(pool.use(chat_model(settings, "a")))[0] as worker:
        assert worker.alive
    pool.close()


def test_more_is_set_aside_for_a_model_that_the_system_killed(pool: Pool, settings: Settings) -> None:
    spec = chat_model(settings, "a")
    lease, _ = taken(pool.use(spec))
    with lease, lease.worker.call("reply", HELLO, Sampling(max_tokens=400, seed=1), "c") as call:
        os.kill(lease.worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied):
            list(call)
    assert pool.outlook(spec).need.ram == 1.5 * GB
    assert Pool(settings).outlook(spec).need.ram == 1.5 * GB


def test_a_model_that_took_more_than_was_set_aside_is_counted_with_what_it_took(settings: Settings) -> None:
    pool = Pool(replace(settings, memory=replace(settings.memory, ram_gb=0.1)))
    a, b = chat_model(settings, "a", memory=1000), chat_model(settings, "b", memory=1000)
    for spec in (a, b):
        lease, _ = taken(pool.use(spec))
        assert pool.outlook(spec).need.ram > 30_000_000
        lease.release()
    assert sum(loaded.bytes for loaded in pool.loaded()) <= pool.budget
    assert pool.outlook(a).need.ram > 30_000_000
    pool.close()


def test_a_pinned_model_stays_and_the_next_one_leaves_in_its_place(settings: Settings) -> None:
    pool = Pool(replace(settings, memory=replace(settings.memory, pinned=("a",))))
    a, b, c = (chat_model(settings, name) for name in "abc")
    for spec in (a, b, c):
        taken(pool.use(spec))[0].release()
    assert {loaded.spec.id: loaded.pinned for loaded in pool.loaded()} == {"a": True, "c": False}
    pool.change(replace(settings, memory=replace(settings.memory, pinned=("a", "c"))))
    assert pool.outlook(b).fits == "never"
    with pytest.raises(NotEnoughMemory, match=r"Model A \(\d\.\d GB, pinned\), Model C \(\d\.\d GB, pinned\)"):
        taken(pool.use(b))
    assert pool.unload("a")
    taken(pool.use(b))[0].release()
    pool.close()


def test_a_model_that_nobody_uses_is_unloaded_after_a_while_but_never_a_busy_one(settings: Settings) -> None:
    before = set(threading.enumerate())
    pool = Pool(replace(settings, memory=replace(settings.memory, keep_minutes=0.001)))
    a, b = (chat_model(settings, name) for name in "ab")
    busy, _ = taken(pool.use(a))
    taken(pool.use(b))[0].release()
    eventually(lambda: [loaded.spec.id for loaded in pool.loaded()] == ["a"])
    assert isinstance(reply(busy)[-1], Usage)
    pool.change(replace(pool.settings, memory=replace(pool.settings.memory, keep_minutes=60)))
    busy.release()
    assert [loaded.busy for loaded in pool.loaded()] == [False]
    pool.change(replace(pool.settings, memory=replace(pool.settings.memory, keep_minutes=0.001)))
    eventually(lambda: pool.loaded() == ())
    pool.close()
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "keep-alive"]


def test_a_pool_that_is_closed_while_it_loads_a_model_keeps_neither_process_nor_thread(settings: Settings) -> None:
    pool = Pool(replace(settings, memory=replace(settings.memory, keep_minutes=1)))
    loading = pool.use(chat_model(settings, "a"))
    next(said for said in loading if isinstance(said, Progress))
    pool.close()
    with pytest.raises(EngineFailed, match="closing"):
        taken(loading)
    with pytest.raises(EngineFailed, match="closing"):
        taken(pool.use(chat_model(settings, "b")))
    assert pool.held() == ()
    assert pool._watching is None


def eventually(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_an_engine_is_told_where_to_compute_and_with_how_much(settings: Settings) -> None:
    pool = Pool(settings, gpu_free=lambda: 10 * GB)
    spec = replace(chat_model(settings, "a"), gpu_memory=4 * GB, memory=2 * GB)
    lease, said = taken(pool.use(spec))
    with lease as worker:
        told = dict(worker.spec.defaults)
        assert str(said[0].note) == "Loading Model A on the GPU"
        assert {name: told[name] for name in ("device", "gpu_bytes", "context_tokens", "threads")} == {
            "device": "cuda", "gpu_bytes": 9 * GB, "context_tokens": 512, "threads": 1,
        }  # fmt: skip
    pool.close()
    pool = Pool(settings, gpu_free=lambda: 3 * GB)
    with taken(pool.use(spec))[0] as worker:
        assert dict(worker.spec.defaults)["device"] == "cpu"
    pool.close()


def test_a_smaller_budget_makes_idle_models_leave(pool: Pool, settings: Settings) -> None:
    for name in "ab":
        taken(pool.use(chat_model(settings, name)))[0].release()
    pool.change(replace(settings, memory=replace(settings.memory, ram_gb=1.5)))
    assert len(pool.loaded()) == 1


def test_many_threads_with_more_models_than_fit_all_get_their_turns(pool: Pool, settings: Settings) -> None:
    """The one that needs the whole budget comes last, and gets its turn among the others."""
    whole = replace(chat_model(settings, "whole"), memory=int(2.4 * GB))
    specs = [chat_model(settings, name) for name in "abc"] + [whole]
    served: list[str] = []

    def talk(number: int) -> None:
        for turn in range(2):
            spec = specs[(number + turn) % len(specs)]
            with taken(pool.use(spec))[0] as worker:
                assert list(worker.call("reply", HELLO, Sampling(max_tokens=2, seed=1), "c"))
                served.append(spec.id)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert sorted(served) == sorted(["a", "b", "c", "whole"] * 2)


@pytest.mark.skipif(llama.build()["GPU"] == "yes", reason="this llama.cpp computes on the GPU")
def test_a_model_whose_library_cannot_use_the_gpu_counts_in_ram(settings: Settings) -> None:
    pool = Pool(settings, gpu_free=lambda: 10 * GB)
    idle, spec = chat_model(settings, "a"), replace(chat_model(settings, "b"), gpu_memory=GB, memory=2 * GB)
    taken(pool.use(idle))[0].release()
    assert (pool.outlook(spec).device, pool.outlook(spec).fits) == ("cuda", "now")
    lease, said = taken(pool.use(spec))
    assert str(said[0].note) == "Loading Model B on the GPU"
    assert [(each.spec.id, each.device, each.bytes, each.gpu) for each in pool.loaded()] == [("b", "cpu", 2 * GB, 0)]
    lease.release()
    assert pool.unload("b")
    assert pool.outlook(spec).device == "cpu"
    lease, said = taken(pool.use(spec))
    assert str(said[0].note) == "Loading Model B"
    assert dict(lease.worker.spec.defaults)["device"] == "cpu"
    pool.close()
    assert Pool(settings, gpu_free=lambda: 10 * GB).outlook(spec).device == "cuda"
