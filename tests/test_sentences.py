"""Clauses leave early, never break what belongs together, and do not depend on how the words arrived."""

from __future__ import annotations

import random

import pytest

from core.sentences import Clauses

ANSWER = """Sure, here's how it works, step by step. Pi is 3.14, and 1,000 people met Dr. Smith at 10:30 \
a.m. in the U.S. last year. See https://example.com/a?b=1,2 or write to bob@example.com. Open main.py, then... \
wait for v1.2.3! "Really?" Yes.

1. First item, which is short.
2. Second item
- bullet `print("a. b, c")` done

```python
x = 1.
print("hi. there")
```

| a | b |
|---|---|
| 1 | 2 |

## A heading
The $x, y$ formula costs $5, and $6 more. [A link, here. Yes](http://x.y) ends it.

当然可以！今天天气很好,我们一起去公园。**注意：**圆周率是3.14，时间是10:30。他说：“你好。”然后走了。
"""

WHOLE = [  # never cut inside
    "It costs 3.14 or 1,000 or 10:30 altogether, more or less.",
    "Ask Dr. Smith about it.",
    "Fruit, e.g. apples, is good for everyone who eats it.",
    "The U.S. economy grew a little.",
    "It happened at 3 p.m. and nobody saw it.",
    "See https://example.com/a,b;c?d=1:2 for everything.",
    "Write to bob.b@example.com today.",
    "Run main.py with version 1.2.3 now.",
    "Well... maybe it is so.",
    "Call `f(a, b); g(c). h()` once.",
    "Read [this. It is, well, good](http://x.y/a,b) soon.",
    "So $a, b; c. D$ holds.",
    "J. R. R. Tolkien wrote it.",
    "1. The first item.",
    "圆周率是3.14左右",
    "时间是10：30开始",
]


def clauses(text: str, sizes: list[int] | None = None, seed: int = 0) -> list[str]:
    """All clauses of ``text`` fed in random deltas of the given sizes, or at once."""
    chance, collected, found, at = random.Random(seed), Clauses(), [], 0
    while at < len(text):
        size = chance.choice(sizes) if sizes else len(text)
        found += collected.feed(text[at : at + size])
        at += size
    return found + collected.rest()


def bare(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("text", WHOLE)
def test_what_belongs_together_stays_together(text: str) -> None:
    assert clauses("This is the very beginning, of something.\n" + text)[-1] == text


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Sure, here is how it works, step by step. Then", "Sure, here is how it works,"),
        ("Hello there! How are you today", "Hello there!"),
        ("当然可以！我来帮你看看这个问题。", "当然可以！"),
        ("好的，我来帮你看看，这个问题不难", "好的，我来帮你看看，"),
        ("こんにちは。お元気ですか。", "こんにちは。"),
        ("नमस्ते दुनिया। आप कैसे हैं", "नमस्ते दुनिया।"),
    ],
)
def test_the_first_clause_leaves_as_soon_as_it_can_be_said(text: str, first: str) -> None:
    assert Clauses().feed(text)[:1] == [first]


def test_later_clauses_are_whole_sentences() -> None:
    text = "Yes, that is right. " + "The cat, the dog, and the bird sat down, as they do, on a Sunday. " * 3
    assert clauses(text)[-1] == "The cat, the dog, and the bird sat down, as they do, on a Sunday."


@pytest.mark.parametrize("text", ["word " * 400, "字" * 500, "a clause with a comma, " * 40, "这是一个分句，" * 60])
def test_no_clause_is_too_long_to_be_said_well(text: str) -> None:
    found = clauses(text)
    assert max(len(clause) for clause in found) <= 310
    assert bare("".join(found)) == bare(text)


def test_items_rows_headings_and_code_are_clauses_of_their_own() -> None:
    found = clauses(ANSWER)
    for piece in (
        "1. First item, which is short.",
        "2. Second item",
        '- bullet `print("a. b, c")` done',
        '```python\nx = 1.\nprint("hi. there")\n```',
        "| a | b |",
        "## A heading",
    ):
        assert piece in found


def test_code_that_never_closes_is_one_piece() -> None:
    assert clauses("Look:\n```py\na. b\n\nc, d. E") == ["Look:", "```py\na. b\n\nc, d. E"]


def test_the_clauses_give_back_the_text() -> None:
    assert bare("".join(clauses(ANSWER))) == bare(ANSWER)


@pytest.mark.parametrize("seed", range(40))
def test_any_cut_into_deltas_gives_the_same_clauses(seed: int) -> None:
    assert clauses(ANSWER, [1, 1, 2, 3, 7, 20], seed) == clauses(ANSWER)


@pytest.mark.parametrize("seed", range(60))
def test_the_same_holds_for_any_text_at_all(seed: int) -> None:
    chance = random.Random(seed)
    signs = [*"ab 1.,。，!?`$[]()*\n\"'\\~好:的-", "```", "$$", "\\[", "word "]
    text = "".join(chance.choice(signs) for _ in range(chance.choice([30, 200, 900])))
    found = clauses(text)
    assert clauses(text, [1]) == found
    assert bare("".join(found)) == bare(text)


def test_a_new_text_can_follow() -> None:
    collected = Clauses()
    first = collected.feed("One two three four, and five. ") + collected.rest()
    assert collected.feed("One two three four, and five. ") + collected.rest() == first
    assert collected.rest() == []
