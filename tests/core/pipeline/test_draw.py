"""A picture is drawn as it was asked for and kept with how it was made; a tiny real painter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.app.app import App
from core.app.runs import Run
from core.media.png_metadata import read_png_metadata
from core.pipeline.draw import repaint_request, request_of, resolve_request
from core.settings import ImageSettings, Settings, load
from core.types.events import Done, Notice, Picture, Progress, Prompt
from core.types.image_request import ImageRequest
from core.types.messages import Image, Message, Text, Turn
from core.types.provenance import Provenance
from tests.support.drawn import FULL, png
from tests.support.own_models import TINY_PAINTER, with_tiny_painter


def test_settings_fill_what_a_turn_leaves_open(tmp_path: Path) -> None:
    settings = Settings(tmp_path, image=ImageSettings(size=(768, 512), steps=9, guidance=3.0, negative="people"))
    assert resolve_request(settings, None, 5) == ImageRequest("", "people", 768, 512, 9, 3.0, "", 5, 1)
    assert resolve_request(settings, ImageRequest(steps=2, guidance=0.0, count=3), 5) == ImageRequest(
        "", "people", 768, 512, 2, 0.0, "", 5, 3
    )
    assert resolve_request(settings, FULL, 5) == FULL


def test_provenance_tells_the_whole_request() -> None:
    told = {"prompt": FULL.prompt, "negative": FULL.negative, "width": 64, "height": 64, "steps": 3}
    told |= {"guidance": 7.5, "scheduler": FULL.scheduler, "means": "float32"}
    entry = Provenance("paint", "m", "1", "00", tuple(sorted(told.items())), 7)
    assert request_of(entry) == FULL


def test_another_painter_takes_the_prompt_but_not_the_settings() -> None:
    told = {"prompt": "a fox", "negative": "people", "width": 64, "height": 64, "steps": 4, "guidance": 0.0}
    made = Provenance("paint", "turbo", "1", "00", tuple(sorted((told | {"scheduler": "LCMScheduler"}).items())), 7)
    message = Message("assistant", (png(), png()), (made, made))
    same = repaint_request(message, replace(TINY_PAINTER, id="turbo"))
    changed = repaint_request(message, TINY_PAINTER, 4)
    assert same
    assert changed
    assert (same.steps, same.scheduler, same.count) == (4, "LCMScheduler", 2)
    assert replace(changed, seed=0) == ImageRequest("a fox", "people", count=4)


def test_imported_nonsense_is_left_to_the_model() -> None:
    made = Provenance("paint", "m", "1", "00", (("guidance", "x"), ("prompt", "a fox"), ("steps", True)), 7)
    assert request_of(made) == ImageRequest("a fox", seed=7)


# the turn


@pytest.fixture
def parlor(home: Path) -> App:
    with_tiny_painter(home)
    app = App(load())
    yield app
    app.close()


def finished(run: Run) -> list[object]:
    while not run.finished:
        run.wait(1 << 60, 1.0)
    if run.trouble:
        raise run.trouble
    return list(run.after(0)[0])


def drawn(events: list[object]) -> Image:
    return next(event.image for event in events if isinstance(event, Picture))


@pytest.mark.models
def test_a_wish_becomes_a_picture_that_is_kept_with_how_it_was_made(parlor: App) -> None:
    conversation = parlor.store.create()
    events = finished(parlor.runs.start(conversation, Turn((Text("Draw me a red fox in the snow, please."),))))
    answer = parlor.store.path(conversation)[-1]
    assert list(answer.message.images) == [drawn(events)]
    assert not answer.message.cut
    made = answer.message.made_by[0]
    assert (made.stage, made.model) == ("paint", TINY_PAINTER.id)
    prompt = next(event.request.prompt for event in events if isinstance(event, Prompt))
    assert "fox" in prompt
    assert len(prompt.split()) >= 6
    assert read_png_metadata(drawn(events).data, "p.png") == (request_of(made), TINY_PAINTER.id)
    assert any(isinstance(event, Progress) and event.preview for event in events)
    assert isinstance(events[-1], Done)


@pytest.mark.models
def test_with_the_prompt_helper_off_the_words_are_the_prompt(parlor: App) -> None:
    parlor.change({"image.enhance": False, "image.style": "ink"})
    events = finished(parlor.runs.start(parlor.store.create(), Turn((Text("画一只猫"),))))
    prompt = next(event.request.prompt for event in events if isinstance(event, Prompt))
    assert prompt.startswith("一只猫, Chinese ink wash")
    assert any(isinstance(event, Notice) and "Chinese" in str(event.text) for event in events)


@pytest.mark.models
def test_drawn_again_it_is_another_picture_from_the_same_prompt(parlor: App) -> None:
    conversation = parlor.store.create()
    first = parlor.runs.start(conversation, Turn((Text("a cat"),), draw=True, image_request=replace(FULL, count=1)))
    one = drawn(finished(first))
    again = parlor.runs.again(first.answer)
    other = drawn(finished(again))
    assert one != other
    paintings = [read_png_metadata(image.data, "p")[0] for image in (one, other)]
    assert replace(paintings[0], seed=0) == replace(paintings[1], seed=0)
    four = parlor.runs.again(again.answer, request=replace(FULL, count=4, seed=100))
    pictures = [event.image for event in finished(four) if isinstance(event, Picture)]
    assert [read_png_metadata(image.data, "p")[0].seed for image in pictures] == [100, 101, 102, 103]
    same = parlor.runs.again(four.answer, request=replace(FULL, seed=102))
    assert drawn(finished(same)) == pictures[2]


@pytest.mark.models
def test_stopped_in_mid_picture_nothing_is_left_and_the_next_is_right(parlor: App) -> None:
    conversation = parlor.store.create()
    right = drawn(finished(parlor.runs.start(conversation, Turn((Text("x"),), True, image_request=FULL))))
    long = parlor.runs.start(conversation, Turn((Text("x"),), True, image_request=replace(FULL, steps=150)))
    while not any(isinstance(event, Progress) and event.stage == "paint" for event in long.after(0)[0]):
        long.wait(1 << 60, 0.02)
    long.stop()
    while not long.finished:
        long.wait(1 << 60, 0.1)
    stopped = parlor.store.node(long.answer)
    assert stopped
    assert stopped.message.cut
    assert not list(stopped.message.images)
    assert drawn(finished(parlor.runs.start(conversation, Turn((Text("x"),), True, image_request=FULL)))) == right
