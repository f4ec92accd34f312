"""The words of a recording, each of which plays it from there on: what was heard can be checked by ear."""

from __future__ import annotations

from core.types.messages import Transcript
from ui.common.component import component
from ui.i18n.words import several

_heard = component(__file__, "heard")
Piece = tuple[str, float, float] | tuple[str]


def heard(key: str, transcript: Transcript, player: str) -> None:
    """Draw the words of ``transcript``; its recording's player stands in the container with the key ``player``."""
    data = {
        "pieces": pieces(transcript),
        "player": player,
        "language": transcript.language,
        "words": several("heard_words"),
    }
    _heard(key=key, data=data, height="content")


def pieces(transcript: Transcript) -> list[Piece]:
    """The whole text in order: words with their start and end in seconds, and what stands between them without.

    The text is what is shown. A word that is not found in it, as one in other characters, leaves its letters untimed.
    """
    text, found, at = transcript.text, list[Piece](), 0
    for word in transcript.words:
        letters = word.text.strip()
        start = text.find(letters, at) if letters else -1
        if start < 0:
            continue
        if text[at:start]:
            found.append((text[at:start],))
        found.append((letters, word.start, word.end))
        at = start + len(letters)
    return [*found, (text[at:],)] if text[at:] else found
