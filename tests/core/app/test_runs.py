"""Turns in progress: whatever happens to a page, a worker or the app, nothing that was said is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.app.runs import Run, Runs
from core.app.services import Services
from core.catalogue.spec import Catalogue, File, ModelSpec
from core.errors import BadInput, NotInstalled, WorkerDied
from core.runtime.pool import Pool
from core.settings import MemorySettings, Settings
from core.store.store import Store
from core.types.events import Delta, Done, Progress, Understood
from core.types.generation import Sampling
from core.types.messages import Image, Text, Turn
from tests.tiny.tiny_gguf import write_tiny_gguf

pytestmark = pytest.mark.engines
ROOT = Path(__file__).parents[3]
LONG = Sampling(max_tokens=1500, seed=3)
SHORT = Sampling(max_tokens=12, seed=3)


class RunsApp:
    """Runs over a store of its own and a tiny chat model."""

    def __init__(self, home: Path) -> None:
        settings = Settings(home=home, memory=MemorySettings(ram_gb=2), context_tokens=2048, threads=1)
        self.store = Store(settings.database, settings.media)
        self.pool = Pool(settings)
        self.services = Services(settings, Catalogue((tiny(home / "models"),)), self.store, self.pool)
        self.runs = Runs(self.services)
        self.conversation = self.store.create()

    def close(self) -> None:
        self.runs.close()
        self.pool.close()
        self.store.close()


def tiny(models: Path) -> ModelSpec:
    file = models / "tiny" / "model.gguf"
    if not file.exists():
        file.parent.mkdir(parents=True)
        write_tiny_gguf(file)
    files = (File("model.gguf", file.stat().st_size, "0" * 64, ()),)
    return ModelSpec("tiny", "Tiny", "chat", "llama", "MIT", ("en",), 10**8, "1", files)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunsApp]:
    app = RunsApp(tmp_path)
    yield app
    app.close()


def said(text: str, draw: bool | None = None) -> Turn:
    return Turn((Text(text),), draw=draw)


def finished(run: Run) -> Run:
    assert run.wait(1 << 60, 30)
    assert run.finished
    return run


def speaking(run: Run, pieces: int = 5) -> Run:
    """The run, once it has brought forth some words."""
    index = count = 0
    while count < pieces and not run.finished:
        run.wait(index, 30)
        events, index = run.after(index)
        count += sum(isinstance(event, Delta) for event in events)
    return run


def test_a_turn_is_kept_word_for_word_with_what_made_it(app: RunsApp) -> None:
    run = finished(app.runs.start(app.conversation, said("hello"), SHORT))
    events, _ = run.after(0)
    question, answer = app.store.path(app.conversation)
    assert isinstance(events[0], Progress | Understood)
    assert isinstance(events[-1], Done)
    assert "".join(event.text for event in events if isinstance(event, Delta)) == answer.message.text
    assert (question.message.text, answer.state, answer.message.cut) == ("hello", "done", False)
    assert (answer.message.made_by[0].model, answer.message.made_by[0].seed) == ("tiny", 3)
    assert answer.message.figures is not None
    assert answer.message.figures.tokens == 12


def test_many_readers_see_the_same_from_wherever_they_begin(app: RunsApp) -> None:
    run = finished(app.runs.start(app.conversation, said("hello"), SHORT))
    everything, end = run.after(0)
    assert run.after(3) == (everything[3:], end)
    assert run.after(end) == ((), end)
    assert app.runs.get(run.id) is run
    assert app.runs.of(app.conversation) is None


def test_stop_keeps_what_was_said_and_marks_it(app: RunsApp) -> None:
    run = speaking(app.runs.start(app.conversation, said("hello"), LONG))
    run.stop()
    finished(run)
    answer = app.store.path(app.conversation)[-1]
    events, _ = run.after(0)
    assert answer.message.cut
    assert run.trouble is None
    assert answer.message.text == "".join(event.text for event in events if isinstance(event, Delta)) != ""


def test_the_next_turn_after_a_stop_is_answered(app: RunsApp) -> None:
    run = speaking(app.runs.start(app.conversation, said("hello"), LONG))
    run.stop()
    finished(run)
    again = finished(app.runs.start(app.conversation, said("hello again"), SHORT))
    assert again.trouble is None
    assert [node.message.role for node in app.store.path(app.conversation)] == ["user", "assistant"] * 2


def test_a_conversation_being_answered_takes_no_second_question(app: RunsApp) -> None:
    run = speaking(app.runs.start(app.conversation, said("hello"), LONG))
    with pytest.raises(BadInput, match="still being answered"):
        app.runs.start(app.conversation, said("and this?"))
    with pytest.raises(BadInput, match="still being answered"):
        app.runs.again(run.answer)
    run.stop()
    finished(run)
    assert len(app.store.path(app.conversation)) == 2


def test_a_model_that_does_not_exist_is_told_before_anything_is_kept(app: RunsApp) -> None:
    app.services.settings = replace(app.services.settings, chat="gone")
    with pytest.raises(BadInput, match="gone"):
        app.runs.start(app.conversation, said("hello"))
    assert app.store.path(app.conversation) == []
    assert app.runs.of(app.conversation) is None


def test_two_conversations_are_answered_at_once(app: RunsApp) -> None:
    other = app.store.create()
    runs = [app.runs.start(each, said("hello"), SHORT) for each in (app.conversation, other)]
    assert [finished(run).trouble for run in runs] == [None, None]
    assert all(app.store.path(each)[-1].message.text for each in (app.conversation, other))


def test_regenerating_puts_a_new_version_beside_the_old(app: RunsApp) -> None:
    first = finished(app.runs.start(app.conversation, said("hello"), SHORT)).answer
    second = finished(app.runs.again(first)).answer
    newest = app.store.path(app.conversation)[-1]
    assert newest.siblings == (first, second)
    app.store.select(first)
    assert app.store.path(app.conversation)[-1].id == first


def test_editing_begins_a_branch_and_the_old_one_stays(app: RunsApp) -> None:
    old = finished(app.runs.start(app.conversation, said("hello"), SHORT))
    finished(app.runs.start(app.conversation, said("more"), SHORT))
    new = finished(app.runs.edit(old.question, said("good day")))
    path = app.store.path(app.conversation)
    assert [node.message.text for node in path[:1]] == ["good day"]
    assert path[-1].id == new.answer
    app.store.select(old.question)
    assert [node.message.text for node in app.store.path(app.conversation)][::2] == ["hello", "more"]


def test_a_killed_worker_keeps_the_text_and_the_next_turn_works(app: RunsApp) -> None:
    run = speaking(app.runs.start(app.conversation, said("hello"), LONG))
    import psutil

    for child in psutil.Process().children():
        child.kill()
    finished(run)
    answer = app.store.path(app.conversation)[-1]
    assert isinstance(run.trouble, WorkerDied)
    assert (answer.state, answer.message.cut) == ("failed", True)
    assert answer.trouble
    assert answer.trouble.into("zh") != str(answer.trouble)
    assert answer.message.text
    assert finished(app.runs.again(answer.id)).trouble is None


def test_a_wish_to_draw_without_a_painter_says_so_and_can_be_answered_in_words(app: RunsApp) -> None:
    run = finished(app.runs.start(app.conversation, said("draw me a cat"), SHORT))
    assert isinstance(run.trouble, NotInstalled)
    assert app.store.path(app.conversation)[0].message.text == "draw me a cat"
    assert finished(app.runs.again(run.answer, draw=False)).trouble is None


def test_a_picture_nobody_can_read_is_kept_with_the_reason(app: RunsApp) -> None:
    turn = Turn((Text("What is this?"), Image(b"\x89PNG", "image/png")))
    run = finished(app.runs.start(app.conversation, turn, SHORT))
    assert isinstance(run.trouble, NotInstalled)
    assert app.store.path(app.conversation)[0].message.parts == turn.parts


def test_a_title_comes_from_the_first_words(app: RunsApp) -> None:
    finished(app.runs.start(app.conversation, said("Why is the sky blue?"), SHORT))
    known = app.store.conversation(app.conversation)
    assert known is not None
    assert known.title == "Why is the sky blue?"


SERVER = """
import sys, time
from pathlib import Path
from core.app import answer_writer
from tests.core.app.test_runs import RunsApp, LONG, said, speaking
answer_writer.SAVE_EVERY = 0.0  # the tiny model is done in half a second
app = RunsApp(Path(sys.argv[1]))
run = speaking(app.runs.start(app.conversation, said("hello"), LONG))
while not app.store.path(app.conversation)[-1].message.text:
    time.sleep(0.005)
print(app.conversation, *[worker.pid for worker in __import__("psutil").Process().children()], flush=True)
time.sleep(60)
"""


def test_a_killed_app_leaves_no_process_and_its_answer_is_there_marked_as_cut(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    conversation, worker = server.stdout.readline().split()
    server.kill()
    server.communicate()
    until = time.monotonic() + 10
    while alive(int(worker)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(int(worker))
    store = Store(tmp_path / "parlor.db", tmp_path / "media")
    assert store.recover() == 1
    answer = store.path(conversation)[-1]
    store.close()
    assert answer.message.cut
    assert answer.message.text
    assert answer.state == "done"


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
