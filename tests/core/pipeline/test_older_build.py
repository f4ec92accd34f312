"""A picture that an older build drew can be drawn again: from its answer, and from its own file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.catalogue.load import load
from core.media import png_metadata
from core.pipeline.draw import repaint_request, request_of
from core.store.store import Node, Store
from core.types.image_request import ImageRequest
from tests.support.older_build_corners import IDS, copied

PROMPT = "a lighthouse in a storm, waves, dark clouds, oil painting on canvas, brush strokes, rich colours"
LIGHTHOUSE = ImageRequest(
    prompt=PROMPT,
    negative="blurry, low quality",
    width=512,
    height=384,
    steps=20,
    guidance=7.5,
    scheduler="DPMSolverMultistepScheduler",
    seed=4_711,
    count=1,
)


@pytest.fixture
def drawn(tmp_path: Path) -> Iterator[list[Node]]:
    """The two answers of one wish: two pictures, and one drawn again."""
    home = copied(tmp_path / "home")
    store = Store(home / "parlor.db", home / "media")
    yield [node for node in store.nodes(IDS["lighthouse"]) if node.message.role == "assistant"]
    store.close()


def test_its_provenance_tells_of_each_picture(drawn: list[Node]) -> None:
    seeds = [[request_of(made) for made in node.message.made_by if made.stage == "paint"] for node in drawn]
    assert seeds == [[LIGHTHOUSE, replace(LIGHTHOUSE, seed=4_712)], [replace(LIGHTHOUSE, seed=99)]]


def test_its_file_says_how_it_was_made(drawn: list[Node]) -> None:
    read = [png_metadata.read_png_metadata(image.data, "drawn.png") for node in drawn for image in node.message.images]
    assert read == [(replace(LIGHTHOUSE, seed=seed), "sdxl-turbo") for seed in (4_711, 4_712, 99)]


def test_it_is_drawn_again_with_its_own_settings_and_a_fresh_seed(drawn: list[Node]) -> None:
    again = repaint_request(drawn[0].message, load().find("sdxl-turbo"))
    assert again is not None
    assert replace(again, seed=0) == replace(LIGHTHOUSE, seed=0, count=2)
