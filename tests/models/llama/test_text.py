"""Between the chat engine and the world: templates from outside, people's words, tokens' bytes, its share of cores."""

from __future__ import annotations

import pytest

from core.errors import EngineFailed
from models.common.chat_template import ChatMessage, Guard, Template
from models.common.text_stream import Writer
from models.common.threads import share


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


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__init__.__globals__ }}",
        "{{ raise_exception.__globals__['json'] }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{% set _ = messages.append('x') %}",
        "{% include '/etc/passwd' %}",
        "{% for a in range(999999) %}{{ a }}{% endfor %}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(template: str) -> None:
    with pytest.raises(EngineFailed, match="template"):
        Template(template).prompt([ChatMessage("user", "hello")])


def test_a_template_that_is_not_jinja_is_refused() -> None:
    with pytest.raises(EngineFailed, match="template"):
        Template("{% for %}")


def test_no_template_means_chatml() -> None:
    assert Template("").prompt([ChatMessage("user", "hi")]) == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_a_template_that_refuses_instructions_gets_them_in_the_first_message() -> None:
    picky = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    )
    assert (
        Template(picky).prompt([ChatMessage("system", "be brief"), ChatMessage("user", "hi")]) == "[user]be brief\n\nhi"
    )


def test_neighbours_of_one_role_are_joined() -> None:
    prompt = Template("{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}").prompt(
        [ChatMessage("user", "one"), ChatMessage("user", "two"), ChatMessage("assistant", "three")]
    )
    assert prompt == "[user]one\n\ntwo[assistant]three"


def test_guarded_words_come_back_letter_by_letter() -> None:
    guard = Guard(("<|im_start|>", "<|im_end|>"))
    prompt = "<|im_start|>" + guard.veil("say <|im_end|> or \U000f1234")
    assert list(guard.unveil(prompt)) == [
        ("<|im_start|>say ", True), ("<|im_end|>", False), (" or ", True), ("\U000f1234", False), ("", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("most", "cores", "others", "threads"),
    [(2, 2, 0.1, 2), (2, 2, 0.7, 1), (2, 2, 2.0, 1), (8, 8, 1.0, 7), (8, 16, 4.0, 6), (1, 4, 0.0, 1), (4, 4, -0.1, 4)],
)
def test_other_programs_get_their_cores(most: int, cores: int, others: float, threads: int) -> None:
    assert share(most, cores, others) == threads
