"""What of a spoken answer was heard."""

from __future__ import annotations

import pytest

from core.turn_taking.playback import PlayedAnswer, spread
from tests.sound.noise import noise_at


def test_what_was_heard_is_the_words_that_had_sounded() -> None:
    answer = PlayedAnswer()
    answer.add("The capital of France is Paris.", noise_at(2.0))
    answer.add("It lies on the Seine.", noise_at(1.5))
    text, heard, words = answer.until(2.6)
    assert text.startswith("The capital of France is Paris. It lies")
    assert "Seine" not in text
    assert heard is not None
    assert heard.seconds == pytest.approx(2.6)
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert words[-1].end <= 2.6 + 0.5


def test_chinese_words_are_characters_with_their_punctuation() -> None:
    assert [word.text for word in spread("你好，世界。", 0.0, 1.0)] == ["你", "好，", "世", "界。"]


def test_a_second_sound_of_a_clause_belongs_to_its_words() -> None:
    answer = PlayedAnswer()
    answer.add("A clause in two sounds.", noise_at(1.0))
    answer.add("", noise_at(1.0))
    assert answer.seconds == pytest.approx(2.0)
    assert answer.until(2.0)[0] == "A clause in two sounds."
    assert "two" not in answer.until(0.7)[0]


def test_the_whole_answer_is_kept_whole() -> None:
    answer = PlayedAnswer()
    answer.add("Hello.", noise_at(1.0))
    text, heard, words = answer.until(float("inf"))
    assert (text, heard, words[-1].end) == ("Hello.", noise_at(1.0), 1.0)
