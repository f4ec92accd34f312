"""A chat's messages as one prompt, by the Jinja2 template that the model's own file carries.

The template comes from outside, so it runs in Jinja2's immutable sandbox. What it may call is what transformers
offers it ("Writing a chat template" in its documentation): ``raise_exception``, ``strftime_now``
and the ``tojson`` filter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import NoReturn

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from core.errors import EngineFailed
from core.l10n.text import l10n
from core.types.messages import Role

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PICTURES = range(0x100000, 0x10FFFD)  # supplementary private use area B: a picture's character in a prompt
ESCAPE = chr(PICTURES.stop)  # before such a character that a person wrote
REFUSALS = (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message as the template sees it."""

    role: Role
    content: str


class Template:
    """A compiled chat template; ChatML when ``source`` is empty.

    ``begin`` and ``end`` are the texts of the model's first and last token. Raises EngineFailed when the template
    cannot be compiled.
    """

    def __init__(self, source: str, begin: str = "", end: str = "") -> None:
        room = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        room.filters["tojson"] = _tojson
        room.globals |= {"raise_exception": _refuse, "strftime_now": _now, "bos_token": begin, "eos_token": end}
        try:
            self._template = room.from_string(source or CHATML)
        except REFUSALS as error:
            raise _unusable(error) from error
        hello = ChatMessage("user", "parlor?")
        self._typed = not self._says(hello, typed=False) and self._says(hello, typed=True)
        self._system = self._says(ChatMessage("system", "parlor?"), ChatMessage("user", "hello"), typed=self._typed)

    def prompt(self, messages: Iterable[ChatMessage]) -> str:
        """The text the model continues. Neighbours of one role are joined, since many templates demand alternation.

        Raises EngineFailed when the template refuses the messages or does what the sandbox forbids.
        """
        said = _joined(messages)
        if not self._system:
            said = _folded(said)
        try:
            return self._render(said, self._typed)
        except REFUSALS as error:
            raise _unusable(error) from error

    @cached_property
    def gap(self) -> str:
        """The white space between a picture and the words after it, as this template writes its own pictures.

        A line break when it does not say: it takes no lists of parts, or writes no pictures.
        """
        hello: list[dict[str, str]] = [{"type": "text", "text": "parlor?"}]
        try:
            said = self._render([ChatMessage("user", "parlor?")], self._typed)
            alone, shown = (self._filled(("user", content)) for content in (hello, [{"type": "image"}, *hello]))
        except REFUSALS:
            return "\n"
        before = shown.partition("parlor?")[0]
        if alone != said or shown == said:
            return "\n"
        return before[len(before.rstrip()) :]

    def _render(self, said: Iterable[ChatMessage], typed: bool) -> str:
        """With every content as a string or, ``typed``, as a list of one text part."""
        return self._filled(
            *((each.role, [{"type": "text", "text": each.content}] if typed else each.content) for each in said)
        )

    def _filled(self, *messages: tuple[Role, str | list[dict[str, str]]]) -> str:
        return self._template.render(
            messages=[{"role": role, "content": content} for role, content in messages], add_generation_prompt=True
        )

    def _says(self, *said: ChatMessage, typed: bool) -> bool:
        """Whether the first message comes through: some templates refuse one kind, some drop it without a word."""
        try:
            return said[0].content in self._render(said, typed)
        except REFUSALS:
            return False


class Guard:
    """Keeps a person's words from being taken for control tokens.

    Each control token's text is replaced by one private-use character before the template runs, and comes back as
    plain text when the prompt is tokenised: nobody can close their own message and speak as the system. The characters
    that stand for pictures are escaped: nobody can write one.
    """

    FIRST = 0xF0000  # supplementary private use area A
    SIZE = 0xFFFE

    def __init__(self, control: tuple[str, ...]) -> None:
        self._texts = control[: self.SIZE]
        self._numbers = {text: number for number, text in enumerate(self._texts)}
        self._control = re.compile("|".join(map(re.escape, self._texts))) if self._texts else None
        veils, pictures = f"{chr(self.FIRST)}-{chr(self.FIRST + self.SIZE - 1)}", f"{chr(PICTURES.start)}-{ESCAPE}"
        self._veiled = re.compile(f"({ESCAPE}.|[{veils}{pictures}])", re.DOTALL)
        self._picture = re.compile(f"([{pictures}])")

    def veil(self, text: str) -> str:
        text = self._picture.sub(ESCAPE + r"\1", text)
        if self._control is None:
            return text
        return self._control.sub(lambda found: chr(self.FIRST + self._numbers[found[0]]), text)

    def unveil(self, prompt: str) -> Iterable[tuple[str, bool]]:
        """The prompt in pieces, each with whether control tokens in it, or the picture it stands for, are meant."""
        for index, piece in enumerate(self._veiled.split(prompt)):
            if index % 2 == 0 or piece[0] >= chr(PICTURES.start):
                yield piece.removeprefix(ESCAPE), not piece.startswith(ESCAPE)
            elif (number := ord(piece) - self.FIRST) < len(self._texts):
                yield self._texts[number], False
            else:
                yield piece, False


def _joined(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    return [
        ChatMessage(role, "\n\n".join(each.content for each in same))
        for role, same in groupby(messages, lambda each: each.role)
    ]


def _folded(said: list[ChatMessage]) -> list[ChatMessage]:
    """The system message as the beginning of the first user message."""
    if len(said) < 2 or said[0].role != "system" or said[1].role != "user":
        return said
    return [ChatMessage("user", f"{said[0].content}\n\n{said[1].content}"), *said[2:]]


def _tojson(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _unusable(error: Exception) -> EngineFailed:
    return EngineFailed(
        l10n(
            "This model's chat template cannot be used ({error}). Choose another model, or another file of this one.",
            error=error,
        )
    )
