"""Repetition loops, Whisper's known fault: a decoder that writes again what was said once."""

from __future__ import annotations

from typing import Any

REPEATS = 4
SHORT_HAN = 4  # characters
TWICE = 8  # letters: a whole sentence of this length and more written twice was said once (1 clip of 66)


def is_doubled(text: str) -> bool:
    """Whether ``text`` is one phrase and the same phrase again, which a decoder may write of one that was said once."""
    letters = "".join(letter for letter in text if letter.isalnum())
    half, odd = divmod(len(letters), 2)
    return half >= TWICE and not odd and letters[:half] == letters[half:]


def is_looped(text: str) -> bool:
    """Whether ``text`` is one phrase said over, to its end or cut short: a sign to look again, not a proof.

    Unlike ``is_doubled`` it takes short phrases and unfinished ones: 请再说一遍请再说一遍, "I say it I say it I s".
    """
    letters = "".join(letter for letter in text.casefold() if letter.isalnum())
    shortest = SHORT_HAN if any("\u4e00" <= letter <= "\u9fff" for letter in letters) else TWICE
    periods = range(shortest, len(letters) // 2 + 1)
    return any(letters[period:] == letters[:-period] for period in periods)


def without_loops(words: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
    """``words`` with any phrase that comes more than ``REPEATS`` times running said once: Whisper's known loop."""
    at = 0
    while at < len(words):
        for length in range(1, (len(words) - at) // (REPEATS + 1) + 1):
            phrase = [text for text, _ in words[at : at + length]]
            again = at + length
            while [text for text, _ in words[again : again + length]] == phrase:
                again += length
            if again - at > REPEATS * length:
                words = words[: at + length] + words[again:]
                break
        at += 1
    return words
