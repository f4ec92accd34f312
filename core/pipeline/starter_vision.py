"""Starter vision: when the miniature model that sees is asked about a picture (VQA), and what.

``can_answer`` and ``should_describe`` decide, ``question_prompt`` and ``description_prompt`` ask. It stands in where
nothing better is installed: it knows things, not words, and answers what is there, how many, which colour, where, and
whether something is there. So a picture with words in it is for the reader and the chat model. Whatever else is said
with a picture without words ("write a poem about it") is for the chat model too, which is told what the starter sees.
"""

from __future__ import annotations

import re
from dataclasses import replace

from core.catalogue.spec import ModelSpec
from core.errors import BadInput
from core.l10n.text import l10n
from core.types.events import Notice
from core.types.messages import Image, Message, Part, Reading, Text, Transcript, Turn

LONGEST = 80  # characters of a later question that they can answer
FEWEST = 2  # letters that are words; a ring is easily read as an O
MANY = 12  # letters from which on a picture is there to be read, whatever is asked of it
STARTER_NOTICE = Notice(
    l10n(
        "The starter eyes looked at this picture. They know about 1,400 things that are drawn like emoji, and no "
        "photographs. For more, get a model that sees, on the page Models or with: "
        "python start.py models get smolvlm-500m-instruct"
    )
)
DESCRIBE = {"en": "Describe the picture.", "zh": "描述一下这张图片。"}
DEFAULT_QUESTION = {"en": "What is in the picture?", "zh": "图片里有什么？"}
ANSWERABLE = re.compile(
    r"what('s| is| are| do you see| can you see)\b.*\b(this|that|it|these|those|here|there|see|shown)\b"
    r"|\b(picture|image|photo)\b|\bhow many\b|\bcount\b|\bcolou?r\b|\bwhere('s| is| are)\b.*\b(the|it)\b"
    r"|\bbackground\b|^(is|are) there\b|\b(do|can) you see\b|\bdescribe\b.*\b(it|this|that)\b"
    r"|图|画面|照片|颜色|背景|几[个只朵]|多少|在哪|哪里|有没有|看到|看见|[这那]是什么|描述",
    re.IGNORECASE,
)
ABOUT_TEXT = re.compile(
    r"\b(says?|said|writ\w*|reads?|texts?|words?|letters?|numbers?|total)\b|字|写|读|文本", re.IGNORECASE
)


def stands_in(see: ModelSpec | None, chat: ModelSpec | None) -> bool:
    """Whether the model that sees is a miniature beside a chat model: what follows decides which of them answers."""
    return bool(see and see.miniature and see is not chat)


def can_answer(turn: Turn, history: tuple[Message, ...]) -> bool:
    """Whether the starter model can answer this turn, about the last picture that was shown."""
    earlier = (part for message in history if message.role == "user" for part in message.parts)
    letters = _letters((*earlier, *turn.parts))
    return letters is not None and letters < MANY and is_answerable(_text(turn.parts))


def should_describe(turn: Turn) -> bool:
    """Whether to describe the picture to the chat model: a wordless one, shown with what the starter cannot answer."""
    letters = _letters(turn.parts)
    return letters is not None and letters < FEWEST and not is_answerable(_text(turn.parts))


def description_prompt(question: Message, chinese: bool) -> Message:
    """What the starter model is asked before the chat model answers ``question``."""
    *_, image = question.images
    return Message("user", (image, Text(DESCRIBE["zh" if chinese else "en"])))


def insert_description(question: Message, seen: str) -> Message:
    """``question`` with what was ``seen`` in its last picture in place of it, for a model that does not see."""
    place = _last(question.parts)
    assert place is not None
    rest = question.parts[place + 1 :]
    rest = rest[1:] if rest and isinstance(rest[0], Reading) else rest
    words = Text(f"[Picture: {seen}]")
    return replace(question, parts=(*question.parts[:place], words, *rest))


def question_prompt(turn: Turn, history: tuple[Message, ...], language: str) -> Message:
    """The one message that the starter model is given: a picture and a question, nothing of what was said before.

    ``language`` is of the question where none was asked. Raises BadInput when no picture was shown.
    """
    earlier = (image for message in history if message.role == "user" for image in message.images)
    shown = [*earlier, *(part for part in turn.parts if isinstance(part, Image))]
    if not shown:
        raise BadInput(
            l10n("This model only answers questions about pictures. Show one, or choose a model that chats.")
        )
    text = _text(turn.parts) or DEFAULT_QUESTION["zh" if language == "zh" else "en"]
    return Message("user", (shown[-1], Text(text)))


def is_answerable(text: str) -> bool:
    """Whether ``text`` is a short question of the kinds that it answers, in English or Chinese, or nothing at all."""
    return not text or (len(text) <= LONGEST and bool(ANSWERABLE.search(text)) and not ABOUT_TEXT.search(text))


def _last(parts: tuple[Part, ...]) -> int | None:
    """Where the last picture stands."""
    return max((place for place, part in enumerate(parts) if isinstance(part, Image)), default=None)


def _letters(parts: tuple[Part, ...]) -> int | None:
    """How many letters and figures were read in the last picture; None without a picture."""
    place = _last(parts)
    if place is None:
        return None
    read = (part.text for part in parts[place + 1 : place + 2] if isinstance(part, Reading))
    return sum(letter.isalnum() for text in read for letter in text)


def _text(parts: tuple[Part, ...]) -> str:
    return " ".join(part.text for part in parts if isinstance(part, Text | Transcript)).strip()
