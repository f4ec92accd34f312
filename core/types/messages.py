"""Messages: what is said in a conversation, frozen values that compare, hash, pickle and replay.

Audio is signed 16-bit little-endian mono PCM; times are seconds; a picture is an encoded file (PNG, JPEG, ...).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from core.types.image_request import ImageRequest
from core.types.provenance import Metrics, Provenance

Role = Literal["system", "user", "assistant"]
Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Text:
    """Words typed by a person or written by a model (Markdown)."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture file: its bytes and its MIME type (``image/png``)."""

    data: bytes = field(repr=False)
    mime: str


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound: s16le mono PCM at ``rate`` Hz."""

    pcm: bytes = field(repr=False)
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / self.rate


def concatenate(sounds: Sequence[Audio]) -> Audio:
    """At least one sound, one after another; all of the rate of the first."""
    return Audio(b"".join(sound.pcm for sound in sounds), sounds[0].rate)


@dataclass(frozen=True, slots=True)
class Word:
    """One heard word; ``start`` and ``end`` in seconds from the recording's first sample."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a transcriber heard in the ``Audio`` before it; ``language`` is an ISO 639-1 code, empty when unknown."""

    text: str
    language: str = ""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of words in a picture: its box (left, top, right, bottom) in pixels and the reader's score, 0 to 1."""

    text: str
    box: tuple[int, int, int, int]
    score: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader found in the ``Image`` before it, in reading order."""

    lines: tuple[TextLine, ...]
    width: int
    height: int

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)


Part = Text | Image | Audio | Transcript | Reading


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``made_by`` names every model that had a hand in it, the author of its words first.

    ``cut`` is true for an answer that ended early: stopped, or its model or the app went away.
    """

    role: Role
    parts: tuple[Part, ...]
    made_by: tuple[Provenance, ...] = ()
    figures: Metrics | None = None
    cut: bool = False

    @property
    def text(self) -> str:
        """The words a person reads: typed, written and heard, without what a reader found in pictures."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, Text | Transcript) and part.text)

    @property
    def images(self) -> Iterator[Image]:
        return (part for part in self.parts if isinstance(part, Image))


@dataclass(frozen=True, slots=True)
class Turn:
    """What a person hands over at once.

    ``draw`` forces (True) or forbids (False) a picture; None lets the router judge. ``speak`` asks for the answer's
    sound. ``language`` (``en``, ``zh``) asks for an answer in it; empty leaves that to the model. ``image_request``
    says how a picture is to be made; with a prompt in it, that prompt is used as it stands.
    """

    parts: tuple[Part, ...]
    draw: bool | None = None
    speak: bool = False
    language: str = ""
    image_request: ImageRequest | None = None
