"""What is shown in a call."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.app.app import App
from core.errors import BadInput
from core.types.messages import Audio, Image, Reading, Transcript
from tests.support.held_call import Held
from tests.support.screens import invoice

pytestmark = pytest.mark.models


def test_a_shown_picture_belongs_to_the_next_turn(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app)
    held.call.show(invoice("en").image.data, "invoice.png")
    held.over(8.0, say("What is the total?"))
    kinds = [type(part) for part in held.kept[0].parts]
    assert kinds == [Image, Reading, Audio, Transcript]


def test_what_is_no_picture_is_refused(app: App) -> None:
    held = Held(app)
    with pytest.raises(BadInput):
        held.call.show(b"no picture", "x.png")
    held.over(0.5)
