"""Whisper's segments as values of ``core`` (``segment``): times in the recording, Mandarin in the script asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from core.types.generation import Aligned, Segment
from core.types.messages import Word
from models.whisper.chinese_script import convert_script
from models.whisper.repetition import without_loops
from models.whisper.speech_spans import RATE


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech in one language, from ``start`` to ``end`` in samples."""

    start: int
    end: int
    language: str


def segment(heard: Any, stretch: Stretch, script: str) -> Segment:
    """A decoded segment, its times counted from the recording's start."""
    first, last = stretch.start / RATE, stretch.end / RATE

    def at(seconds: float) -> float:
        return min(first + float(seconds), last)

    said = without_loops(tuple((word.word, word) for word in heard.words))
    timed = tuple(Word(word.word, at(word.start), at(word.end), float(word.probability)) for _, word in said)
    words = convert_words(timed, stretch.language, script)
    return Segment("".join(word.text for word in words), at(heard.start), at(heard.end), stretch.language, words)


def convert_words(words: tuple[Word, ...], language: str, script: str) -> tuple[Word, ...]:
    """Mandarin ``words`` in the characters of ``script``; those of other languages as they are."""
    if language != "zh":
        return words
    texts = convert_script([word.text for word in words], script)
    return tuple(replace(word, text=text) for word, text in zip(words, texts, strict=True))


def merge(segments: list[Segment], words: bool) -> Iterator[Segment | Aligned]:
    """All of them as one Segment in the first one's language and, with ``words``, the words as one Aligned."""
    if segments:
        text = "".join(one.text for one in segments)
        yield Segment(text, segments[0].start, segments[-1].end, segments[0].language)
        if words:
            yield Aligned(tuple(word for one in segments for word in one.words))
