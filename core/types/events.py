"""Everything a turn can emit. Exceptions travel through the generators, so no event is an error."""

from __future__ import annotations

from dataclasses import dataclass

from core.types.image_request import ImageRequest
from core.types.messages import Audio, Image, Message, Word


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording has been transcribed; ``text`` is empty when nobody spoke."""

    text: str
    language: str = ""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Understood:
    """The person's message with its transcripts and readings: from here on it can be kept."""

    message: Message


@dataclass(frozen=True, slots=True)
class Delta:
    """More words of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Sound:
    """One spoken clause of the answer and the words in it; clauses come in order."""

    audio: Audio
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is going to be painted: the prompt is final, settings left to the model are still open."""

    painting: ImageRequest


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture, with how it was made in its text chunks."""

    image: Image


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage is under way. ``stage`` is download, load, listen, read, chat, prompt, paint, speak or note.

    ``fraction`` runs from 0 to 1, or is None when the end is not known; ``note`` (English) and ``note_zh`` say it
    to a person; ``preview`` is a picture taking shape.
    """

    stage: str
    fraction: float | None = None
    note: str = ""
    note_zh: str = ""
    preview: Image | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The answer, complete or cut; nothing comes after it."""

    message: Message


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing new yet: a place where whoever reads the stream can close it. Comes at least every 0.1 s; never kept."""


Event = Heard | Understood | Delta | Sound | Prompt | Picture | Progress | Done | Tick
