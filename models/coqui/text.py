"""Text for a Coqui voice (``pieces``): whole sentences, each in one of the languages that the model has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.formats.coqui import iso
from core.text.clauses import Clauses
from core.text.normalise import plain, spoken

BREAKS = " ,;:、，；："


@dataclass(frozen=True, slots=True)
class SpokenPiece:
    """Words to say at once. ``language`` is the model's own name of it, empty for a model that names none."""

    text: str
    language: str


def pieces(text: str, language: str, languages: tuple[str, ...]) -> Iterator[SpokenPiece]:
    """``text`` (plain or Markdown) sentence by sentence, cut further where the script changes.

    ``language`` is an ISO 639-1 code, empty to judge by the script; ``languages`` are the model's own names, none for a
    model that reads whatever its letters are. What is in a language that the model does not have is left out.
    Numbers are written out in English and Chinese; other languages keep their figures.
    """
    whole = match_language(language, languages)
    if languages and not whole and not any(match_language(known, languages) for known in ("en", "zh")):
        whole = languages[0]
    clauses = Clauses(said=2)
    for clause in clauses.feed(text) + clauses.rest():
        if whole and iso(whole) not in ("en", "zh"):
            yield SpokenPiece(plain(clause), whole)
            continue
        for run in spoken(clause, language):
            if (found := match_language(run.language, languages)) or not languages:
                yield SpokenPiece(run.text, found)


def match_language(language: str, languages: tuple[str, ...]) -> str:
    """The model's name for ``language``: ``zh-cn`` for ``zh``; empty when it has none."""
    if language in languages:
        return language
    return next((name for name in languages if language and iso(name) == iso(language)), "")


def parts(text: str, longest: int) -> Iterator[str]:
    """``text`` in parts of at most ``longest`` characters, cut behind a mark or a word where there is one."""
    while len(text) > longest:
        end = max(text.rfind(sign, 0, longest) for sign in BREAKS) + 1 or longest
        yield text[:end].strip()
        text = text[end:]
    if text := text.strip():
        yield text
