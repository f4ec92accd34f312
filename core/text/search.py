"""Tokenisation for full-text search, in English and Chinese: ``indexed`` and ``query``; and titles.

SQLite's tokeniser sees a run of Chinese as one word. Here every ideograph, kana and symbol is set apart by a control
character, which the tokeniser takes for a gap; a word of any length is then a phrase, and taking the character out
again gives back the text as it was.
"""

from __future__ import annotations

import re
import unicodedata

from core.text.script import HAN, KANA
from core.text.width import _CONTROLS, one_line, shortened
from core.types.messages import Message, Reading, Text, Transcript

MARK_START, MARK_END = "\x02", "\x03"
TITLE_COLUMNS = 40
QUERY_CHARACTERS, QUERY_TERMS = 400, 24
LEAD, TRAIL = 30, 120  # characters of an excerpt around the first found word

_APART = "\x1f"
_SINGLE = re.compile(
    "["
    f"\u2e80-\u2fdf\u3005-\u3007{KANA}{HAN}\U00020000-\U0003ffff"  # CJK, with radicals, iteration marks, extension B on
    "$+<=>|~¢-©¬®-±´×÷\u20a0-\u20cf\u2100-\u214f\u2190-\u245f\u2500-\u2bff\U0001f000-\U0001faff"  # symbols, emoji
    "]"
)

_WORD = re.compile(rf"{_SINGLE.pattern}|(?:(?!{_SINGLE.pattern})[^\W_])+")
_START, _END = rf"(?:(?<![^\W_])|(?<={_SINGLE.pattern}))", rf"(?:(?![^\W_])|(?={_SINGLE.pattern}))"


class _Folding(dict[int, str]):
    """For str.translate: each letter without its accent and in lower case, still one character."""

    def __missing__(self, code: int) -> str:
        letter = unicodedata.normalize("NFD", chr(code))[0].lower()
        self[code] = letter if len(letter) == 1 else chr(code)
        return self[code]


_FOLDED = _Folding()

_MARKDOWN = (
    (re.compile(r"!\[([^\]]*)\]\([^)]*\)|\[([^\]]*)\]\([^)]*\)"), r"\1\2"),  # pictures and links
    (re.compile(r"^\s*(```|~~~).*$", re.MULTILINE), ""),  # fences
    (re.compile(r"^\s*(#{1,6}|>|[-*+]|\d+[.)])\s+", re.MULTILINE), ""),  # headings, quotes, lists
    (re.compile(r"(\*\*|__|~~|`+)"), ""),
    (re.compile(r"(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)"), ""),
)


def words_of(message: Message) -> str:
    """Everything in ``message`` that can be searched: typed, written, heard, and read in pictures."""
    return "\n".join(part.text for part in message.parts if isinstance(part, Text | Transcript | Reading))


def indexed(text: str) -> str:
    """``text`` as the index keeps it."""
    return _SINGLE.sub(rf"{_APART}\g<0>{_APART}", _CONTROLS.sub("", unicodedata.normalize("NFC", text)))


def excerpt(text: str, query: str) -> str:
    """The place of the first found word in an indexed text, on one line, with every found word marked.

    FTS5's own snippet() and highlight() took 10 s for a word that stands 200,000 times in one message.
    """
    text = text.replace(_APART, "")
    folded, pattern = text.translate(_FOLDED), _finder(query)
    first = pattern.search(folded)
    found = first.start() if first else 0
    begin, end = max(found - LEAD, 0), min(found + TRAIL, len(text))
    shown, place = text[begin:found], found
    for match in pattern.finditer(folded, found, end):
        shown += f"{text[place : match.start()]}{MARK_START}{text[match.start() : match.end()]}{MARK_END}"
        place = match.end()
    shown = f"{'…' if begin else ''}{shown}{text[place:end]}{'…' if end < len(text) else ''}"
    return " ".join(shown.split())


def query(text: str) -> str:
    """An FTS5 query for what a person typed: all of the words, the last one perhaps unfinished. Empty for no words.

    Every word becomes a quoted phrase, so nothing in ``text`` is syntax.
    """
    phrases = [f'"{indexed(word)}"' for word in _terms(text)]
    return " ".join(phrases) + "*" if phrases else ""


def _terms(text: str) -> list[str]:
    """The words of a query that hold a letter, a digit or a symbol."""
    words = unicodedata.normalize("NFC", text[:QUERY_CHARACTERS]).replace('"', " ").split()
    return [word for word in words if any(unicodedata.category(letter)[0] in "LNS" for letter in word)][:QUERY_TERMS]


def _finder(query: str) -> re.Pattern[str]:
    """What the index finds for ``query``, as a pattern over folded text."""
    phrases = [_WORD.findall(word.translate(_FOLDED)) for word in _terms(query)]
    patterns = [r"[\W_]*?".join(map(_token, phrase)) for phrase in phrases if phrase]
    if patterns and patterns[-1].endswith(_END):
        patterns[-1] = patterns[-1].removesuffix(_END) + rf"(?:(?!{_SINGLE.pattern})[^\W_])*"
    return re.compile("|".join(sorted(patterns, key=len, reverse=True)) or "(?!)")


def _token(word: str) -> str:
    return re.escape(word) if _SINGLE.fullmatch(word) else f"{_START}{re.escape(word)}{_END}"


def title_from(message: Message) -> str:
    """The first words of ``message`` on one line, without Markdown, at most 40 columns wide; an ideograph takes two."""
    words = " ".join(part.text for part in message.parts if isinstance(part, Text | Transcript))[:2000]
    for pattern, plain in _MARKDOWN:
        words = pattern.sub(plain, words)
    return shortened(one_line(words), TITLE_COLUMNS)
