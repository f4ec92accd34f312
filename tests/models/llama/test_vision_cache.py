"""Pictures in the KV cache: each is encoded once, and computed again only where it stands elsewhere."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from core.runtime.protocols import Sampling
from core.types.messages import Text
from models.llama import engine as llama
from models.llama import vision as llama_vision
from models.llama.engine import Llama
from models.llama.kv_cache import offset, placeholders, stretches, tile_of
from tests.models.llama.vision_helpers import AGAIN, ASKED, SEVERAL, answered, see, talk, user, vision_spec
from tests.tiny.tiny_llava import picture

GREEDY = Sampling(temperature=0, max_tokens=12)


def test_a_picture_is_encoded_once_over_many_questions(seeing: Llama) -> None:
    history, _ = talk(seeing, "red")
    for _ in range(3):
        history = (*history, user(AGAIN))
        told = see(seeing, history)
        assert told.text == "red"
        history = (*history, answered(told.text))
    assert seeing.encoded == 1


def test_it_says_that_it_looks_only_while_it_does(seeing: Llama) -> None:
    ask = (user(picture("red"), ASKED),)
    assert "Looking at the picture" in see(seeing, ask).notes
    assert "Looking at the picture" not in see(seeing, (*ask, answered("red"), user(AGAIN))).notes


def test_a_second_question_computes_its_own_words_only(seeing: Llama) -> None:
    ask = (user(picture("red"), ASKED),)
    first = see(seeing, ask)
    second = see(seeing, (*ask, answered(first.text), user(AGAIN)))
    assert second.usage.reused_tokens >= first.usage.prompt_tokens + first.usage.answer_tokens - 1


def test_another_conversation_and_back_encodes_nothing_again(seeing: Llama) -> None:
    red, _ = talk(seeing, "red", conversation="a")
    blue, _ = talk(seeing, "blue", conversation="b")
    back = see(seeing, (*red, user(AGAIN)), "a")
    assert back.text == "red"
    assert back.usage.reused_tokens > 10
    assert see(seeing, (*blue, user(AGAIN)), "b").text == "blue"
    assert seeing.encoded == 2


def test_when_the_cache_is_gone_the_encoding_is_still_there(seeing: Llama) -> None:
    history, _ = talk(seeing, "red")
    for name in "bcdefgh":
        see(seeing, (user(Text("hello there " * 120)),), name)
    back = see(seeing, (*history, user(AGAIN)), "a")
    assert back.usage.reused_tokens < 8
    assert (back.text, seeing.encoded) == ("red", 1)


def test_encodings_are_kept_up_to_a_bound(seeing: Llama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama_vision, "KEPT_BYTES", 1)
    talk(seeing, "red", conversation="a")
    talk(seeing, "blue", conversation="b")
    elsewhere = (user(Text("hello there")), answered("hello"), user(picture("red"), ASKED))
    assert see(seeing, elsewhere, "c").text == "red"
    assert seeing.encoded == 3


def test_the_same_picture_in_another_conversation_is_not_encoded_again(seeing: Llama) -> None:
    talk(seeing, "green", conversation="a")
    assert talk(seeing, "white", "green", conversation="b")[1] == ["white", "green"]
    assert seeing.encoded == 2


def test_warm_answers_are_the_cold_ones(files: Path, seeing: Llama) -> None:
    history, warm = talk(seeing, "orange", "white", "purple")
    for turn, told in enumerate(warm):
        cold = llama.load(vision_spec(context_tokens=1024, threads=1), files)
        assert see(cold, history[: 2 * turn + 1]).text == told
        cold.close()


def test_another_picture_in_the_same_place_is_seen(seeing: Llama) -> None:
    assert see(seeing, (user(picture("red"), ASKED),)).text == "red"
    edited = see(seeing, (user(picture("green"), ASKED),))
    assert edited.text == "green"


def test_an_edit_after_a_picture_keeps_it(seeing: Llama) -> None:
    history, _ = talk(seeing, "red", "green")
    edited = see(seeing, (*history[:2], user(AGAIN)))
    assert edited.text == "red"
    assert edited.usage.reused_tokens > 10
    assert seeing.encoded == 2


def test_asking_again_gives_the_same_words(seeing: Llama) -> None:
    ask = (user(picture("yellow"), ASKED),)
    warm = {"temperature": 1.5, "seed": 5, "top_p": 1.0, "min_p": 0.0}
    first = see(seeing, ask, **warm)
    assert see(seeing, ask, **warm).text == first.text
    assert seeing.encoded == 1


def test_the_oldest_turns_are_dropped_with_their_pictures(files: Path) -> None:
    small = llama.load(vision_spec(context_tokens=256, threads=1), files)
    history, _ = talk(small, "red")
    chatter = (user(Text("x" * 220)), answered("I see no picture."))
    last = see(small, (*history, *chatter, user(picture("white"), ASKED)))
    assert (last.text, last.dropped) == ("white", 4)
    again = see(small, (*history, *chatter, user(picture("white"), ASKED), answered("white"), user(AGAIN)))
    assert (again.text, again.dropped) == ("white", 4)
    assert again.usage.reused_tokens >= last.usage.prompt_tokens
    assert small.encoded == 2
    small.close()


@pytest.mark.parametrize("items", [1, 2, 3])
def test_stopping_while_it_looks_leaves_everything_right(seeing: Llama, items: int) -> None:
    ask = (user(picture("red"), picture("blue"), picture("white"), SEVERAL),)
    stream = seeing.reply(ask, GREEDY, "a")
    assert len(list(islice(stream, items))) == items
    stream.close()
    assert see(seeing, ask).text == "red, blue and white"
    assert seeing.encoded <= 4


def test_tokens_are_computed_tile_by_tile() -> None:
    first, second = list(placeholders(0, 3)), list(placeholders(1, 2))
    pieces = list(stretches([7, 8, 9, *first, *second, *second, 5], 2))
    assert pieces == [[7, 8], [9], first, second, second, [5]]
    assert [tile_of(token) for token in second] == [1, 1]
    assert [offset(token) for token in first] == [0, 1, 2]
