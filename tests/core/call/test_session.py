"""A live call, what a person does in it and what goes wrong with it, with the real starter models and no browser."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.app.app import App
from core.app.services import Services
from core.call.events import CallNotice, PhaseChanged
from core.call.session import Call
from core.call.transport import CallOptions
from core.errors import BadInput
from core.types.generation import Sampling
from core.types.messages import Audio, Transcript
from tests.support.held_call import FRANCE, JAPAN, STORY, Held, answering, do, idle
from tests.support.screens import invoice

pytestmark = pytest.mark.models

CHINESE = "法国的首都是哪里？"


def test_what_is_said_on_both_sides_is_heard_answered_and_kept(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say(FRANCE), idle, say(JAPAN))
    first, second = held.finals("you")
    assert "capital of france" in first.lower()
    assert "japan" in second.lower()
    assert len(held.finals("parlor")) == 2
    assert [message.role for message in held.kept] == ["user", "assistant"] * 2
    for message in held.kept:
        sound, words = message.parts
        assert isinstance(sound, Audio)
        assert isinstance(words, Transcript)
        assert "".join(word.text for word in words.words).split() == words.text.split()
        times = [time for word in words.words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert times[-1] <= sound.seconds + 0.05
    known = app.store.conversation(held.call.conversation)
    assert known
    assert "France" in known.title


def test_a_call_changes_its_language_in_mid_talk(app: App, say: Callable[[str], Audio]) -> None:
    app.settings = replace(app.settings, chat="qwen2.5-coder-1.5b-instruct")
    held = Held(app).over(0.5, say(CHINESE), idle, say(FRANCE))
    app.settings = replace(app.settings, chat="smollm2-135m-instruct")
    languages = [part.language for message in held.kept[::2] for part in message.parts if isinstance(part, Transcript)]
    assert languages == ["zh", "en"]
    assert "巴黎" in held.finals("parlor")[0]
    assert "Paris" in held.finals("parlor")[1]


def test_words_said_before_hanging_up_are_kept_and_the_next_call_can_begin_at_once(
    app: App, say: Callable[[str], Audio]
) -> None:
    later: list[Call] = []

    def again(held: Held) -> None:
        held.call.hang_up()
        later.append(app.calls.start("", CallOptions()))

    whole = say("Please tell me what the capital of Japan looks like in the evening.")
    held = Held(app).over(0.5, Audio(whole.pcm[: -2 * 16_000], 16_000), do(again), 2.0)
    [question] = held.kept
    assert "capital" in question.text
    assert [app.calls.current()] == later


def test_a_lost_line_holds_the_call_and_keeps_what_was_said(app: App, say: Callable[[str], Audio]) -> None:
    def lose(held: Held) -> None:
        transport = held.call.transport
        assert transport
        held.call.disconnect(transport)
        held.call.connect(transport)

    held = Held(app).over(0.5, say(STORY), answering, do(lose), idle, say(FRANCE))
    assert "held" in [phased.phase for phased in held.all(PhaseChanged)]
    assert held.kept[1].cut
    assert "France" in held.finals("you")[-1]
    assert len(held.kept) == 4


def test_an_engine_that_dies_in_mid_answer_is_told_of_and_nothing_said_is_lost(
    app: App, say: Callable[[str], Audio]
) -> None:
    def kill(held: Held) -> None:
        for child in psutil.Process().children(recursive=True):
            child.kill()

    held = Held(app).over(0.5, say(STORY), answering, do(kill), 1.0, idle, say(FRANCE))
    assert held.kept[0].text
    assert held.kept[1].text
    assert "France" in held.finals("you")[-1]
    assert len(held.kept) == 4


def test_a_second_call_is_refused_while_one_goes_on(app: App) -> None:
    held = Held(app)
    with pytest.raises(BadInput):
        app.calls.start("", CallOptions())
    held.over(0.5)
    assert app.calls.current() is None


def test_nothing_is_left_of_a_call(app: App, say: Callable[[str], Audio]) -> None:
    before = {thread.name for thread in threading.enumerate()}
    Held(app).over(0.5, say(FRANCE))
    until = time.monotonic() + 10
    while {thread.name for thread in threading.enumerate() if thread.name.startswith("call")} - before:
        assert time.monotonic() < until, [thread.name for thread in threading.enumerate()]
        time.sleep(0.05)
    assert not list((app.settings.home / "calls").glob("*"))


# threads that die


@pytest.fixture
def damage(app: App) -> Iterator[Callable[[str], None]]:
    """Makes a model one whose files have their sizes and nothing in them, until the test is over."""
    whole: list[tuple[Path, Path]] = []

    def empty(model: str) -> None:
        app.pool.unload(model)
        folder = app.settings.models / model
        files = [(file.relative_to(folder), file.stat().st_size) for file in folder.rglob("*") if file.is_file()]
        whole.append((folder, folder.readlink()))
        folder.unlink()
        for file, size in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(b"")
            os.truncate(folder / file, size)

    yield empty
    for folder, original in whole:
        app.pool.unload(folder.name)
        shutil.rmtree(folder)
        folder.symlink_to(original, target_is_directory=True)


def reasons(call: Call) -> list[CallNotice]:
    return [event for event in call.after(0)[0] if isinstance(event, CallNotice) and event.trouble]


@pytest.mark.parametrize("model", ["whisper-base", "silero-vad"])
def test_a_call_whose_model_is_damaged_does_not_stay_in_opening_but_ends_with_the_reason(
    app: App, damage: Callable[[str], None], model: str
) -> None:
    damage(model)
    call = app.calls.start("", CallOptions())
    assert call.wait(120)
    assert call.phase == "ended"
    last = call.after(0)[0][-1]
    assert isinstance(last, PhaseChanged)
    assert last.why
    assert last.why in [notice.text for notice in reasons(call)]


def test_what_nobody_foresaw_while_a_call_opens_ends_it_with_a_reason(app: App) -> None:
    class NoSampling(Services):
        def sampling(self) -> Sampling:
            raise ZeroDivisionError

    call = Call(NoSampling(app.settings, app.catalogue, app.store, app.pool), app.store.create(), CallOptions())
    assert call.wait(120)
    assert call.phase == "ended"
    [notice] = reasons(call)
    assert "parlor.log" in str(notice.text)


def test_a_picture_whose_words_cannot_be_read_is_told_of_and_the_call_goes_on(
    app: App, say: Callable[[str], Audio], damage: Callable[[str], None]
) -> None:
    damage("rapidocr")
    held = Held(app)
    held.call.show(invoice("en").image.data, "invoice.png")
    held.over(0.5, say(FRANCE))
    assert any(notice.trouble for notice in held.all(CallNotice))
    assert "France" in held.finals("you")[0]
