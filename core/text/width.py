"""Display width: terminal columns of a text, East Asian wide letters two. Standard library only."""

from __future__ import annotations

import re
import unicodedata

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def one_line(text: str) -> str:
    """``text`` with every run of white space and control characters made one space."""
    return " ".join(_CONTROLS.sub(" ", text).split())


def shortened(line: str, columns: int) -> str:
    """``line``, cut between words with an ellipsis when it is wider than ``columns``."""
    if sum(map(_width, line)) <= columns:
        return line
    kept, room = "", columns - 1
    for letter in line:
        room -= _width(letter)
        if room < 0:
            break
        kept += letter
    head, space, _ = kept.rpartition(" ")
    following = line[len(kept)]
    if space and len(head) >= len(kept) // 2 and following != " " and _width(following) == 1:
        kept = head
    return kept.rstrip(" ,.;:，。；：、") + "…"


def _width(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Cf", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
