"""Pictures that are asked for in a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from core.app.app import App
from core.call.events import CallNotice, Drawing
from core.types.messages import Audio
from tests.support.held_call import FRANCE, Held, answering, idle
from tests.support.own_models import TINY_PAINTER, with_tiny_painter

pytestmark = pytest.mark.models


def test_without_a_painter_it_says_so_and_the_call_goes_on(app: App, say: Callable[[str], Audio]) -> None:
    before = app.settings
    app.settings = replace(before, paint="sd-turbo")
    held = Held(app).over(0.5, say("Please draw a red fox."), idle, say(FRANCE))
    app.settings = before
    assert "cannot draw" in held.finals("parlor")[0]
    assert any(told.trouble for told in held.all(CallNotice))
    assert "France" in held.finals("you")[1]
    assert len(held.finals("parlor")) == 2


def test_a_picture_is_drawn_while_the_talk_goes_on(app: App, say: Callable[[str], Audio]) -> None:
    with_tiny_painter(app.settings.home)
    app.reload()
    before = app.settings
    app.settings = replace(
        before, paint=TINY_PAINTER.id, image=replace(before.image, steps=3, size=(64, 64), enhance=False)
    )
    held = Held(app).over(0.5, say("Please draw a red fox."), answering, idle, say(FRANCE))
    app.settings = before
    assert [event for event in held.all(Drawing) if event.image]
    assert any(list(message.images) for message in held.kept if message.role == "assistant")
    assert len(held.finals("you")) == 2
