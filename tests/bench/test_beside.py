"""Figures of two checkouts are compared so that above 1 is worse."""

from __future__ import annotations

import pytest

from bench.beside import flat, worse_by


def test_the_numbers_of_nested_objects_are_found_by_their_path_without_peers_and_claims() -> None:
    told = {"threads": 2, "claims": {"fast": True}, "parlor": {"rerun": {"10": 0.5}}, "plain": {"rerun": {"10": 0.1}}}
    assert dict(flat(told)) == {"parlor.rerun.10": 0.5}


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "ratio"),
    [
        ("turn_2_seconds", 2.0, 1.0, 2.0),
        ("decode_tokens_per_second", 10.0, 20.0, 2.0),
        ("bytes_per_token", 5.0, 5.0, 1.0),
    ],
)
def test_above_one_is_worse(name: str, ours: float, theirs: float, ratio: float) -> None:
    assert worse_by(name, ours, theirs) == ratio
