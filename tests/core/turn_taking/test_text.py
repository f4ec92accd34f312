"""Words that go on, words of agreement, echoes: in both languages."""

from __future__ import annotations

import pytest

from core.turn_taking.text import DOUBTFUL, PATIENT, QUICK, agrees, echoes, murmurs, patience, stops, unfinished


@pytest.mark.parametrize(
    "text",
    [
        "I would like to", "We went to the", "I need eggs, milk, and", "Well, um", "Let me think.", "because",
        "My number is 415", "My phone number is 4 1 5, 5 5 5", "It is red,", "So the thing is that I...",
        "The code is seven three", "for example", "If it rains tomorrow.", "When I get home", "Can you tell me?",
        "What is the difference between?", "如果明天下雨", "我想问一下", "虽然很贵。",
        "我想", "然后", "我要去", "因为", "嗯", "我的电话号码是 138", "我的电话是一三八零零", "苹果、香蕉、",
        "还有", "让我想想", "比如说", "那个",
    ],
)  # fmt: skip
def test_these_go_on(text: str) -> None:
    assert unfinished(text)


@pytest.mark.parametrize(
    "text",
    [
        "What time is it?", "I was born in 1990.", "My number is 415-555-2671.", "That's it.", "I like this.",
        "Who are you with?", "When is the next train?", "If it rains, what should we do?",
        "如果下雨就不去了。", "因为很贵吗",
        "There are 25 of them.", "Version 3.5 is out.", "Yes.", "I saw him yesterday.", "",
        "现在几点了？", "我住在北京。", "我的号码是 138 0013 8000。", "我有三只猫。", "好的。", "今天天气怎么样",
    ],
)  # fmt: skip
def test_these_are_complete(text: str) -> None:
    assert not unfinished(text)


def test_patience_grows_with_doubt() -> None:
    assert patience(0.9, "What time is it?") == QUICK
    assert patience(0.2, "What time is it?") == patience(0.9, "I want to") == DOUBTFUL
    assert patience(0.2, "I want to") == PATIENT
    assert patience(None, "What time is it?") == DOUBTFUL, "not judged yet"


@pytest.mark.parametrize(
    "text", ["Uh-huh.", "Yeah, yeah.", "Okay. I see.", "嗯嗯。", "对对对", "好的，明白了", "Mm-hmm"]
)
def test_agreement(text: str) -> None:
    assert agrees(text)


@pytest.mark.parametrize("text", ["Yes, but why?", "No.", "Stop.", "好的，换个话题", "", "Okay, next question", "不对"])
def test_more_than_agreement(text: str) -> None:
    assert not agrees(text)


@pytest.mark.parametrize("text", ["嗨嗨", "Ahem.", "Hai", "哎呀"])
def test_a_murmur(text: str) -> None:
    assert murmurs(text)


@pytest.mark.parametrize("text", ["No.", "Why?", "Paris?", "停。", "为什么", "不对", "Wait.", "And Berlin"])
def test_a_word_that_takes_the_floor(text: str) -> None:
    assert not murmurs(text)


@pytest.mark.parametrize("text", ["Stop.", "Be quiet!", "停。", "别说了", "Okay, stop."])
def test_a_wish_for_silence(text: str) -> None:
    assert stops(text)


@pytest.mark.parametrize("text", ["Stop at the next station?", "停车场在哪里", "Don't stop."])
def test_no_wish_for_silence(text: str) -> None:
    assert not stops(text)


def test_an_echo_is_known_by_its_words() -> None:
    said = "The capital of France is Paris, a city on the Seine."
    assert echoes("capital of France is Paris", said)
    assert not echoes("What about Berlin then?", said)
    assert not echoes("Paris?", said), "one word may well be a question"
    assert echoes("法国的首都是巴黎", "法国的首都是巴黎，它在塞纳河边。")
    assert not echoes("那德国的首都呢", "法国的首都是巴黎。")
