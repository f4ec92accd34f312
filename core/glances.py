"""When miniature eyes look at a picture, and what they are asked.

They know things, not words, and answer what is there, how many, which colour, where, and whether something is there.
So a picture with words in it is for the reader and the chat model, and so is every question of another kind.
"""

from __future__ import annotations

import re

from core.errors import BadInput
from core.events import Progress
from core.messages import Image, Message, Part, Reading, Text, Transcript, Turn

LONGEST = 80  # characters of a later question that they can answer
FEWEST = 2  # letters that are words; a ring is easily read as an O
MANY = 12  # letters from which on a picture is there to be read, whatever is asked of it
NOTE = Progress(
    "note",
    None,
    "The starter eyes looked at this picture. They know about 1,400 things that are drawn like emoji, and no "
    "photographs. For more, get a model that sees, on the page Models or with: "
    "python start.py models get smolvlm-500m-instruct",
    "这张图片由入门之眼查看：它只认识约 1400 种表情符号风格的事物，不认识照片。"
    "如需更多，请在“模型”页面或用此命令获取看图模型：python start.py models get smolvlm-500m-instruct",
)
UNASKED = {"en": "What is in the picture?", "zh": "图片里有什么？"}
ASKED = re.compile(
    r"what('s| is| are| do you see| can you see)\b.*\b(this|that|it|these|those|here|there|see|shown)\b"
    r"|\b(picture|image|photo)\b|\bhow many\b|\bcount\b|\bcolou?r\b|\bwhere('s| is| are)\b.*\b(the|it)\b"
    r"|\bbackground\b|^(is|are) there\b|\b(do|can) you see\b|\bdescribe\b.*\b(it|this|that)\b"
    r"|图|画面|照片|颜色|背景|几[个只朵]|多少|在哪|哪里|有没有|看到|看见|[这那]是什么|描述",
    re.IGNORECASE,
)
OF_WORDS = re.compile(
    r"\b(says?|said|writ\w*|reads?|texts?|words?|letters?|numbers?|total)\b|字|写|读|文本", re.IGNORECASE
)


def glance(turn: Turn, history: tuple[Message, ...]) -> Image | None:
    """The picture that miniature eyes are to look at for this turn; None where they are of no use."""
    earlier = (part for message in history if message.role == "user" for part in message.parts)
    parts: tuple[Part, ...] = (*earlier, *turn.parts)
    shown = [(at, part) for at, part in enumerate(parts) if isinstance(part, Image)]
    if not shown:
        return None
    place, image = shown[-1]
    letters = sum(_letters(part) for part in parts[place + 1 : place + 2] if isinstance(part, Reading))
    now = any(isinstance(part, Image) for part in turn.parts)
    theirs = asks_of_picture(_text(turn.parts))
    return image if letters < MANY and (theirs or (now and letters < FEWEST)) else None


def asked(turn: Turn, history: tuple[Message, ...], language: str) -> Message:
    """The one message that miniature eyes are given: a picture and a question, nothing of what was said before.

    ``language`` is of the question where none was asked. Raises BadInput when no picture was shown.
    """
    earlier = (image for message in history if message.role == "user" for image in message.images)
    shown = [*earlier, *(part for part in turn.parts if isinstance(part, Image))]
    if not shown:
        raise BadInput(
            "This model only answers questions about pictures. Show one, or choose a model that chats.",
            "该模型只回答与图片有关的问题。请提供图片，或选择聊天模型。",
        )
    text = _text(turn.parts) or UNASKED["zh" if language == "zh" else "en"]
    return Message("user", (shown[-1], Text(text)))


def asks_of_picture(text: str) -> bool:
    """Whether ``text`` is a short question of the kinds that they answer, in English or Chinese, or nothing at all."""
    return not text or (len(text) <= LONGEST and bool(ASKED.search(text)) and not OF_WORDS.search(text))


def _letters(reading: Reading) -> int:
    return sum(letter.isalnum() for letter in reading.text)


def _text(parts: tuple[Part, ...]) -> str:
    return " ".join(part.text for part in parts if isinstance(part, Text | Transcript)).strip()
