"""What was said is kept: branches, search, deleting with undo, many threads and two processes, and a file gone bad."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.errors import BadInput, EngineFailed
from core.l10n.text import both
from core.store.store import Store, title_from
from core.types.messages import Audio, Image, Message, Transcript
from tests.core.store.conversations import answer, media_files, texts, user

ROOT = Path(__file__).parents[3]


def test_what_a_model_reads_again_is_had_without_its_recordings(store: Store) -> None:
    conversation, sound, words = store.create(), Audio(b"\1\2" * 800, 16_000), Transcript("hello", "en", ())
    question = store.add(conversation, user(sound, Image(b"png", "image/png"), words), None)
    [whole], [light] = store.ancestors(question), store.ancestors(question, sound=False)
    assert whole.message.parts == (sound, Image(b"png", "image/png"), words)
    assert light.message.parts == (Audio(b"", 16_000), Image(b"png", "image/png"), words)


def test_a_conversation_is_the_path_from_its_first_message_to_its_newest(store: Store) -> None:
    conversation = store.create()
    question = store.add(conversation, user("hello"), None)
    store.add(conversation, answer("hi"), question)
    assert texts(store, conversation) == ["hello", "hi"]
    assert [node.parent for node in store.path(conversation)] == [None, question]


def test_editing_and_regenerating_make_branches_that_can_be_walked(store: Store) -> None:
    conversation = store.create()
    question = store.add(conversation, user("q1"), None)
    first = store.add(conversation, answer("a1"), question)
    follow = store.add(conversation, user("q2"), first)
    store.add(conversation, answer("a2"), follow)
    second = store.add(conversation, answer("a1 again"), question)
    edited = store.add(conversation, user("q1 edited"), None)
    assert texts(store, conversation) == ["q1 edited"]
    assert store.path(conversation)[0].siblings == (question, edited)
    store.select(first)
    assert texts(store, conversation) == ["q1", "a1", "q2", "a2"]
    assert store.path(conversation)[1].siblings == (first, second)
    store.select(question)
    assert texts(store, conversation) == ["q1", "a1 again"]
    assert [node.message.text for node in store.ancestors(follow)] == ["q1", "a1", "q2"]
    assert len(store.nodes(conversation)) == 6


def test_an_answer_that_ends_on_another_branch_leaves_the_selection_alone(store: Store) -> None:
    conversation = store.create()
    question = store.add(conversation, user("q"), None)
    old = store.add(conversation, answer("old"), question)
    new = store.add(conversation, answer(""), question, "running")
    store.select(old)
    store.update(new, answer("grow"))
    store.finish(new, answer("grown"))
    assert texts(store, conversation) == ["q", "old"]


def test_a_message_needs_a_conversation_and_a_parent_in_it(store: Store) -> None:
    here, there = store.create(), store.create()
    parent = store.add(there, user("x"), None)
    for conversation, under in (("nowhere", None), (here, parent), (here, 999)):
        with pytest.raises(BadInput):
            store.add(conversation, user("y"), under)
    assert store.nodes(here) == []


def test_an_answer_grows_and_ends(store: Store) -> None:
    conversation = store.create()
    question = store.add(conversation, user("q"), None)
    id = store.add(conversation, Message("assistant", ()), question, "running")
    store.update(id, answer("one"))
    node = store.node(id)
    assert node is not None
    assert (node.state, node.message.text) == ("running", "one")
    store.finish(id, answer("one two", cut=True), EngineFailed(both("It broke.", "坏了。")))
    node = store.node(id)
    assert node is not None
    assert (node.state, str(node.trouble), node.trouble.into("zh"), node.message.cut) == (
        "failed",
        "It broke.",
        "坏了。",
        True,
    )


def test_a_message_that_is_done_can_be_completed_and_is_found_by_its_new_words(store: Store) -> None:
    conversation = store.create()
    sound = Audio(bytes(320), 16_000)
    question = store.add(conversation, user(sound), None)
    assert store.search("weather") == []
    store.update(question, user(sound, Transcript("the weather")))
    node = store.node(question)
    assert node is not None
    assert node.state == "done"
    assert [hit.node for hit in store.search("weather")] == [question]


def test_feedback_is_kept_and_taken_back(store: Store) -> None:
    id = store.add(store.create(), answer("a"), None)
    for value in (1, 0, None):
        store.feedback(id, value)
        node = store.node(id)
        assert node is not None
        assert node.feedback == value


def test_conversations_are_listed_newest_first_without_empty_and_deleted_ones(store: Store) -> None:
    old, new, empty, deleted = (store.create() for _ in range(4))
    for conversation in (old, new, deleted):
        store.add(conversation, user(conversation), None)
    store.delete(deleted)
    assert [item.id for item in store.conversations()] == [new, old]
    store.add(old, user("again"), store.path(old)[-1].id)
    assert [(item.id, item.messages) for item in store.conversations()] == [(old, 2), (new, 1)]
    assert [item.id for item in store.conversations(limit=1, offset=1)] == [new]
    assert store.conversation(empty) is not None
    assert store.conversation(deleted) is None
    assert store.conversation("nowhere") is None


def test_a_conversation_names_itself_once(store: Store) -> None:
    conversation = store.create()
    first = store.add(conversation, user(Image(b"", "image/png")), None)
    second = store.add(conversation, user("**Plan** a trip"), first)
    assert store.conversations()[0].title == "Plan a trip"
    store.rename(conversation, "  杭州\n之行 ")
    store.add(conversation, user("more"), second)
    assert store.conversations()[0].title == "杭州 之行"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("# A *bold* [link](http://x) and `code`", "A bold link and code"),
        ("- one\n- two", "one two"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("snake_case_name stays", "snake_case_name stays"),
        ("What is the airspeed velocity of an unladen swallow?", "What is the airspeed velocity of an…"),
        ("我想去杭州玩三天请你帮我安排一下行程和住宿吧", "我想去杭州玩三天请你帮我安排一下行程和…"),
        ("x" * 100, "x" * 39 + "…"),
        ("", ""),
        ("\x00\x1b[31m red", "[31m red"),
    ],
)
def test_a_title_is_the_first_words_within_forty_columns(text: str, title: str) -> None:
    assert title_from(user(text)) == title


def test_deleting_can_be_undone_until_it_is_purged(store: Store, tmp_path: Path) -> None:
    kept, gone = store.create(), store.create()
    shared, own = Image(b"shared", "image/png"), Image(b"own", "image/png")
    store.add(kept, user("kept", shared), None)
    store.add(gone, user("gone", shared, own), None)
    store.delete(gone)
    assert store.purge() == 0
    store.restore(gone)
    assert texts(store, gone) == ["gone"]
    store.delete(gone)
    assert store.purge(0) == 1
    assert store.path(gone) == []
    assert [file.read_bytes() for file in media_files(tmp_path)] == [b"shared"]
    assert store.path(kept)[0].message == user("kept", shared)
    store.restore(gone)
    assert store.conversation(gone) is None


def test_many_threads_write_and_read_at_once(store: Store) -> None:
    conversation = store.create()
    root = store.add(conversation, user("root"), None)
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            for step in range(15):
                id = store.add(conversation, answer("", Audio(bytes([number, step]), 8000)), root, "running")
                store.update(id, answer(f"word{number}x{step}"))
                store.finish(id, answer(f"word{number}x{step} done"))
                assert store.search(f"word{number}x{step}")
                assert store.path(conversation)
        except Exception as error:  # whatever a thread fails with, the test must fail with it
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(store.nodes(conversation)) == 1 + 6 * 15


SECOND = """
import sys, time
from pathlib import Path
from core.types.messages import Message, Text
from core.store.store import Store
home, conversation, mode = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
store = Store(home / "parlor.db", home / "media")
if mode == "write":
    for step in range(40):
        store.add(conversation, Message("user", (Text(f"second {step}"),)), None)
else:
    store.add(conversation, Message("assistant", (Text("so far"),)), None, "running")
    print("running", flush=True)
    time.sleep(600)
"""


def second(tmp_path: Path, conversation: str, mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SECOND, str(tmp_path), conversation, mode]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_second_process_writes_at_the_same_time(store: Store, tmp_path: Path) -> None:
    conversation = store.create()
    with second(tmp_path, conversation, "write") as other:
        step = 0
        while other.poll() is None or step < 40:
            store.add(conversation, user(f"first {step}"), None)
            step += 1
    assert other.returncode == 0
    assert len(store.nodes(conversation)) == step + 40


def test_only_the_answers_of_a_process_that_is_gone_are_cut(store: Store, tmp_path: Path) -> None:
    conversation = store.create()
    mine = store.add(conversation, answer("mine"), None, "running")
    with second(tmp_path, conversation, "run") as other:
        assert other.stdout
        assert other.stdout.readline() == "running\n"
        theirs = store.path(conversation)[-1].id
        assert store.recover() == 0
        other.kill()
    assert store.recover() == 1
    assert store.recover() == 0
    cut, going = store.node(theirs), store.node(mine)
    assert cut is not None
    assert going is not None
    assert (cut.state, cut.message) == ("done", answer("so far", cut=True))
    assert (going.state, going.message) == ("running", answer("mine"))
    assert [hit.node for hit in store.search("so far")] == [theirs]
