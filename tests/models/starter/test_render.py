"""Icons drawn: straight, whole, none empty, none twice."""

from __future__ import annotations

import numpy as np
import pytest

from models.starter.data import names as data_names
from models.starter.data import render as data_render
from tests.models.starter.data_helpers import (
    DISC,
    HALF,
    STAR,
    drawn,
    made,
)


def test_a_picture_is_drawn_straight_and_whole() -> None:
    picture = data_render.decode(drawn(HALF.replace("/>", ' opacity=".6"/>')))
    assert (picture.shape, picture.dtype) == ((128, 128, 4), np.uint8)
    assert picture[64, 30].tolist() == pytest.approx([0xD0, 0x20, 0x20, 153], abs=2)
    assert not picture[:, 80:].any()


def test_an_icons_own_box_is_used() -> None:
    icons = data_names.icon_set("made", {"icons": {"a": {"body": HALF, "width": 40, "left": 4}}, "height": 36}, {})
    assert 'viewBox="4 0 40 36"' in data_render.svg(icons, "a")


@pytest.mark.parametrize("body", ["", '<path d="M0 0h36v36H0z"/>', '<circle cx="3" cy="3" r="1"/>'])
def test_empty_pictures_and_full_squares_are_dropped(body: str) -> None:
    pytest.importorskip("resvg_py")
    assert data_render.draw(data_render.svg(made(icon=body), "icon")) is None


def test_pictures_alike_in_two_styles_are_found() -> None:
    disc, near, star = drawn(DISC), drawn(DISC.replace("14", "13.8")), drawn(STAR)
    assert data_render.alike([{"a": disc, "b": near, "c": star}, {"a": disc, "b": near}]) == {"a", "b"}
    assert data_render.alike([{"a": disc, "b": near, "c": star}, {"a": disc, "b": star}]) == set()
