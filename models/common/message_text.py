"""Messages as a chat model gets them: words alone (``as_text``), or its pictures too if it sees (``as_seen``).

Everything here is deterministic, so the same message always gives the same tokens and a chat engine can go on from
its cache.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.types.messages import Audio, Image, Message, Part, Reading, Role, Text, Transcript

READING_LINES = 200
READING_CHARACTERS = 8_000


def as_text(message: Message) -> str:
    """The message's parts in order, a blank line between them; parts without words leave nothing.

    A ``Reading`` becomes a bracketed block headed by the picture's number in the message and its size in pixels; an
    ``Image`` that no reader looked at, and an ``Audio`` that nobody transcribed, are named so that the model does not
    pretend; a picture that Parlor drew is told by its prompt. Of a long reading the first ``READING_LINES`` lines or
    ``READING_CHARACTERS`` characters are kept.
    """
    said: list[str] = []
    pictures = 0
    drawn = drawings(message)
    for part, after in zip(message.parts, (*message.parts[1:], None), strict=True):
        pictures += isinstance(part, Image)
        told = isinstance(part, Image) and pictures <= len(drawn)
        said.append(drawn[pictures - 1] if told else _words(part, after, max(pictures, 1)))
    return "\n\n".join(words for words in said if words)


def as_seen(messages: Iterable[Message]) -> tuple[tuple[Role, tuple[str | Image, ...]], ...]:
    """A conversation for a model that sees: roles, words, and pictures where they stand.

    A picture that Parlor drew goes into the person's next message, since chat templates refuse pictures from an
    assistant; in its own place stays its prompt.
    """
    seen: list[tuple[Role, tuple[str | Image, ...]]] = []
    drawn: tuple[Image, ...] = ()
    for message in messages:
        if message.role == "assistant":
            drawn += tuple(image for image in message.images if image.data)
            seen.append((message.role, tuple(words for words in (as_text(message),) if words)))
        elif message.role == "user":
            seen.append((message.role, drawn + as_parts(message, len(drawn))))
            drawn = ()
        else:
            seen.append((message.role, as_parts(message)))
    return tuple(seen)


def as_parts(message: Message, shown: int = 0) -> tuple[str | Image, ...]:
    """The message's pictures as they are, and all else in words, in order.

    What was read in a picture stays beside it, because small models read badly; it is numbered by the picture's place
    after the ``shown`` pictures that stand before this message's own. A picture without its bytes is named in words.
    """
    parts: list[str | Image] = []
    pictures = shown
    for part, after in zip(message.parts, (*message.parts[1:], None), strict=True):
        pictures += isinstance(part, Image)
        if isinstance(part, Image) and part.data:
            parts.append(part)
        elif not isinstance(part, Reading) or part.lines:
            parts.append(_words(part, None if isinstance(part, Image) else after, max(pictures, 1)))
    return tuple(part for part in parts if part)


def drawings(message: Message) -> list[str]:
    """What each of the pictures shows that Parlor drew for ``message``, in order."""
    prompts = (dict(made.settings).get("prompt", "") for made in message.made_by if made.stage == "paint")
    return [f"[A picture drawn for them: {prompt}]" for prompt in prompts]


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
