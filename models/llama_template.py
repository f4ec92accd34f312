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
from itertools import groupby
from typing import NoReturn

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from core.errors import EngineFailed
from core.messages import Role

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
REFUSALS = (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Said:
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
        self._system = self._takes_system()

    def prompt(self, messages: Iterable[Said]) -> str:
        """The text the model continues. Neighbours of one role are joined, since many templates demand alternation.

        Raises EngineFailed when the template refuses the messages or does what the sandbox forbids.
        """
        said = _joined(messages)
        if not self._system:
            said = _folded(said)
        try:
            return self._render(said)
        except REFUSALS as error:
            raise _unusable(error) from error

    def _render(self, said: list[Said]) -> str:
        return self._template.render(
            messages=[{"role": each.role, "content": each.content} for each in said], add_generation_prompt=True
        )

    def _takes_system(self) -> bool:
        """Some templates refuse a system message, some drop it without a word."""
        try:
            return "parlor?" in self._render([Said("system", "parlor?"), Said("user", "hello")])
        except REFUSALS:
            return False


class Guard:
    """Keeps a person's words from being taken for control tokens.

    Each control token's text is replaced by one private-use character before the template runs, and comes back as
    plain text when the prompt is tokenised: nobody can close their own message and speak as the system.
    """

    FIRST = 0xF0000  # supplementary private use area A
    SIZE = 0xFFFE

    def __init__(self, control: tuple[str, ...]) -> None:
        self._texts = control[: self.SIZE]
        self._numbers = {text: number for number, text in enumerate(self._texts)}
        self._control = re.compile("|".join(map(re.escape, self._texts))) if self._texts else None
        self._veiled = re.compile(f"([{chr(self.FIRST)}-{chr(self.FIRST + self.SIZE - 1)}])")

    def veil(self, text: str) -> str:
        if self._control is None:
            return text
        return self._control.sub(lambda found: chr(self.FIRST + self._numbers[found[0]]), text)

    def unveil(self, prompt: str) -> Iterable[tuple[str, bool]]:
        """The prompt in pieces, each with whether control tokens in it are meant."""
        for index, piece in enumerate(self._veiled.split(prompt)):
            if index % 2 == 0:
                yield piece, True
            elif (number := ord(piece) - self.FIRST) < len(self._texts):
                yield self._texts[number], False
            else:
                yield piece, False


def _joined(messages: Iterable[Said]) -> list[Said]:
    return [
        Said(role, "\n\n".join(each.content for each in same))
        for role, same in groupby(messages, lambda each: each.role)
    ]


def _folded(said: list[Said]) -> list[Said]:
    """The system message as the beginning of the first user message."""
    if len(said) < 2 or said[0].role != "system" or said[1].role != "user":
        return said
    return [Said("user", f"{said[0].content}\n\n{said[1].content}"), *said[2:]]


def _tojson(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _unusable(error: Exception) -> EngineFailed:
    return EngineFailed(
        f"This model's chat template cannot be used ({error}). Choose another model, or another file of this one.",
        f"无法使用此模型的对话模板（{error}）。请选择其他模型，或此模型的其他文件。",
    )
