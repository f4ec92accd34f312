"""Clauses leave early, never break what belongs together, and do not depend on how the words arrived."""

from __future__ import annotations

import random
import re

import pytest

from core.text.clauses import Clauses

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


def clauses(text: str, sizes: list[int] | None = None, seed: int = 0, live: bool = False) -> list[str]:
    """All clauses of ``text`` fed in random deltas of the given sizes, or at once."""
    chance, collected, found, at = random.Random(seed), Clauses(live=live), [], 0
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


LIVE = [  # how the first clauses leave when somebody waits to hear them
    (
        "The capital of France is Paris. It is known for the Eiffel Tower and for its museums.",
        ["The capital of France ", "is Paris.", "It is known for the Eiffel Tower ", "and for its museums."],
    ),
    ("Sure, I can help you with that. First, open it.", ["Sure,", "I can help you with that.", "First, open it."]),
    ("Yes. That is right.", ["Yes.", "That is right."]),
    ("Photosynthesis is the way plants eat.", ["Photosynthesis ", "is the way plants eat."]),
    ("好的，我来帮你写一封邮件。", ["好的，", "我来帮你写一封邮件。"]),
    ("光合作用是植物利用阳光把水变成食物的过程。", ["光合作用 ", "是植物利用阳光把水变成食物的过程。"]),
    ("你可以用 Python 写程序。", ["你可以用 ", "Python 写程序。"]),
    ("西安到北京的距离大约是一千公里。", ["西安到北京的 ", "距离大约是一千公里。"]),
]


@pytest.mark.parametrize(("text", "found"), LIVE)
def test_somebody_who_waits_hears_a_few_words_first(text: str, found: list[str]) -> None:
    assert clauses(text, live=True) == found


@pytest.mark.parametrize(
    "text",
    [
        "There were about 140 million people in New York City then.",
        "Let me introduce Professor Albert Einstein to you all today.",
        "Well, it takes 3.5 hours, or 10:30 p.m. at the very latest.",
        "This is something that I have been thinking of the whole day.",
        "Go and see https://example.com/a,b or mail bob@example.com now.",
        "Now you run `git commit -m this and that` in the big terminal.",
        "但是这个问题可能需要重新考虑一下，因为现在还没有办法解决。",
        "这些都是很重要的社会问题，我们不能只在会议上讨论。",
        "机会总是留给有准备的人，所以不要放弃学习和平时的练习。",
    ],
)
def test_a_few_words_are_whole_words_that_belong_together(text: str) -> None:
    held = r"(?:\b(?:a|the|of|I|New|Professor|Albert|million|been|it|140|3\.5)|[不很最能可总]) $"
    broken = r"(?:但|可|社|机|会|现|重|总|问|不|和平|平)$"
    for clause in clauses(text, live=True)[:-1]:
        assert not re.search(held, clause), clause
        assert not re.search(broken, clause.rstrip()), clause
    whole = re.findall(r"https://\S+|bob@example\.com|`[^`]*`|10:30 p\.m\.|3\.5", text)
    assert all(any(part in clause for clause in clauses(text, live=True)) for part in whole)


@pytest.mark.parametrize("text", WHOLE)
def test_live_too_what_belongs_together_stays_together(text: str) -> None:
    parts = re.findall(
        r"`[^`]*`|\[[^\]]*\]\([^)]*\)|\$[^$]*\$|\S*\d\S*|https?:\S+|\S+@\S+|(?:[A-Z]\.)+\S*|Dr\. \w+", text
    )
    found = clauses(text, live=True)
    assert all(any(part.rstrip(",.") in clause for clause in found) for part in parts)


def test_live_clauses_grow_until_they_are_sentences() -> None:
    text = "Cats and dogs and birds live with people who like them and who feed them. " * 6
    lengths = [len(clause) for clause in clauses(text, live=True)]
    assert lengths[0] < 20
    assert lengths[1] < 45
    assert lengths[-1] == len(text) // 6 - 1


@pytest.mark.parametrize("seed", range(40))
def test_live_too_any_cut_into_deltas_gives_the_same_clauses(seed: int) -> None:
    assert clauses(ANSWER, [1, 1, 2, 3, 7, 20], seed, live=True) == clauses(ANSWER, live=True)
    chance = random.Random(seed)
    signs = [*"ab 1.,。，!?`$[]()*\n\"'<|好的是在和", "the ", "and ", "Word ", "```", "可以", "因为"]
    text = "".join(chance.choice(signs) for _ in range(chance.choice([30, 200, 900])))
    assert clauses(text, [1], live=True) == clauses(text, live=True)
    assert bare("".join(clauses(text, live=True))) == bare(text)


def test_only_a_clause_that_goes_on_keeps_a_space_at_its_end() -> None:
    found = clauses(ANSWER, live=True)
    assert any(clause.endswith(" ") for clause in found)
    assert all(clause == clause.strip() for clause in clauses(ANSWER))
    assert not any(clause.rstrip()[-1:] in ".,;:!?。，" for clause in found if clause.endswith(" "))
    assert found[-1] == found[-1].strip()


def test_a_new_text_can_follow() -> None:
    collected = Clauses()
    first = collected.feed("One two three four, and five. ") + collected.rest()
    assert collected.feed("One two three four, and five. ") + collected.rest() == first
    assert collected.rest() == []
