"""Events of a call as the page gets them."""

from __future__ import annotations

from core.call.events import Drawing, as_json


def test_a_picture_that_nobody_waits_for_any_more_leaves_the_page() -> None:
    assert [as_json(Drawing(1, 0.5))["done"], as_json(Drawing(1, dropped=True))["done"]] == [False, True]
