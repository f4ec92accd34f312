"""A conversation with pictures as the tokens of a prompt, by the chat template in the model's folder.

transformers renders the template, in its sandbox; pictures are its own image tokens. Words that look like control or
image tokens are veiled while that happens and come back as plain text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

from core.errors import BadInput, EngineFailed
from core.l10n.text import l10n
from core.types.messages import Image, Message
from models.common.chat_template import CHATML, ESCAPE, PICTURES, REFUSALS, ChatMessage, Guard
from models.common.history import counted, fits
from models.common.message_text import as_seen
from models.llava.vision import ImageEncoder, PictureTokens

# For folders without a template, by the language model in them, as their makers' documentation writes them: LLaVA 1.5
# and 1.6 on Vicuna, 1.6 on Mistral, OneVision on Qwen2.
VICUNA = (
    "{% for message in messages %}{% if message.role == 'system' %}{{ message.content + ' ' }}"
    "{% elif message.role == 'user' %}{{ 'USER: ' + message.content + ' ' }}"
    "{% else %}{{ 'ASSISTANT: ' + message.content + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
INST = (
    "{% for message in messages %}{% if message.role == 'user' %}{{ '[INST] ' + message.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + message.content + eos_token }}{% endif %}{% endfor %}"
)
FAMILIES = {"mistral": INST, "mixtral": INST, "qwen2": CHATML, "qwen3": CHATML}

_PICTURE = re.compile(f"(?<!{ESCAPE})([{chr(PICTURES.start)}-{chr(PICTURES.stop - 1)}])")


@dataclass(frozen=True, slots=True)
class LlavaPrompt:
    """Token ids, image tokens among them as negative numbers, and how many messages were left out."""

    tokens: list[int]
    dropped: int


class Prompter:
    """Makes prompts for one processor; ``language`` is the model type of its language model (``llama``, ``qwen2``)."""

    def __init__(self, processor: Any, encoder: ImageEncoder, language: str) -> None:
        self._processor = processor
        self._tokenizer = processor.tokenizer
        self._encoder = encoder
        self._source, self._typed = _template(processor, language)
        self._guard = Guard(_control(processor))
        self._first = self._tokenizer.encode("", add_special_tokens=True)[:1]
        self._count = lru_cache(maxsize=4096)(lambda text: counted(text, self._tokens))
        self._shown: dict[str, PictureTokens] = {}
        self._system = self._takes_system()

    def fit_messages(self, messages: Sequence[Message], room: int) -> LlavaPrompt:
        """The prompt of at most ``room`` tokens, the oldest turns left out where it would be longer.

        Raises BadInput when there is nothing to answer, when the last message alone is too long, and for a picture
        that cannot be opened; EngineFailed when the template cannot be used.
        """
        if not any(message.role == "user" for message in messages):
            raise BadInput(l10n("There is nothing to answer. Write a message first."))
        for fit in fits(self._chat_messages(messages), room, self._count):
            tokens = self._tokens(self._render_joined(fit.messages))
            if tokens[:1] != self._first:
                tokens = self._first + tokens
            if len(tokens) <= room:
                return LlavaPrompt(tokens, fit.dropped)
        raise AssertionError("fits() ends by raising")

    def _chat_messages(self, messages: Sequence[Message]) -> list[ChatMessage]:
        """Words veiled, and a character for each picture: pictures first, as the families were taught."""
        seen = as_seen(messages)
        images = [part for _, parts in seen for part in parts if isinstance(part, Image)]
        shown = self._encoder.look(images)
        self._shown = {_character(each): each for each in shown}
        pictures = iter(shown)
        said = []
        for role, parts in seen:
            before = "".join(_character(next(pictures)) for part in parts if isinstance(part, Image))
            words = "\n\n".join(self._guard.veil(part) for part in parts if isinstance(part, str))
            said.append(ChatMessage(role, before + words))
        return said

    def _render_joined(self, said: Sequence[ChatMessage]) -> str:
        """The template's text, the template's own image tokens replaced by the pictures' characters."""
        joined = [
            ChatMessage(role, "\n\n".join(each.content for each in same))
            for role, same in groupby(said, lambda each: each.role)
        ]
        if not self._system and len(joined) > 1 and joined[0].role == "system":
            joined = [ChatMessage("user", f"{joined[0].content}\n\n{joined[1].content}"), *joined[2:]]
        pictures = [each for one in joined for each in _PICTURE.findall(one.content)]
        pieces = self._render(joined).split(self._processor.image_token)
        if len(pieces) != len(pictures) + 1:
            raise _unusable(f"it shows {len(pieces) - 1} of {len(pictures)} pictures")
        return "".join(piece + picture for piece, picture in zip(pieces, [*pictures, ""], strict=True))

    def _render(self, said: Sequence[ChatMessage]) -> str:
        conversation = [{"role": each.role, "content": self._content(each.content)} for each in said]
        try:
            text: str = self._processor.apply_chat_template(
                conversation, chat_template=self._source, add_generation_prompt=True
            )
        except REFUSALS as error:
            raise _unusable(str(error)) from error
        return text

    def _content(self, text: str) -> str | list[dict[str, str]]:
        """As the template takes it: a list of parts, or a string with image tokens in it."""
        if not self._typed:
            return _PICTURE.sub(lambda found: self._processor.image_token + "\n", text)
        pieces = _PICTURE.split(text)
        return [
            {"type": "image"} if index % 2 else {"type": "text", "text": piece}
            for index, piece in enumerate(pieces)
            if index % 2 or piece
        ]

    def _takes_system(self) -> bool:
        """Some templates refuse a system message, some drop it without a word."""
        try:
            return "parlor?" in self._render([ChatMessage("system", "parlor?"), ChatMessage("user", "hello")])
        except EngineFailed:
            return False

    def _tokens(self, text: str) -> list[int]:
        tokens: list[int] = []
        for piece, meant in self._guard.unveil(text):
            if meant and piece in self._shown:
                tokens += self._shown[piece].tokens
                continue
            parted = not meant and len(piece) > 1  # so that no control token is left to be found in it
            for part in (piece[:1], piece[1:]) if parted else (piece,):
                tokens += self._encoded(part, first=not tokens)
        return tokens

    def _encoded(self, part: str, first: bool) -> list[int]:
        """The tokens of a part of the prompt. Llama's tokeniser puts a space before what a text begins with.

        So what is not the prompt's ``first`` part is encoded with an image token before it.
        """
        if first:
            return list(self._tokenizer.encode(part, add_special_tokens=False))
        return list(self._tokenizer.encode(self._processor.image_token + part, add_special_tokens=False)[1:])


def _character(shown: PictureTokens) -> str:
    return chr(PICTURES[shown.number % len(PICTURES)])


def _control(processor: Any) -> tuple[str, ...]:
    """The texts of all tokens that a person's words must not be taken for, longest first."""
    tokenizer = processor.tokenizer
    texts = {*tokenizer.get_added_vocab(), *tokenizer.all_special_tokens, processor.image_token} - {""}
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))


def _template(processor: Any, language: str) -> tuple[str, bool]:
    """The template's source, and whether it takes content as a list of parts."""
    for owner in (processor, processor.tokenizer):
        source = owner.chat_template
        source = source.get("default", "") if isinstance(source, dict) else source
        if source:
            return source, owner is processor
    return FAMILIES.get(language, VICUNA), False


def _unusable(why: str) -> EngineFailed:
    return EngineFailed(
        l10n(
            "This model's chat template cannot be used ({why}). Choose another model, or another version of this one.",
            why=why,
        )
    )
