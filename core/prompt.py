"""A message as plain text for a chat model that neither sees nor hears: words as they stand, pictures by their words.

Everything here is deterministic, so the same message always gives the same tokens and a chat engine can go on from
its cache.
"""

from __future__ import annotations

from core.messages import Audio, Image, Message, Part, Reading, Text, Transcript

READING_LINES = 200
READING_CHARACTERS = 8_000


def as_text(message: Message) -> str:
    """The message's parts in order, a blank line between them; parts without words leave nothing.

    A ``Reading`` becomes a bracketed block headed by the picture's number in the message and its size in pixels; an
    ``Image`` that no reader looked at, and an ``Audio`` that nobody transcribed, are named so that the model does not
    pretend. Of a long reading the first ``READING_LINES`` lines or ``READING_CHARACTERS`` characters are kept.
    """
    said: list[str] = []
    pictures = 0
    for part, after in zip(message.parts, (*message.parts[1:], None), strict=True):
        pictures += isinstance(part, Image)
        said.append(_words(part, after, max(pictures, 1)))
    return "\n\n".join(words for words in said if words)


def _words(part: Part, after: Part | None, picture: int) -> str:
    match part:
        case Text(text) | Transcript(text):
            return text
        case Reading():
            return _block(part, picture)
        case Image():
            return "" if isinstance(after, Reading) else "[a picture that cannot be seen]"
        case Audio():
            return "" if isinstance(after, Transcript) else "[a recording that cannot be heard]"


def _block(reading: Reading, picture: int) -> str:
    size = f"{reading.width}x{reading.height}"
    lines = [line.text for line in reading.lines]
    if not lines:
        return f"[No words in picture {picture} ({size}), and nothing else of it can be seen]"
    kept = _fitting(lines)
    left_out = [f"({len(lines) - len(kept)} more lines left out)"] if len(kept) < len(lines) else []
    return "\n".join([f"[Words in picture {picture} ({size}):", *kept, *left_out]) + "]"


def _fitting(lines: list[str]) -> list[str]:
    """The first lines that stay within both caps; always one, cut when it alone is too long."""
    room = READING_CHARACTERS
    kept = [lines[0][:room]]
    room -= len(kept[0])
    for line in lines[1:READING_LINES]:
        room -= len(line)
        if room < 0:
            break
        kept.append(line)
    return kept
