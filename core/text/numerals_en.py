"""English numerals in words, by num2words (LGPL): ``number``, ``ordinal``, ``year``."""

from __future__ import annotations

from typing import Literal

LONGEST = 15  # figures of a number that is said in one
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def number(figures: str) -> str:
    """A numeral in words: ``1,024``, ``3.14``; figure by figure when it is long or begins with 0."""
    whole, _, part = figures.replace(",", "").partition(".")
    if len(whole) > LONGEST or (len(whole) > 1 and whole.startswith("0")):
        said = each_figure(whole)
    else:
        said = _in_words(int(whole), "cardinal")
    return f"{said} point {each_figure(part)}" if part else said


def year(figures: str) -> str:
    """A year: ``1999`` nineteen ninety-nine, ``1905`` nineteen oh five, ``2006`` two thousand and six."""
    century, rest = int(figures[:2]), int(figures[2:])
    if rest == 0 and century % 10:
        return f"{number(figures[:2])} hundred"
    if century % 10 == 0 and rest < 10:
        return number(figures)
    return f"{number(figures[:2])} {'oh ' if rest < 10 else ''}{number(str(rest))}"


def ordinal(figures: str) -> str:
    """A numeral as an ordinal: ``21`` twenty-first; figure by figure, but for its last, when it is long."""
    figures = figures.replace(",", "")
    if len(figures) > LONGEST:
        return f"{each_figure(figures[:-1])} {ordinal(figures[-1])}"
    return _in_words(int(figures), "ordinal")


def _in_words(number: int, kind: Literal["cardinal", "ordinal"]) -> str:
    """British, with "and", without commas. num2words and not inflect, whose import takes 2 to 4 s instead of 0.06 s:
    both gave the same words for 24,000 numbers of up to 15 figures, as cardinals and as ordinals.
    """
    from num2words import num2words

    return str(num2words(number, to=kind)).replace(",", "")


def each_figure(figures: str) -> str:
    """``007``: zero zero seven."""
    return " ".join(DIGITS[int(figure)] for figure in figures if figure.isdigit())
