"""A call that an older build kept goes on: its history is read, and what the killed app left of a turn joins it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.call.recorder import RATE, CallRecorder, recover
from core.store.store import Store
from core.types.messages import Audio, Message, Text
from tests.support.older_build import told
from tests.support.older_build_corners import EXPECTED, IDS, copied

CALL = IDS["call"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return copied(tmp_path / "home")


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    store = Store(home / "parlor.db", home / "media")
    yield store
    store.close()


def test_a_model_reads_its_turns_without_sound_and_without_the_words_its_answers_began_with(
    store: Store, home: Path
) -> None:
    history = CallRecorder(store, CALL, home / "calls").history()
    assert [message.text for message in history] == [
        "Hello, can you hear me?",
        "Yes, clearly. What is on your mind?",
        "这张照片在哪里？",
        "照片里是一个森林公园，入口处有",
        "Draw that park.",
        "I am drawing it for you.",
        "and its opening hours?",
        "From 6 to 22 o'clock.",
    ]
    assert not any(part.pcm for message in history for part in message.parts if isinstance(part, Audio))
    assert [len(list(message.images)) for message in history] == [0, 0, 1, 0, 0, 1, 0, 0]


def test_the_turn_that_the_killed_app_left_joins_its_call_once(store: Store, home: Path) -> None:
    left = (home / "calls" / f"{CALL}.pcm").read_bytes()
    assert recover(store, home / "calls") == 1
    assert not list((home / "calls").iterdir())
    (*before, found) = store.path(CALL)
    assert len(before) == len(EXPECTED["call"]["path"])
    assert (found.message, found.parent, found.state) == (Message("user", (Audio(left, RATE),)), before[-1].id, "done")
    assert len(left) == 2 * RATE * 0.512  # whole frames: as many as half a second takes
    assert recover(store, home / "calls") == 0
    assert told(store, CALL)["nodes"][:-1] == EXPECTED["call"]["nodes"]


def test_a_new_call_in_its_conversation_follows_its_last_turn(store: Store, home: Path) -> None:
    recorder = CallRecorder(store, CALL, home / "calls")
    assert recorder.parent == store.path(CALL)[-1].id
    question = recorder.question((Text("And on Sundays?"),), None)
    recorder.finish(recorder.answer(question), Message("assistant", (Text("The same."),)))
    assert [node.message.text for node in store.path(CALL)][-2:] == ["And on Sundays?", "The same."]


def test_the_sound_of_an_answer_that_was_broken_off_ends_where_it_was_heard(store: Store) -> None:
    (cut,) = (node.message for node in store.nodes(CALL) if node.message.cut)
    sound, transcript = cut.parts
    assert isinstance(sound, Audio)
    assert (sound.rate, round(sound.seconds, 3)) == (24_000, 0.07)
    assert ["audio", hashlib.sha256(sound.pcm).hexdigest(), 24_000] in EXPECTED["call"]["nodes"][3]["parts"]
    assert transcript.words[-1].text == "有"
