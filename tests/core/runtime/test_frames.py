"""Frames between the app and its workers."""

import io
import pickle
import subprocess

import pytest

from core.errors import BadInput
from core.l10n.text import both
from core.runtime.frames import CallEnded, CallItem, read_frame, write_frame
from core.types.messages import Image, Message, Text


def there_and_back(value: object) -> object:
    pipe = io.BytesIO()
    write_frame(pipe, value)
    pipe.seek(0)
    return read_frame(pipe)


def test_a_message_arrives_as_it_was_sent() -> None:
    message = Message("user", (Text("你好"), Image(bytes(range(256)), "image/png")))
    assert there_and_back(CallItem(3, message)) == CallItem(3, message)


def test_an_error_arrives_with_both_its_languages() -> None:
    ended = there_and_back(CallEnded(1, BadInput(both("too long", "太长")), 5))
    assert isinstance(ended, CallEnded)
    assert isinstance(ended.trouble, BadInput)
    assert (str(ended.trouble), ended.trouble.said("zh")) == ("too long", "太长")


class Calls:
    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return subprocess.call, (["false"],)


FORBIDDEN = ("core.runtime.frames\npickle", "core.runtime.frames\nValuesOnly", "os\nsystem", "builtins\neval")


@pytest.mark.parametrize("frame", [pickle.dumps(Calls()), *(f"c{name}\n.".encode() for name in FORBIDDEN)])
def test_a_frame_that_names_anything_but_our_values_is_refused(frame: bytes) -> None:
    pipe = io.BytesIO(len(frame).to_bytes(8, "little") + frame)
    with pytest.raises(pickle.UnpicklingError, match="may not cross"):
        read_frame(pipe)


@pytest.mark.parametrize("cut", [0, 4, 20])
def test_a_pipe_that_closes_in_mid_frame_ends_the_stream(cut: int) -> None:
    pipe = io.BytesIO()
    write_frame(pipe, CallItem(1, "a longer piece of text"))
    with pytest.raises(EOFError):
        read_frame(io.BytesIO(pipe.getvalue()[:cut]))
