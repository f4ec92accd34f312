"""The share of the cores that is left to other programs."""

from __future__ import annotations

import pytest

from models.common.threads import share


@pytest.mark.parametrize(
    ("most", "cores", "others", "threads"),
    [(2, 2, 0.1, 2), (2, 2, 0.7, 1), (2, 2, 2.0, 1), (8, 8, 1.0, 7), (8, 16, 4.0, 6), (1, 4, 0.0, 1), (4, 4, -0.1, 4)],
)
def test_other_programs_get_their_cores(most: int, cores: int, others: float, threads: int) -> None:
    assert share(most, cores, others) == threads
