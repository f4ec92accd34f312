"""The KV cache of a conversation: a question costs its new tokens only."""

from __future__ import annotations

from dataclasses import replace

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import pytest

from core.types.messages import Message
from models.llava.engine import Llava
from tests.models.llava.helpers import ASK, GREEDY, answer, said, shown
from tests.tiny.tiny_llava import (
    ASKED_ZH,
    CHINESE,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),  # peft, while it wraps a model
]


def test_further_questions_encode_no_picture_again_and_compute_only_their_own_tokens(engine: Llava) -> None:
    ask: tuple[Message, ...] = (shown("red"),)
    first = answer(engine, ask)
    for _ in range(3):
        ask = (*ask, said("assistant", first.text), said("user", "What colour is it?"))
        told = answer(engine, ask)
        assert told.text == "red"
        assert told.usage.prompt_tokens - told.usage.reused_tokens < 15
    assert engine.encoded == 1


def test_from_the_cache_comes_the_same_answer_as_without_it(opened: Llava) -> None:
    untold = replace(GREEDY, temperature=5.0, seed=4, min_p=0.0, top_p=1.0)
    ask = (shown("green"), said("assistant", "green"), shown("yellow"))
    answer(opened, ask[:1], conversation="warm")
    warm = answer(opened, ask, GREEDY, "warm")
    assert warm.usage.reused_tokens > 10
    assert answer(opened, ask, GREEDY, "cold").text == warm.text == "yellow"
    assert answer(opened, ask, untold, "warm").text == answer(opened, ask, untold, "warm").text


def test_another_picture_under_the_same_words_is_another_prompt(opened: Llava) -> None:
    assert [answer(opened, (shown(colour),)).text for colour in ("red", "blue", "red")] == ["red", "blue", "red"]


def test_an_edited_question_keeps_the_picture(engine: Llava) -> None:
    answer(engine, (shown("blue", "Tell me about it."),))
    edited = answer(engine, (shown("blue", ASK),))
    assert edited.text == "blue"
    assert edited.usage.reused_tokens > 4
    assert engine.encoded == 1


def test_a_new_conversation_about_the_same_picture_encodes_nothing(engine: Llava) -> None:
    answer(engine, (shown("white"),), conversation="one")
    assert answer(engine, (shown("white", ASKED_ZH[0]),), conversation="two").text == CHINESE["white"]
    assert engine.encoded == 1


def test_conversations_do_not_disturb_each_other(opened: Llava) -> None:
    talks = {colour: (shown(colour),) for colour in ("red", "green", "purple")}
    for colour, talk in talks.items():
        answer(opened, talk, conversation=colour)
    for colour, talk in talks.items():
        later = (*talk, said("assistant", colour), said("user", "What colour is it?"))
        told = answer(opened, later, conversation=colour)
        assert told.text == colour
        assert told.usage.reused_tokens > 10
