"""Who leaves for whom: arithmetic, as a table."""

from __future__ import annotations

import pytest

from core.runtime.memory import Allocation, Claim, Memory, claim, cost, free, grant, holds, lacking, leavers


def held(model: str, ram: int, cost: float = 1.0, gpu: int = 0, busy: bool = False, pinned: bool = False) -> Allocation:
    return Allocation(model, Memory(ram, gpu), cost, busy, pinned)


def names(found: tuple[Allocation, ...] | None) -> set[str] | None:
    return None if found is None else {holding.model for holding in found}


CHEAP, DEAR = 1.0, 9.0

CASES = {
    "nothing leaves while there is room": (Memory(3), [held("a", 4)], set()),
    "the cheapest to bring back leaves": (Memory(5), [held("a", 5, DEAR), held("b", 5, CHEAP)], {"b"}),
    "no more leave than have to": (Memory(9), [held("a", 1, CHEAP), held("b", 9, DEAR)], {"b"}),
    "two cheap ones leave before a dear one": (
        Memory(5), [held("a", 3, CHEAP), held("b", 2, CHEAP), held("c", 5, DEAR)], {"a", "b"},
    ),
    "one leaves rather than two that cost more together": (
        Memory(6), [held("a", 2, 5.0), held("b", 2, 5.0), held("c", 4, 6.0)], {"c"},
    ),
    "who is in use stays": (Memory(5), [held("a", 5, CHEAP, busy=True), held("b", 5, DEAR)], {"b"}),
    "who is pinned stays": (Memory(5), [held("a", 5, CHEAP, pinned=True), held("b", 5, DEAR)], {"b"}),
    "nobody leaves in vain": (Memory(9), [held("a", 5, busy=True), held("b", 5)], None),
    "only who has of the memory that is short leaves": (
        Memory(1, 6), [held("a", 5, CHEAP), held("b", 1, DEAR, gpu=6)], {"b"},
    ),
    "one that frees both kinds at once": (
        Memory(6, 4), [held("a", 4, 3.0), held("b", 0, 3.0, gpu=6), held("c", 5, 4.0, gpu=4)], {"c"},
    ),
    "a kind that is overdrawn is no matter to who needs none of it": (Memory(2), [held("a", 2, gpu=11)], set()),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_who_leaves(case: str) -> None:
    """In a budget of 10 bytes of each kind."""
    need, holdings, leave = CASES[case]
    assert names(grant(need, Memory(10, 10), holdings)) == leave


def test_what_is_missing_is_counted_for_each_kind_of_memory() -> None:
    assert free(Memory(10, 4), [held("a", 3, gpu=1), held("b", 9)]) == Memory(-2, 3)
    assert lacking(Memory(1, 4), Memory(-2, 3)) == Memory(3, 1)
    assert lacking(Memory(0, 3), Memory(-2, 3)) == Memory(0, 0)
    assert Memory(-2, 3).covers(Memory(0, 3))
    assert Memory(1, 5) | Memory(3, 2) == Memory(3, 5)


def test_a_long_load_is_kept_and_a_long_idle_one_is_not() -> None:
    assert cost(load_seconds=10, idle_seconds=5) > cost(load_seconds=1, idle_seconds=5)
    assert cost(load_seconds=10, idle_seconds=3600) < cost(load_seconds=1, idle_seconds=5)


def test_a_big_request_claims_the_least_that_will_do_and_may_wait_for_who_is_in_use() -> None:
    holdings = [held("small", 1, CHEAP), held("painter", 8, DEAR, busy=True)]
    assert claim(Memory(9), Memory(10), holdings) == Claim(Memory(9), frozenset({"painter"}))


def test_nothing_is_claimed_from_the_pinned() -> None:
    assert claim(Memory(9), Memory(10), [held("a", 2, pinned=True)]) is None
    assert claim(Memory(11), Memory(10), []) is None


def test_who_comes_later_takes_only_what_a_claim_leaves() -> None:
    holdings = [held("chat", 4, busy=True), held("ears", 2), held("voice", 2)]
    claimed = Claim(Memory(6), frozenset({"chat"}))  # 2 bytes free now, 0 once the claim is fulfilled
    assert names(grant(Memory(2), Memory(10), holdings)) == set()
    assert names(grant(Memory(2), Memory(10), holdings, claimed)) in ({"ears"}, {"voice"})
    assert names(grant(Memory(5), Memory(10), holdings, claimed)) is None


def test_a_claim_that_no_longer_makes_enough_room_is_known() -> None:
    claimed = Claim(Memory(6), frozenset({"chat"}))
    assert holds(claimed, Memory(10), [held("chat", 4, busy=True), held("ears", 4)])
    assert not holds(claimed, Memory(10), [held("chat", 4, busy=True), held("ears", 5)])


def test_a_shortage_that_none_can_fill() -> None:
    assert leavers(Memory(1), []) is None
    assert leavers(Memory(0, 1), [held("a", 5)]) is None
    assert leavers(Memory(), [held("a", 5)]) == ()
