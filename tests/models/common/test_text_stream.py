"""Tokens' bytes as text: whole characters, and nothing of a stop word."""

from __future__ import annotations

import pytest

from models.common.text_stream import Writer


def test_characters_split_over_tokens_come_out_whole() -> None:
    writer, text = Writer(), "你好，🌊 ok"
    pieces = [writer.push(bytes([byte])) for byte in text.encode()]
    assert [piece for piece in pieces if piece] == list(text)
    assert writer.exact


def test_half_a_character_at_the_end_is_left_out() -> None:
    writer = Writer()
    assert writer.push("好".encode()[:2]) + writer.flush() == ""
    assert not writer.exact


def test_broken_bytes_become_replacement_characters_not_errors() -> None:
    writer = Writer()
    assert writer.push(b"\xff\xfea") == "\ufffd\ufffda"
    assert not writer.exact


@pytest.mark.parametrize(
    ("pieces", "stop", "shown"),
    [
        (["one EN", "D two"], ("END",), "one "),
        (["one EN", "TER"], ("END",), "one ENTER"),
        (["a", "b", "c", "d"], ("cd", "bc"), "a"),
        (["aaa", "b"], ("aab",), "a"),
        (["停", "止吧"], ("停止",), ""),
        (["ends with E"], ("END",), "ends with E"),
    ],
)
def test_a_stop_word_ends_the_answer_and_is_never_shown(pieces: list[str], stop: tuple[str, ...], shown: str) -> None:
    writer = Writer(stop)
    out = ""
    for piece in pieces:
        out += writer.push(piece.encode())
        if writer.stopped:
            break
    assert out + writer.flush() == shown
