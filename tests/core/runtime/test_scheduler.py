"""Who gets memory, and when: the pool's decisions, on a clock of the test's own and with any GPU it likes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.catalogue.spec import ModelSpec, Task
from core.errors import NotEnoughMemory
from core.host.hardware import gpu_free, gpu_taken, nvidia_gpus
from core.runtime.memory import Memory
from core.runtime.scheduler import LoadedModel, Scheduler, Waiter
from core.settings import MemorySettings, Settings

GB = 10**9


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, memory=MemorySettings(ram_gb=10))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def roster(settings: Settings, clock: Clock) -> Scheduler:
    return Scheduler(settings, gpu_free=lambda: 0, clock=clock)


def model(name: str, memory: float, gpu: float = 0, task: Task = "hear") -> ModelSpec:
    spec = ModelSpec(name, name.title(), task, "whisper", "MIT", (), round(memory * GB), "1", ())
    return replace(spec, gpu_memory=round(gpu * GB))


def asks(roster: Scheduler, name: str, memory: float, wait: bool = True) -> Waiter:
    waiter = Waiter(model(name, memory), wait)
    roster.waiting.append(waiter)
    return waiter


def enters(roster: Scheduler, waiter: Waiter) -> list[str] | None:
    """Who leaves for it; None while it has to wait."""
    admitted = roster.admit(waiter)
    if admitted is None:
        return None
    roster.waiting.remove(waiter)
    return [leaves(roster, each) for each in admitted[1]]


def leaves(roster: Scheduler, held: LoadedModel) -> str:
    del roster.held[held.spec.id]
    return held.spec.id


def rests(roster: Scheduler, *names: str) -> None:
    for name in names:
        roster.held[name].busy, roster.held[name].since = False, roster.clock()


def full(roster: Scheduler, *sizes: float) -> None:
    """Models a, b, c ... of these sizes, all in use."""
    for name, size in zip("abcdef", sizes, strict=False):
        assert enters(roster, asks(roster, name, size)) == []


def test_a_big_model_is_not_starved_by_small_ones_that_come_later(roster: Scheduler) -> None:
    full(roster, 5, 4)
    big = asks(roster, "big", 8)
    assert enters(roster, big) is None
    rests(roster, "a")
    again, small = asks(roster, "a", 5), asks(roster, "small", 2)
    assert enters(roster, again) is None  # idle and loaded, but the big one is waiting for its room
    assert enters(roster, small) is None  # needs room that the big one is waiting for
    rests(roster, "b")
    assert sorted(enters(roster, big) or []) == ["a", "b"]
    assert enters(roster, small) == []
    rests(roster, "big", "small")
    assert enters(roster, again) == ["big"]


def test_who_takes_nothing_from_the_one_ahead_may_overtake_it(roster: Scheduler) -> None:
    full(roster, 6, 1)
    rests(roster, "b")
    big = asks(roster, "big", 7)
    assert enters(roster, big) is None
    assert enters(roster, asks(roster, "b", 1)) == []  # the big one waits for a, not for b
    assert enters(roster, asks(roster, "small", 2)) == []  # fits beside both a now and the big one later
    assert enters(roster, asks(roster, "later", 1)) is None  # fits now, and would be in the big one's way later
    rests(roster, "a")
    assert enters(roster, big) == ["a"]


def test_requests_for_one_model_are_served_in_the_order_they_came(roster: Scheduler) -> None:
    full(roster, 5)
    first, second = asks(roster, "a", 5), asks(roster, "a", 5)
    rests(roster, "a")
    assert enters(roster, second) is None
    assert enters(roster, first) == []


def test_who_asked_before_the_big_one_keeps_its_turn(roster: Scheduler) -> None:
    full(roster, 9)
    before, big = asks(roster, "a", 9), asks(roster, "big", 9)
    rests(roster, "a")
    assert enters(roster, big) is None
    assert enters(roster, before) == []
    rests(roster, "a")
    assert enters(roster, big) == ["a"]


def test_one_that_must_not_wait_is_refused_while_another_waits_for_the_room(roster: Scheduler) -> None:
    full(roster, 5, 4)
    assert enters(roster, asks(roster, "big", 9)) is None
    rests(roster, "a")
    with pytest.raises(NotEnoughMemory, match=r"A needs 5\.0 GB of memory, and the room goes to who has waited longer"):
        roster.admit(Waiter(model("a", 5), wait=False))
    with pytest.raises(NotEnoughMemory):
        roster.admit(Waiter(model("new", 2), wait=False))


def test_what_can_never_fit_is_refused_at_once_and_says_why(roster: Scheduler) -> None:
    full(roster, 3, 3)
    roster.settings = replace(roster.settings, memory=replace(roster.settings.memory, pinned=("a",)))
    with pytest.raises(NotEnoughMemory, match=r"Huge needs 11.0 GB of memory and Parlor may use 10.0 GB") as refused:
        roster.admit(Waiter(model("huge", 11), wait=True))
    assert "Huge 需要 11.0 GB 内存，而 Parlor 只能使用 10.0 GB" in refused.value.said("zh")
    assert refused.value.exit_code == 4
    with pytest.raises(NotEnoughMemory, match=r"the room is taken by A \(3\.0 GB, in use\)\. Unload one") as refused:
        roster.admit(Waiter(model("big", 8), wait=True))
    assert "A（3.0 GB，使用中）" in refused.value.said("zh")
    rests(roster, "a", "b")
    with pytest.raises(NotEnoughMemory, match=r"A \(3\.0 GB, pinned\)"):
        roster.admit(Waiter(model("big", 8), wait=True))


def test_the_outlook_says_what_would_happen_in_both_languages(roster: Scheduler) -> None:
    full(roster, 6, 2)
    rests(roster, "a")

    def told(memory: float) -> tuple[str, str]:
        outlook = roster.outlook(model("new", memory))
        assert outlook.said("zh") == outlook.text.into("zh")
        return outlook.fits, outlook.said("en")

    assert told(1) == ("now", "needs 1.0 GB of memory, 2.0 GB free: fits")
    assert told(5) == ("after", "needs 5.0 GB of memory, 2.0 GB free: will unload A")
    assert told(9) == ("after", "needs 9.0 GB of memory, 2.0 GB free: room held by B (2.0 GB, in use)")
    assert told(11) == ("never", "needs 11.0 GB of memory and Parlor may use 10.0 GB: too big for this machine")
    assert roster.outlook(model("new", 5)).said("zh") == "需要 5.0 GB 内存，可用 2.0 GB：将卸载 A"
    assert roster.outlook(model("a", 5)).said("en") == "loaded, 6.0 GB of memory"
    assert [spec.id for spec in roster.outlook(model("new", 5)).evicts] == ["a"]


def test_a_model_goes_to_the_gpu_when_it_fits_there_and_else_to_the_cpu(settings: Settings) -> None:
    roster = Scheduler(settings, gpu_free=lambda: 8 * GB)
    assert roster.budget == Memory(10 * GB, round(7.2 * GB))
    fits, large, plain = model("fits", 5, gpu=4), model("large", 9, gpu=7.5), model("plain", 1)
    assert [roster.outlook(spec).device for spec in (fits, large, plain)] == ["cuda", "cpu", "cpu"]
    assert roster.outlook(fits).need == Memory(round(1.5 * GB), 4 * GB)
    assert roster.outlook(large).need == Memory(9 * GB)
    own_choice = replace(fits, defaults=(("device", "cpu"),))
    assert roster.outlook(own_choice).device == "cpu"
    assert Scheduler(settings, gpu_free=lambda: 0).outlook(fits).device == "cpu"


def test_the_gpu_has_a_budget_of_its_own(settings: Settings) -> None:
    roster = Scheduler(replace(settings, memory=replace(settings.memory, gpu_gb=6)), gpu_free=lambda: 8 * GB)
    ears = asks(roster, "ears", 4)
    painter, eyes = Waiter(model("painter", 5, gpu=4), True), Waiter(model("eyes", 5, gpu=4), True)
    assert enters(roster, ears) == []
    roster.waiting += [painter, eyes]
    assert enters(roster, painter) == []
    rests(roster, "ears", "painter")
    assert roster.outlook(eyes.spec).said("en") == "needs 4.0 GB of GPU memory, 2.0 GB free: will unload Painter"
    assert roster.outlook(eyes.spec).said("zh") == "需要 4.0 GB 显存，可用 2.0 GB：将卸载 Painter"
    assert enters(roster, eyes) == ["painter"]


def test_figures_of_the_gpu_and_of_the_cpu_are_kept_apart(settings: Settings) -> None:
    roster = Scheduler(settings, gpu_free=lambda: 8 * GB)
    spec = model("eyes", 5, gpu=4, task="see")
    roster.keep(LoadedModel(spec, "cuda", Memory(2 * GB, 3 * GB)), load_seconds=4.0)
    roster.keep(LoadedModel(spec, "cpu", Memory(6 * GB)), load_seconds=9.0)
    again = Scheduler(settings, gpu_free=lambda: 8 * GB)
    assert again.outlook(spec).need == Memory(2 * GB, 3 * GB)
    assert again.load_seconds(LoadedModel(spec, "cuda", Memory())) == 4.0
    assert Scheduler(settings, gpu_free=lambda: 0).outlook(spec).need == Memory(6 * GB)
    longer = Scheduler(replace(settings, context_tokens=999), gpu_free=lambda: 0)
    assert longer.outlook(spec).need == Memory(5 * GB)  # a longer context was never measured


def test_more_is_set_aside_for_who_ran_out_of_memory_but_never_more_than_there_is(roster: Scheduler) -> None:
    spec = model("eyes", 4)
    for expected in (6, 9, 10, 10):
        roster.ran_short(LoadedModel(spec, "cpu", roster.outlook(spec).need))
        assert roster.outlook(spec).need == Memory(expected * GB)


def test_who_ran_out_of_all_the_gpu_computes_on_the_cpu(settings: Settings) -> None:
    roster = Scheduler(replace(settings, memory=replace(settings.memory, gpu_gb=6)), gpu_free=lambda: 8 * GB)
    spec = model("eyes", 4, gpu=5)
    roster.ran_short(LoadedModel(spec, "cuda", roster.outlook(spec).need))
    assert (roster.outlook(spec).device, roster.outlook(spec).need.gpu) == ("cuda", 6 * GB)
    roster.ran_short(LoadedModel(spec, "cuda", roster.outlook(spec).need))
    assert roster.outlook(spec).device == "cpu"


def test_what_ran_on_the_gpu_stays_there_though_it_took_a_little_more_than_planned(settings: Settings) -> None:
    roster = Scheduler(replace(settings, memory=replace(settings.memory, gpu_gb=6)), gpu_free=lambda: 8 * GB)
    spec = model("eyes", 4, gpu=5)
    roster.keep(LoadedModel(spec, "cuda", Memory(GB, round(6.2 * GB))))
    assert (roster.outlook(spec).device, roster.outlook(spec).need) == ("cuda", Memory(GB, 6 * GB))


def test_who_takes_nothing_on_the_gpu_is_counted_in_ram_and_stays_off_it(settings: Settings) -> None:
    roster = Scheduler(settings, gpu_free=lambda: 8 * GB)
    chat, eyes = model("chat", 4, gpu=5), model("eyes", 4, gpu=5)
    held = LoadedModel(chat, "cuda", roster.outlook(chat).need)
    roster.found_on_cpu(held, 3 * GB)
    assert (held.device, held.room) == ("cpu", Memory(4 * GB))
    roster.found_on_cpu(held, 5 * GB)
    assert held.room == Memory(5 * GB)
    roster.keep(held)
    assert (roster.outlook(chat).device, roster.outlook(chat).need) == ("cpu", Memory(5 * GB))
    assert roster.outlook(eyes).device == "cuda"


@pytest.mark.parametrize(("before", "now", "taken"), [(9, 4, 5), (9, 8, 3), (9, 12, 3), (0, 0, 0)])
def test_what_a_library_took_of_the_gpu_is_what_is_missing_there_now(before: int, now: int, taken: int) -> None:
    """With weights of 3 bytes, which are there however much others gave back meanwhile."""
    assert gpu_taken(before, now, least=3) == taken


def test_the_free_memory_of_this_machines_gpu_is_known_where_there_is_one() -> None:
    gpus = nvidia_gpus()
    assert 0 <= gpu_free() <= max((gpu.memory for gpu in gpus), default=0)
    assert bool(gpu_free()) == bool(gpus)


def test_idle_models_leave_when_another_took_more_than_was_set_aside(roster: Scheduler) -> None:
    full(roster, 3, 3, 3)
    rests(roster, "b", "c")
    assert roster.overdrawn() == ()
    roster.held["a"].room = Memory(6 * GB)
    assert len(roster.overdrawn()) == 1
    roster.held["a"].room = Memory(12 * GB)
    assert len(roster.overdrawn()) == 2


def test_an_idle_model_outstays_its_time_unless_it_is_pinned_or_in_use(roster: Scheduler, clock: Clock) -> None:
    roster.settings = replace(
        roster.settings, memory=replace(roster.settings.memory, keep_minutes=2, pinned=("c", "d"))
    )
    full(roster, 1, 1, 1)
    rests(roster, "a", "c")
    assert roster.outstayed() == ((), 120.0)
    clock.seconds += 119
    assert roster.outstayed() == ((), 1.0)
    clock.seconds += 1
    over, left = roster.outstayed()
    assert ([held.spec.id for held in over], left) == (["a"], None)
    roster.settings = replace(roster.settings, memory=replace(roster.settings.memory, keep_minutes=0))
    assert roster.outstayed() == ((), None)


def test_what_is_loaded_is_told_with_all_that_a_page_shows(settings: Settings, clock: Clock) -> None:
    roster = Scheduler(
        replace(settings, memory=replace(settings.memory, pinned=("painter",))), gpu_free=lambda: 8 * GB, clock=clock
    )
    painter = Waiter(model("painter", 5, gpu=4), True)
    roster.waiting.append(painter)
    enters(roster, painter)
    rests(roster, "painter")
    clock.seconds += 7
    (shown,) = roster.everyone()
    assert (shown.device, shown.gpu, shown.pinned, shown.idle, shown.busy) == ("cuda", 4 * GB, True, 7.0, False)
