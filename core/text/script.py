"""Which script a text is written in."""

from __future__ import annotations


def chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)
