"""What is kept of a call, and found again after the app was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.call.recorder import RATE, CallRecorder, recover
from core.store.store import Store
from core.types.messages import Audio, Message, Text
from tests.sound.noise import noise_at


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "parlor.db", tmp_path / "media")


def test_what_was_being_said_when_the_app_was_killed_is_found_again(store: Store, tmp_path: Path) -> None:
    conversation = store.create()
    first = store.add(conversation, Message("user", (Text("Hello."),)), None)
    recorder = CallRecorder(store, conversation, tmp_path / "calls")
    speech = bytearray(noise_at(1.7, RATE).pcm)
    for end in range(0, len(speech), 1024):
        recorder.speaking(speech[:end])
    # the app is gone here: nothing was closed or flushed
    assert recover(store, tmp_path / "calls") == 1
    last = store.path(conversation)[-1]
    assert last.parent == first
    [kept] = last.message.parts
    assert isinstance(kept, Audio)
    assert 1.2 <= kept.seconds <= 1.7
    assert kept.pcm == bytes(speech[: len(kept.pcm)])
    assert recover(store, tmp_path / "calls") == 0


def test_a_turn_that_was_kept_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    recorder = CallRecorder(store, store.create(), tmp_path / "calls")
    recorder.speaking(noise_at(1.0, RATE).pcm)
    recorder.question((Text("Hello."),), None)
    recorder.forget()
    assert not list((tmp_path / "calls").iterdir())


def test_a_question_that_went_on_is_the_same_message(store: Store, tmp_path: Path) -> None:
    conversation = store.create()
    recorder = CallRecorder(store, conversation, tmp_path / "calls")
    first = recorder.question((Text("I would like"),), None)
    assert recorder.question((Text("I would like some tea."),), first) == first
    assert [node.message.text for node in store.path(conversation)] == ["I would like some tea."]
