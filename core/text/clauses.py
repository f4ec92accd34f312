"""Clause segmentation for streaming TTS: ``Clauses`` cuts a stream of words into clauses that can be spoken.

The first clause leaves as early as it can be said, so that the voice starts soon; later ones grow into whole sentences,
because a speech model gives a sentence better prosody than its pieces. A cut never falls inside a number, an
abbreviation, an address, inline code, a link, a formula or a fenced block.

Every decision looks at a prefix of the text only, so the clauses do not depend on how the stream was cut into deltas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.text.phrase_breaks import breaks
from core.text.script import HAN, HANGUL, KANA


@dataclass(frozen=True, slots=True)
class _Bounds:
    """How wide a clause may be. Widths count Latin characters, of which some 15 are said in a second; a wide (Chinese,
    Japanese, Korean) character takes three, about as long to say.
    """

    sentence: int  # the least width when a sentence ends it
    part: int  # the same when only a comma ends it
    limit: int  # from here on it is cut at the last place that will do
    phrase: int = 1000  # from here on it ends before a word that begins a phrase
    word: int = 1000  # from here on it ends between words


_WRITTEN = (_Bounds(10, 16, 60), _Bounds(24, 48, 110), _Bounds(40, 100, 200))  # the first, the second, every later one

# Live, by the width said before: the first clause lasts 0.7 s or so, and each as long as the next one takes to speak.
_LIVE = (
    (1, _Bounds(3, 4, 40, phrase=11, word=18)),
    (12, _Bounds(10, 12, 40, phrase=14, word=22)),
    (40, _Bounds(8, 24, 70, phrase=30, word=50)),
    (120, _Bounds(24, 48, 110)),
)
_LONGEST = 300  # from here on it is cut between words
_FAR = 30  # characters after a cut that decide about it: no word is longer

_ENDS = frozenset("。！？!?….．｡।॥؟۔")
_PARTS = frozenset("，、；：,;:،؛—")
_SPACED = frozenset(".!?,;:")  # these end something only before white space, or beside a wide character
_CLOSERS = frozenset("\"'”’)]}»」』】）》*_")
_PAIRED = frozenset("\"'*_")  # the same sign opens and closes
# Not only Han: Hangul, kana and full-width marks, too, need no space around a mark and take as long to say.
_WIDE = re.compile(f"[\u1100-\u11ff\u2e80-\u303f{KANA}\u3100-\u318f{HAN}{HANGUL}\uff00-\uff60]")
_FENCE = re.compile(r"[ \t]*(?:(?P<code>`{3,}|~{3,})|(?P<math>\$\$|\\\[))")
_FENCES = ("```", "~~~", "$$", "\\[")
_ABBREVIATION = re.compile(
    r"(?:^|[^\w.])(?:(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|No|Fig|Eq|Sec|Ch|Vol|vs|approx|ca|cf|al|dept|est|[A-HJ-Za-hj-z])"
    r"|(?:[A-Za-z]\.)+[A-Za-z])$"
)
_LIST_NUMBER = re.compile(r"^\s*(?:[-*+]\s+)?\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})$")


class Clauses:
    """Collects deltas and hands out clauses, without the white space around them.

    One that ends in the middle of a sentence, where no mark stands, keeps a space at its end. ``said`` is how many
    clauses of the text were said before: from the third on, a clause is a whole sentence. ``live``: somebody waits to
    hear it, so the first clause is a few words, and the next ones grow.
    """

    def __init__(self, said: int = 0, live: bool = False) -> None:
        self._text = ""
        self._count = said
        self._live = live
        self._width = 0  # of all clauses so far
        self._line_start = True

    def feed(self, delta: str) -> list[str]:
        """Take more of the text; what can be spoken now, in order."""
        clauses: list[str] = []
        for start in range(0, len(delta), 1024):
            self._text += delta[start : start + 1024]
            clauses += self._ready(final=False)
        return clauses

    def rest(self) -> list[str]:
        """The text is complete: all that is left. Feeding may begin again with a new text."""
        clauses = list(self._ready(final=True))
        self._text, self._count, self._width, self._line_start = "", 0, 0, True
        return clauses

    def _ready(self, final: bool) -> Iterator[str]:
        while end := self._end(final):
            clause, self._text = self._text[:end], self._text[end:]
            self._line_start = clause.endswith("\n")
            ended = self._line_start or (final and not self._text) or _marked(clause)
            if clause := clause.strip():
                self._count += 1
                self._width += sum(map(_width, clause))
                yield clause if ended else clause + " "

    def _end(self, final: bool) -> int:
        """Where the next clause ends in the text, 0 when that is not decided yet."""
        text = self._text
        body = len(text) - len(text.lstrip())
        if body == len(text):
            return len(text) if final else 0
        if self._line_start or "\n" in text[:body]:
            marker = text[body : body + 3]
            if not final and len(marker) < 3 and any(mark.startswith(marker) for mark in _FENCES):
                return 0
            if fence := _FENCE.match(text, body):
                return _end_of_block(text, fence, final)
        return _Line(text, body, self._bounds(), final).end()

    def _bounds(self) -> _Bounds:
        if self._live and self._count < len(_LIVE):
            return next((bounds for least, bounds in _LIVE if self._width < least), _WRITTEN[-1])
        return _WRITTEN[min(self._count, 2)]


class _Line:
    """The search for a clause's end in the line that begins at ``start``."""

    def __init__(self, text: str, start: int, bounds: _Bounds, final: bool) -> None:
        self.text, self.start, self.bounds, self.final = text, start, bounds, final

    def end(self) -> int:
        text, at, width, bounds = self.text, self.start, 0, self.bounds
        cut = gap = 0
        while at < len(text):
            sign = text[at]
            if sign == "\n":
                return at + 1
            close = _end_of_span(text, at, self.final)
            if close == 0:
                return 0
            width += sum(map(_width, text[at:close]))
            at = close
            if width > bounds.limit and cut:
                return cut
            if width > _LONGEST:
                return gap or at
            if sign.isspace() or _WIDE.match(sign):
                gap = at
                if width >= bounds.phrase and (parted := self._parted(at, width)) is not False:
                    return at if parted else 0
            if sign not in _ENDS and sign not in _PARTS:
                continue
            end = self._boundary(at)
            if end is None:
                return 0
            if end:
                least = bounds.sentence if sign in _ENDS else bounds.part
                if width >= least and (text[end:].strip() or not self.final):
                    return end
                cut = end if width >= _WRITTEN[0].sentence else cut
        return len(text) if self.final else 0

    def _parted(self, at: int, width: int) -> bool | None:
        """Whether the clause ends at ``at`` without a mark; None while that is undecided."""
        if at < len(self.text) and self.text[at].isspace():
            return False
        head = self.text[self.start : at]
        return breaks(head + self.text[at : at + _FAR], len(head), self.final, width >= self.bounds.word)

    def _boundary(self, after: int) -> int | None:
        """Where a clause may end whose last mark stands before ``after``: None if undecided, 0 if nowhere."""
        text, mark = self.text, self.text[after - 1]
        end = after
        while end < len(text) and (text[end] in _ENDS or (text[end] in _CLOSERS and self._closes(end, mark))):
            end += 1
        if end == len(text):
            return end if self.final else None
        following = text[end]
        if mark in _SPACED and not following.isspace():
            before = text[after - 2 : after - 1]
            wide = _WIDE.match(following) or (mark != "." and before and _WIDE.match(before))
            return end if wide and not (before.isdigit() and following.isdigit()) else 0
        if mark in _PARTS and end > after and following.isalnum() and text[after - 2 : after - 1].isdigit():
            return 0
        if mark == "：" and following.isdigit() and text[after - 2 : after - 1].isdigit():
            return 0
        return self._full_stop(after, end) if mark == "." else end

    def _closes(self, at: int, mark: str) -> bool:
        """Whether the sign at ``at``, right after a mark, closes what it may as well open."""
        sign = self.text[at]
        if sign not in _PAIRED or mark in _SPACED:
            return True
        return self.text.count(sign, self.start, at + 1) % 2 == 0 or self.text[at - 1] == sign

    def _full_stop(self, after: int, end: int) -> int | None:
        """``end`` if the full stop before ``after`` ends a sentence, not an abbreviation or a list number."""
        head = self.text[self.start : after - 1]
        if _LIST_NUMBER.match(head) and not _WIDE.search(head):
            return 0
        if _ABBREVIATION.search(head[-12:]):
            return 0
        following = self.text[end:].lstrip(" \t")
        if not following and not self.final:
            return None
        return 0 if following[:1].islower() else end


def _end_of_block(text: str, fence: re.Match[str], final: bool) -> int:
    """The end of a fenced block or a displayed formula, which is one piece; 0 while it is open."""
    if mark := fence["code"]:
        close = re.compile(rf"\n[ \t]*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*(\n|\Z)")
    else:
        close = re.compile(r"\$\$()" if fence["math"] == "$$" else r"\\\]()")
    found = close.search(text, fence.end())
    if found and (final or fence["math"] or found.group(1)):
        return found.end()
    return len(text) if final else 0


def _end_of_span(text: str, at: int, final: bool) -> int:
    """The index after the sign at ``at``, or after what it opens: code, a link, a formula. 0 while that is undecided.

    Something that is not closed on its line, or is longer than a clause may be, opens nothing.
    """
    sign, close = text[at], ""
    if sign == "`":
        close = "`" * (len(text[at:]) - len(text[at:].lstrip("`")))
    elif sign == "[":
        close = "]"
    elif sign == "(" and text[at - 1 : at] == "]":
        close = ")"
    elif sign in "$\\":
        if at + 1 == len(text):
            return at + 1 if final else 0
        if sign == "$" and not (text[at + 1].isspace() or text[at + 1].isdigit()):
            close = "$"
        elif text[at : at + 2] == r"\(":
            close = r"\)"
    if not close:
        return at + 1
    if at + len(close) == len(text) and not final:
        return 0
    horizon = text[at + len(close) : at + len(close) + _LONGEST]
    line, newline, _ = horizon.partition("\n")
    found = line.find(close)
    if found >= 0:
        return at + 2 * len(close) + found
    return 0 if not (newline or final or len(horizon) == _LONGEST) else at + 1


def _marked(clause: str) -> bool:
    """Whether a mark ends the clause."""
    last = clause.rstrip().rstrip("".join(_CLOSERS))[-1:]
    return last in _ENDS or last in _PARTS


def _width(sign: str) -> int:
    return 3 if _WIDE.match(sign) else 1
