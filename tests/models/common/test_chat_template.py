"""Chat templates from outside: their sandbox, their pictures, and what people type that looks like a token."""

from __future__ import annotations

import pytest

from core.errors import EngineFailed
from models.common.chat_template import ChatMessage, Guard, Template


def test_an_escaped_character_comes_back_as_it_was() -> None:
    guard = Guard(("<image>",))
    typed = "a\U00100005b\U0010fffdc<image>"
    pieces = list(guard.unveil(guard.veil(typed)))
    assert "".join(piece for piece, _ in pieces) == typed
    assert {piece for piece, meant in pieces if meant} <= {"a", "b", "c", ""}


TYPED_ONLY = (
    "{% for m in messages %}<|im_start|>{{ m.role }}:{% for part in m.content %}"
    "{% if part.type == 'image' %}<image>{% elif part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}"
    "{% if not loop.last %}{{ '\\n' }}{% endif %}{% endfor %}"
)


def test_a_template_that_wants_parts_gets_parts() -> None:
    prompt = Template(TYPED_ONLY).prompt([ChatMessage("user", "hi"), ChatMessage("assistant", "ho")])
    assert prompt == "<|im_start|>user:hi\n<|im_start|>assistant:ho"


def test_a_template_of_strings_gets_its_pictures_on_lines_of_their_own() -> None:
    assert Template("{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}").gap == "\n"


@pytest.mark.parametrize(
    ("written", "gap"),
    [("<image>\n", "\n"), ("<|vision_start|><|vision_end|>", ""), ("<image>\n\n", "\n\n"), ("", "\n")],
)
def test_the_space_after_a_picture_is_the_templates_own(written: str, gap: str) -> None:
    assert Template(TYPED_ONLY.replace("<image>", "{{ '" + written.replace("\n", "\\n") + "' }}")).gap == gap


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
