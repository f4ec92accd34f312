"""What was said is kept: branches, search, deleting with undo, many threads and two processes, and a file gone bad."""

import contextlib
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import BadInput, DiskFull, EngineFailed, ParlorError
from core.l10n.text import both
from core.store import json_codec as codec
from core.store.migrations import MIGRATIONS
from core.store.store import Store, title_from
from core.types.messages import Audio, Image, Message, Part, Reading, Text, TextLine, Transcript, Word
from core.types.provenance import Metrics, Provenance

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "parlor.db", tmp_path / "media")
    yield store
    store.close()


def user(*parts: Part | str) -> Message:
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def answer(text: str, *parts: Part, cut: bool = False) -> Message:
    return Message("assistant", (Text(text), *parts), cut=cut)


def texts(store: Store, conversation: str) -> list[str]:
    return [node.message.text for node in store.path(conversation)]


def media_files(tmp_path: Path) -> list[Path]:
    return [file for file in (tmp_path / "media").rglob("*") if file.is_file()]


# Branches


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


# A growing answer


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


def test_a_growing_answer_writes_each_sound_once(store: Store, tmp_path: Path) -> None:
    conversation = store.create()
    id = store.add(conversation, answer(""), None, "running")
    sounds = [Audio(bytes([number]) * 4000, 24_000) for number in range(3)]
    store.update(id, answer("one", sounds[0]))
    (written,) = media_files(tmp_path)
    written.unlink()
    store.update(id, answer("one two", *sounds[:2]))
    assert written not in media_files(tmp_path)
    store.finish(id, answer("one two three", *sounds))
    assert written in media_files(tmp_path)
    node = store.node(id)
    assert node is not None
    assert node.message == answer("one two three", *sounds)


def test_feedback_is_kept_and_taken_back(store: Store) -> None:
    id = store.add(store.create(), answer("a"), None)
    for value in (1, 0, None):
        store.feedback(id, value)
        node = store.node(id)
        assert node is not None
        assert node.feedback == value


# Lists, titles, deleting


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


# Search


@pytest.fixture
def library(store: Store) -> Store:
    said = [
        user("今天天气怎么样？ What's the weather in Hángzhōu?"),
        user(Audio(bytes(2), 16_000), Transcript("我想学 Python 编程", "zh")),
        user(Image(b"x", "image/png"), Reading((TextLine("发票 Invoice №42", (0, 0, 1, 1), 1.0),), 9, 9)),
        answer("C++ and C# AND *nothing* NOT \"quoted\" 🤖 'it' $5"),
    ]
    conversation, parent = store.create("Mixed 标题"), None
    for message in said:
        parent = store.add(conversation, message, parent)
    return store


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("weather", "weather"),
        ("WEATH", "weather"),
        ("hangzhou", "Hángzhōu"),
        ("weather hang", "weather"),
        ("天气", "天气"),
        ("气", "气"),
        ("怎么样？", "怎么样"),
        ("天气怎么样", "天气怎么样"),
        ("python编程", "Python 编程"),
        ("学 编程", "学"),
        ("发票", "发票"),
        ("invoice", "Invoice"),
        ("c++", "C++"),
        ("🤖", "🤖"),
        ("$5", "$5"),
        ("*nothing*", "nothing"),
        ('"quoted"', "quoted"),
        ("AND", "AND"),
        ("标题", "标题"),
        ("mix", "Mixed"),
    ],
)
def test_words_are_found_and_marked(library: Store, query: str, found: str) -> None:
    (hit,) = library.search(query)
    assert f"\x02{found}\x03" in hit.excerpt
    assert library.node(hit.node) is not None
    assert hit.conversation == library.conversations()[0]


@pytest.mark.parametrize(
    "query", ["气天", "weath er", "天气 rain", "eather", "c+++", "明天", "", " ", '"', "*", "？", "\x00"]
)
def test_what_was_not_said_is_not_found(library: Store, query: str) -> None:
    assert library.search(query) == []


def test_no_query_is_an_error(library: Store) -> None:
    pieces = [
        '"',
        "'",
        "(",
        ")",
        "*",
        "^",
        ":",
        "-",
        "+",
        "AND",
        "OR",
        "NOT",
        "NEAR(",
        "{",
        "}",
        ",",
        "text:",
        "天",
        "a",
        " ",
    ]
    pieces += ["\x00", "\x1f", "\ud800", "🤖", "\\", "%", "_", ";", "--", "\u202e", "é", "e\u0301", "\U0010ffff"]
    chance = random.Random(7)
    for length in range(1, 12):
        for _ in range(40):
            library.search("".join(chance.choices(pieces, k=length)))
    library.search("word " * 10_000)
    library.search("天" * 10_000)


def test_deleted_conversations_and_old_words_are_not_found(library: Store) -> None:
    conversation = library.conversations()[0].id
    library.delete(conversation)
    assert library.search("weather") == library.search("标题") == []
    library.restore(conversation)
    library.rename(conversation, "New")
    assert library.search("标题") == []
    assert len(library.search("weather")) == 1


def test_newest_messages_are_found_first_and_no_more_than_asked(store: Store) -> None:
    ids = [store.add(store.create(f"t{number}"), user(f"tea {number}"), None) for number in range(5)]
    assert [hit.node for hit in store.search("tea", limit=3)] == ids[:1:-1]


def test_an_excerpt_of_a_long_text_shows_the_place(store: Store) -> None:
    store.add(store.create("t"), user("开头 " + "无关的话。\n" * 20_000 + "关键所在" + "结尾 " * 1000), None)
    (hit,) = store.search("关键")
    assert "\x02关键\x03" in hit.excerpt
    assert len(hit.excerpt) < 200
    assert "\n" not in hit.excerpt


def test_a_word_that_fills_a_message_is_found_without_a_long_search(store: Store) -> None:
    store.add(store.create("t"), user("word 天" * 200_000), None)
    for query in ("wor", "天", "word 天"):
        (hit,) = store.search(query)
        assert hit.excerpt.count("\x02") == hit.excerpt.count("\x03") > 5


# Messages as JSON


def any_message(chance: random.Random) -> Message:
    def word() -> str:
        return "".join(
            chance.choices(
                ["a", "天", "\n", '"', "\\", "🤖", "\x00", "\ud800", " ", "é", "</script>"], k=chance.randrange(9)
            )
        )

    def number() -> float:
        return chance.choice([0.0, 1.0, -1.5, 1e-9, 1e12, chance.random()])

    def part() -> Part:
        kinds: list[Part] = [
            Text(word()),
            Image(chance.randbytes(chance.randrange(9)), word()),
            Audio(chance.randbytes(chance.randrange(9)), chance.randrange(1, 384_001)),
            Transcript(
                word(), word(), tuple(Word(word(), number(), number(), number()) for _ in range(chance.randrange(3)))
            ),
            Reading(
                tuple(
                    TextLine(word(), (chance.randrange(-9, 9), 2, 3, 4), number()) for _ in range(chance.randrange(3))
                ),
                5,
                6,
            ),
        ]
        return chance.choice(kinds)

    settings = tuple((word(), value) for value in (True, 1, 1.0, word()))
    made = Provenance(word(), word(), word(), word(), settings, chance.choice([None, 0, 2**63]))
    figures = Metrics(((word(), number()),), chance.choice([None, number()]), 3, chance.choice([None, number()]), 4, 5)
    return Message(
        chance.choice(["system", "user", "assistant"]),
        tuple(part() for _ in range(chance.randrange(6))),
        (made,) * chance.randrange(3),
        chance.choice([None, figures]),
        chance.choice([True, False]),
    )


def test_any_message_survives_as_json_exactly() -> None:
    chance = random.Random(11)
    for _ in range(500):
        message, kept = any_message(chance), dict[str, bytes]()

        def put(data: bytes, kept: dict[str, bytes] = kept) -> str:
            kept[data.hex()] = data
            return data.hex()

        again = codec.decode(json.loads(codec.dumps(codec.encode(message, put)).encode()), kept.__getitem__)
        assert again == message
        assert repr(again) == repr(message)


def test_any_message_survives_in_the_store(store: Store) -> None:
    chance = random.Random(13)
    conversation = store.create()
    said = [any_message(chance) for _ in range(40)]
    ids = [store.add(conversation, message, None) for message in said]
    nodes = [store.node(id) for id in ids]
    assert [node.message for node in nodes if node] == said


def test_a_part_from_the_future_is_refused_by_name() -> None:
    value = {"role": "user", "parts": [{"type": "hologram", "sha256": "x"}]}
    with pytest.raises(BadInput, match="hologram") as told:
        codec.decode(value, lambda name: b"")
    assert "升级" in told.value.said("zh")


def test_a_name_from_outside_never_leads_out_of_the_folder(store: Store, tmp_path: Path) -> None:
    id = store.add(store.create(), user(Image(b"x", "image/png")), None)
    (tmp_path / "secret").write_bytes(b"secret")
    with contextlib.closing(sqlite3.connect(tmp_path / "parlor.db")) as sql, sql:
        body = '{"role":"user","parts":[{"type":"image","sha256":"../../secret","mime":"image/png"}]}'
        sql.execute("UPDATE messages SET body = ? WHERE id = ?", (body, id))
    node = store.node(id)
    assert node is not None
    assert node.message == user(Image(b"", "image/png"))


# Threads and processes


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


# A file gone bad


def test_a_damaged_database_is_set_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    file = tmp_path / "parlor.db"
    file.write_bytes(b"this was a database once " * 1000)
    store = Store(file, tmp_path / "media")
    assert store.trouble is not None
    (aside,) = tmp_path.glob("parlor.db.broken-*")
    assert aside.read_bytes() == b"this was a database once " * 1000
    assert aside.name in str(store.trouble)
    assert aside.name in store.trouble.said("zh")
    store.add(store.create(), user("works"), None)
    store.close()
    again = Store(file, tmp_path / "media")
    assert again.trouble is None
    assert len(again.conversations()) == 1
    again.close()


def test_damage_inside_the_file_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "parlor.db"
    store = Store(file, tmp_path / "media")
    for number in range(50):
        store.add(store.create(), user(f"{number} " * 500), None)
    store.close()
    data = bytearray(file.read_bytes())
    for page in range(4096, len(data), 3 * 4096):
        data[page : page + 1000] = bytes(1000)
    file.write_bytes(data)
    store = Store(file, tmp_path / "media")
    assert store.trouble is not None
    assert len(list(tmp_path.glob("parlor.db.broken-*"))) == 1
    store.close()


def test_a_database_of_a_newer_parlor_is_left_untouched(tmp_path: Path) -> None:
    file = tmp_path / "parlor.db"
    with contextlib.closing(sqlite3.connect(file)) as sql, sql:
        sql.execute("CREATE TABLE later (x)")
        sql.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = file.read_bytes()
    with pytest.raises(ParlorError, match="newer") as told:
        Store(file, tmp_path / "media")
    assert "更新版本" in told.value.said("zh")
    assert file.read_bytes() == before
    assert list(tmp_path.glob("parlor.db*")) == [file]


@contextlib.contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The system refuses to let any file of this process grow past ``size`` bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_loses_nothing(store: Store, tmp_path: Path) -> None:
    conversation = store.create()
    first = store.add(conversation, user("before"), None)
    photo = user("photo", Image(bytes(9_000_000), "image/png"))
    with files_no_larger_than(1_000_000), pytest.raises(DiskFull) as told:
        store.add(conversation, photo, first)
    assert "磁盘" in told.value.said("zh")
    assert texts(store, conversation) == ["before"]
    assert media_files(tmp_path) == []
    store.add(conversation, photo, first)
    assert store.path(conversation)[-1].message == photo


def test_a_full_database_is_told_and_loses_nothing(store: Store) -> None:
    conversation = store.create()
    answered = store.add(conversation, answer(""), None, "running")
    (pages,) = store._sql.execute("PRAGMA page_count").fetchone()
    store._sql.execute(f"PRAGMA max_page_count = {pages + 20}")
    store.update(answered, answer("so far"))
    with pytest.raises(DiskFull):
        store.update(answered, answer("word " * 1_000_000))
    assert texts(store, conversation) == ["so far"]
    store._sql.execute("PRAGMA max_page_count = 1000000")
    store.finish(answered, answer("word " * 1_000_000))
    assert texts(store, conversation) == ["word " * 1_000_000]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ParlorError, match="cannot be read or written"):
        Store(tmp_path / "file" / "parlor.db", tmp_path / "media")


def test_an_older_database_is_brought_up_to_date_with_everything_in_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "parlor.db", tmp_path / "media")
    conversation = store.create()
    store.add(conversation, user("hello"), None)
    store.close()
    again = Store(tmp_path / "parlor.db", tmp_path / "media")
    assert texts(again, conversation) == ["hello"]
    again.close()


def test_stale_pieces_of_a_crashed_write_are_swept(store: Store, tmp_path: Path) -> None:
    store.add(store.create(), user(Image(b"kept", "image/png")), None)
    (kept,) = media_files(tmp_path)
    kept.with_name(f"{'a' * 64}.{os.getpid()}.part").write_bytes(b"half")
    kept.with_name("b" * 64).write_bytes(b"nobody's")
    kept.with_name("notes.txt").write_bytes(b"not ours")
    os.utime(kept, (time.time() - 9e6,) * 2)
    store.purge()
    assert sorted(file.name for file in media_files(tmp_path)) == sorted([kept.name, "notes.txt"])
