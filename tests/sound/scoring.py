"""How wrong a transcript is: word error rate for spaced languages, character error rate for Chinese.

Both compare what matters in speech: case, punctuation, full or half width, traditional or simplified writing and digits
or number words are no errors. The rate is edits (substituted + missing + invented) over units in the reference, 0.0 for
perfect; it can pass 1.0 when words are invented.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import opencc

_simplified = opencc.OpenCC("t2s")

_ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_ONES += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_HAN_DIGITS = "零一二三四五六七八九"
_HEARD_ALIKE = str.maketrans("〇两她它", "零二他他")
_SAME = {"okay": "ok", "mr": "mister", "mrs": "missus", "dr": "doctor", "percent": "%", "colour": "color"}
_SHORT = {"n't": " not", "'re": " are", "'ll": " will", "'ve": " have", "'m": " am", "let's": "let us"}


def wer(reference: str, heard: str) -> float:
    """Word error rate of ``heard``; 0.0 when both are empty, and the number of words when only ``reference`` is."""
    return _rate(words(reference), words(heard))


def cer(reference: str, heard: str) -> float:
    """Character error rate of ``heard``: Chinese characters one by one, and Latin letters and digits among them too."""
    return _rate(characters(reference), characters(heard))


def words(text: str) -> list[str]:
    """``text`` as lower-case words, numbers below a million spelled out, contractions opened, without punctuation."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    plain = plain.replace("can't", "cannot").replace("won't", "will not")
    for short, full in _SHORT.items():
        plain = re.sub(rf"{re.escape(short)}\b", full, plain)
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", plain).replace("%", " percent ")
    plain = re.sub(r"(\d+)\.(\d+)", lambda m: f"{m[1]} point {' '.join(m[2])}", plain)
    plain = re.sub(r"\d{1,6}", lambda m: f" {_spelled(int(m[0]))} ", plain)
    found = re.findall(r"[^\W_]+(?:'[^\W_]+)?", re.sub(r"'s\b", "s", plain))
    return [_SAME.get(word, word) for word in found]


def characters(text: str) -> list[str]:
    """``text`` as simplified characters, digits written 一二三, without spaces and punctuation.

    他, 她 and 它 are one: no ear can tell them apart.
    """
    plain = _simplified.convert(unicodedata.normalize("NFKC", text)).lower().translate(_HEARD_ALIKE)
    plain = re.sub(r"\d{1,4}", lambda m: _han(m[0]), plain)
    return [letter for letter in plain if letter.isalnum()]


def _spelled(number: int) -> str:
    """An English number below a million in words, without "and"."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        return f"{_TENS[number // 10 - 2]} {_ONES[number % 10] if number % 10 else ''}".strip()
    name, unit = ("thousand", 1000) if number >= 1000 else ("hundred", 100)
    rest = f" {_spelled(number % unit)}" if number % unit else ""
    return f"{_spelled(number // unit)} {name}{rest}"


def _han(digits: str) -> str:
    """Up to four digits as they are counted in Chinese (``25`` is 二十五); four digits, as of years, one by one."""
    if digits.startswith("0") or (len(digits) == 4 and not digits.endswith("00")):
        return "".join(_HAN_DIGITS[int(digit)] for digit in digits)
    said = ""
    for place, digit in zip(("千", "百", "十", "")[-len(digits) :], digits, strict=True):
        if digit != "0":
            said += _HAN_DIGITS[int(digit)] + place
        elif said and not said.endswith("零"):
            said += "零"
    said = said.rstrip("零") or "零"
    return said.removeprefix("一") if said.startswith("一十") else said


def _rate(reference: Sequence[str], heard: Sequence[str]) -> float:
    if not reference:
        return float(len(heard))
    return edits(reference, heard) / len(reference)


def edits(reference: Sequence[str], heard: Sequence[str]) -> int:
    """The least number of units to change, drop or add (Levenshtein, 1966)."""
    row = list(range(len(heard) + 1))
    for i, wanted in enumerate(reference, 1):
        corner, row[0] = row[0], i
        for j, got in enumerate(heard, 1):
            corner, row[j] = row[j], min(corner + (wanted != got), row[j] + 1, row[j - 1] + 1)
    return row[-1]
