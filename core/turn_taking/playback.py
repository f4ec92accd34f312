"""Playback: ``PlayedAnswer`` has the clauses of a spoken answer; ``until`` is what was heard of it by then."""

from __future__ import annotations

import re
from bisect import bisect
from dataclasses import dataclass, field
from itertools import accumulate

from core.text.script import HAN, KANA
from core.types.messages import Audio, Word, concatenate

# A word of a language with spaces, or one character of one without, with what follows it.
_UNSPACED = f"{HAN}{KANA}"
_WORD = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)[^\w\s{_UNSPACED}]*")


@dataclass(slots=True)
class PlayedAnswer:
    """The clauses of one answer in order: words and sound. A sound without words belongs to the clause before it."""

    clauses: list[tuple[str, list[Audio]]] = field(default_factory=list)

    def add(self, text: str, sound: Audio) -> None:
        if text or not self.clauses:
            self.clauses.append((text, [sound]))
        else:
            self.clauses[-1][1].append(sound)

    @property
    def seconds(self) -> float:
        return sum(sound.seconds for _, sounds in self.clauses for sound in sounds)

    def around(self, seconds: float) -> str:
        """The clauses that can be heard about then: the one that sounds, and its neighbours."""
        ends = list(accumulate(sum(sound.seconds for sound in sounds) for _, sounds in self.clauses))
        index = bisect(ends, seconds)
        return " ".join(text for text, _ in self.clauses[max(0, index - 1) : index + 2])

    def until(self, seconds: float) -> tuple[str, Audio | None, tuple[Word, ...]]:
        """The words heard by then, their sound, and their times from its start.

        The times of words inside a clause are spread by their letters: no engine tells them.
        """
        words: list[Word] = []
        at = 0.0
        for text, sounds in self.clauses:
            length = sum(sound.seconds for sound in sounds)
            words += [word for word in spread(text, at, at + length) if (word.start + word.end) / 2 <= seconds]
            at += length
        text = "".join(word.text for word in words).strip()
        sound = concatenate([sound for _, sounds in self.clauses for sound in sounds]) if self.clauses else None
        if sound and seconds < sound.seconds:
            sound = Audio(sound.pcm[: 2 * round(seconds * sound.rate)], sound.rate)
        return text, sound, tuple(words)


def spread(text: str, start: float, end: float) -> list[Word]:
    """The words of a clause, each with a share of its time as large as its share of the letters."""
    pieces = _WORD.findall(f" {text.strip()}" if text and text[0].isascii() else text)
    whole = sum(map(_weight, pieces))
    words, at = [], start
    for piece in pieces:
        took = (end - start) * _weight(piece) / whole
        words.append(Word(piece, round(at, 3), round(at + took, 3), 1.0))
        at += took
    return words


def _weight(piece: str) -> int:
    """A Chinese character takes about as long to say as three Latin letters."""
    return sum(1 if letter.isascii() else 3 for letter in piece.strip()) + 1
