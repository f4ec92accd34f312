"""What was said is found again by its words, in English and in Chinese."""

import random

import pytest

from core.store.store import Store
from core.types.messages import Audio, Image, Reading, TextLine, Transcript
from tests.core.store.conversations import answer, user


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
