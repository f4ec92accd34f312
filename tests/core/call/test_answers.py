"""Answers of a call: when they are heard, and what their fillers leave open."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.app.app import App
from core.call.events import Caption, Interrupted, Timed
from core.types.messages import Audio
from tests.support.held_call import FRANCE, JAPAN, Held, do
from tests.support.screens import invoice

pytestmark = pytest.mark.models


def test_each_turn_tells_where_its_time_went(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say(FRANCE))
    timed = held.all(Timed)[-1]
    names = [stage.name for stage in timed.stages]
    assert {"silence", "judge", "hear", "write", "speak"} <= set(names)
    assert all(0 <= stage.start <= stage.end <= (timed.words or timed.total) + 0.01 for stage in timed.stages)
    [_, answer] = held.kept
    assert answer.figures is not None
    assert dict(answer.figures.seconds)["call total"] == timed.total


def opened(held: Held) -> bool:
    """Whether the word that an answer begins with is heard."""
    return bool(held.all(Timed))


def test_whoever_goes_on_after_the_word_that_an_answer_begins_with_is_answered_once(
    app: App, say: Callable[[str], Audio]
) -> None:
    picture = invoice("en").image.data
    show = do(lambda held: held.call.show(picture, "invoice.png"))
    held = Held(app).over(show, 8.0, say(FRANCE), opened, say(JAPAN))
    assert len({one.turn for one in held.all(Caption)}) == 1
    question, answer = held.kept
    assert "France" in question.text
    assert "Japan" in question.text
    assert len(list(question.images)) == 1
    assert not answer.cut
    assert not held.all(Interrupted)
    assert all(timed.total > 0 for timed in held.all(Timed))
