"""Numbers, dates, money, units and signs in English words."""

from __future__ import annotations

import re
from typing import Any

from core.text.numerals_en import DIGITS, each_figure, number, ordinal, year

_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_MONTHS = {
    "Jan": "January",
    "Feb": "February",
    "Mar": "March",
    "Apr": "April",
    "May": "May",
    "Jun": "June",
    "Jul": "July",
    "Aug": "August",
    "Sep": "September",
    "Oct": "October",
    "Nov": "November",
    "Dec": "December",
}
_MONEY = {  # one, several, one and several of its hundredth
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yuan", "yuan", "fen", "fen"),
    "￥": ("yuan", "yuan", "fen", "fen"),
}
_SCALES = {"k": "thousand", "K": "thousand", "M": "million", "m": "million", "B": "billion", "bn": "billion"}
_UNITS = {
    "km/h": "kilometre per hour",
    "mph": "mile per hour",
    "km": "kilometre",
    "cm": "centimetre",
    "mm": "millimetre",
    "m": "metre",
    "ft": "foot",
    "kg": "kilogram",
    "mg": "milligram",
    "g": "gram",
    "lb": "pound",
    "ml": "millilitre",
    "mL": "millilitre",
    "L": "litre",
    "ms": "millisecond",
    "s": "second",
    "min": "minute",
    "h": "hour",
    "KB": "kilobyte",
    "MB": "megabyte",
    "GB": "gigabyte",
    "TB": "terabyte",
    "GiB": "gibibyte",
    "Hz": "hertz",
    "kHz": "kilohertz",
    "MHz": "megahertz",
    "GHz": "gigahertz",
    "W": "watt",
    "kW": "kilowatt",
    "kWh": "kilowatt hour",
    "V": "volt",
    "px": "pixel",
    "°C": "degree Celsius",
    "℃": "degree Celsius",
    "°F": "degree Fahrenheit",
    "°": "degree",
}
_PLURALS = {
    "foot": "feet",
    "hertz": "hertz",
    "kilohertz": "kilohertz",
    "megahertz": "megahertz",
    "gigahertz": "gigahertz",
}
_FRACTIONS = {
    "1/2": "one half",
    "1/3": "one third",
    "2/3": "two thirds",
    "1/4": "one quarter",
    "3/4": "three quarters",
    "24/7": "twenty-four seven",
}
_WORDS = {
    r"\be\.g\.,?": "for example,",
    r"\bi\.e\.,?": "that is,",
    r"\betc\.(?=\s+[a-z]|\s*[,)])": "et cetera",
    r"\betc\b": "et cetera",
    r"\bvs\.?(?=\s)": "versus",
    r"\bapprox\.": "approximately",
    r"\bw/o\b": "without",
    r"\s&\s|&amp;": " and ",
    r"\s\+\s": " plus ",
    r"(?<=\w)\+\+": " plus plus",
    r"\bC#": "C sharp",
    r"\s?[×]\s?": " times ",
    r"\s?÷\s?": " divided by ",
    r"\s?==?\s?": " equals ",
    r"\s?≈\s?": " is about ",
    r"\s?≠\s?": " is not equal to ",
    r"\s?(?:≤|<=)\s?": " is at most ",
    r"\s?(?:≥|>=)\s?": " is at least ",
    r"\s<\s?": " is less than ",
    r"\s>\s?": " is greater than ",
    r"±": " plus or minus ",
    r"²": " squared",
    r"³": " cubed",
    r"\bπ|π\b": "pi",
    r"@": " at ",
    r"\s[-–—]+\s": ", ",
    r"[–—]+": ", ",
    r"(?<=\w)/(?=\w)": " ",
}
GREEK = (  # and the functions that a formula says as they are
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|chi|psi|omega"
    "|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega|sin|cos|tan|log|ln|exp|max|min"
)
_FORMULA = {
    r"\\times|\\cdot": " times ",
    r"\\div": " divided by ",
    r"\\pm": " plus or minus ",
    r"\\(?:leq?|leqslant)\b": " is at most ",
    r"\\(?:geq?|geqslant)\b": " is at least ",
    r"\\neq?\b": " is not equal to ",
    r"\\approx": " is about ",
    r"\\infty": " infinity ",
    r"\\sqrt\{([^{}]*)\}": r" the square root of \1 ",
    r"\^\{?2\}?": " squared ",
    r"\^\{?3\}?": " cubed ",
    r"\^\{([^{}]*)\}|\^(\w)": r" to the power of \1\2 ",
    r"=": " equals ",
    r"\+": " plus ",
    r"-": " minus ",
    r"<": " is less than ",
    r">": " is greater than ",
}


def words(text: str) -> str:
    """``text`` with its numbers and signs in English words; no digits are left."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    for plain, word in _WORDS.items():
        text = re.sub(plain, word, text)
    text = re.sub(r"\d", lambda found: f" {DIGITS[int(found[0])]} ", text)
    text = re.sub(r"[*_#|\\<>{}\[\]^=~`•]+", " ", text).translate(str.maketrans("，。！？；：、（）", ",.!?;:,()"))
    return re.sub(r"\s+([,.!?;:])", r"\1", re.sub(r"\s+", " ", text)).strip()


def formula(tex: str) -> str:
    """A short formula in words; empty when it is more than a person would read out."""
    tex = re.sub(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r" \1 over \2 ", tex.strip())
    tex = re.sub(r"\\(?:left|right|,|;|!|quad)|\\text\{([^{}]*)\}", r"\1", tex)
    for pattern, word in _FORMULA.items():
        tex = re.sub(pattern, word, tex)
    tex = re.sub(rf"\\({GREEK})(?![A-Za-z{{])", r" \1 ", re.sub(r"_\{?(\w+)\}?", r" \1", tex))
    return "" if len(tex) > 90 or re.search(r"[\\{}^]", tex) else " ".join(tex.split())


def _signed(figures: str) -> str:
    return ("minus " if figures[0] in "-−" else "") + number(figures.lstrip("-−"))


def _plural(unit: str, figures: str) -> str:
    if figures.lstrip("-−") == "1":
        return unit
    head, space, tail = unit.partition(" ")
    if unit == "kilowatt hour":
        return "kilowatt hours"
    return _PLURALS.get(head, head + "s") + space + tail


def _money(found: re.Match[str]) -> str:
    one, several, small, smalls = _MONEY[found[1]]
    figures, scale = found[2], found[3]
    if scale:
        return f"{number(figures)} {_SCALES.get(scale, scale)} {several}"
    whole, _, part = figures.partition(".")
    if len(part) > 2:
        return f"{number(figures)} {several}"
    said = f"{number(whole)} {one if whole == '1' else several}"
    count = int(part.ljust(2, "0"))
    if not count:
        return said
    cents = f"{number(str(count))} {small if count == 1 else smalls}"
    return cents if whole == "0" else f"{said} and {cents}"


def _time(found: re.Match[str]) -> str:
    hour, minute, half = number(str(int(found[1]))), found[2], (found[3] or "").replace(".", "").lower()
    if minute == "00":
        said = hour if half else f"{hour} o'clock" if int(found[1]) <= 12 else f"{hour} hundred"
    else:
        said = f"{hour} {'oh ' if minute[0] == '0' else ''}{number(str(int(minute)))}"
    return f"{said} {' '.join(half)}".strip().replace("a m", "A M").replace("p m", "P M")


def _date(found: re.Match[str]) -> str:
    return f"{list(_MONTHS.values())[int(found[2]) - 1]} {ordinal(found[3])}, {year(found[1])}"


def _version(found: re.Match[str]) -> str:
    return found[1] + " point ".join(number(str(int(part))) for part in found[2].split("."))


def _decade(found: re.Match[str]) -> str:
    said = year(found[1]) if len(found[1]) == 4 else number(found[1])
    return said[:-1] + "ies" if said.endswith("y") else said + "s"


def _fraction(found: re.Match[str]) -> str:
    return _FRACTIONS.get(found[0], f"{number(found[1])} over {number(found[2])}")


_MONTH = "|".join(rf"{short}(?:{name[3:]}\b|t?\.|\b)" if name != "May" else name for short, name in _MONTHS.items())
_VERSIONED = "version|python|node|java|ubuntu|ios|android|macos|cuda"  # what a version follows
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_RULES: tuple[tuple[re.Pattern[str], Any], ...] = (
    (re.compile(r"(?<![\d-])(\d{4})[-/](0?[1-9]|1[0-2])[-/]([0-2]?[1-9]|[123]0|31)(?![\d-])"), _date),
    (
        re.compile(rf"\b({_MONTH})\s(\d{{1,2}})(?:st|nd|rd|th)?(?![:.]?\d)"),
        lambda found: f"{_MONTHS[found[1][:3]]} {ordinal(found[2])}",
    ),
    (re.compile(r"(?<!\d)([01]?\d|2[0-3]):([0-5]\d)(?!\d)(?:\s?([AaPp]\.?[Mm]\b(?:\.(?=\s*[a-z,;:?!)]))?))?"), _time),
    (
        re.compile(r"(?<!\d)(\d{1,2})\s?([AaPp])\.?[Mm]\b(?:\.(?=\s*[a-z,;:?!)]))?"),
        lambda found: f"{number(found[1])} {found[2].upper()} M",
    ),
    (
        re.compile(r"\+\d[\d -]{7,}\d|(?<![\d.])\(?\d{3}\)?[- ]\d{3,4}[- ]\d{4}(?!\d)|(?<![\d.,])\d{10,}(?![\d,.])"),
        lambda found: ", ".join(each_figure(part) for part in re.findall(r"\d+", found[0])),
    ),
    (re.compile(r"()\b[vV]?(\d+(?:\.\d+){2,})"), _version),
    (re.compile(rf"\b((?i:{_VERSIONED})\s)[vV]?(\d+\.\d+)\b"), _version),
    (re.compile(r"()\b[vV](\d+\.\d+)\b"), _version),
    (re.compile(rf"([$€£¥￥])\s?({_NUMBER})(?:\s?(million|billion|trillion|thousand|[kKMB]|bn)\b)?"), _money),
    (
        re.compile(rf"({_NUMBER})\s?[-–]\s?({_NUMBER})(?=\s?%)"),
        lambda found: f"{number(found[1])} to {number(found[2])}",
    ),
    (re.compile(rf"((?<![\w)])[-−])?({_NUMBER})\s?%"), lambda found: _signed((found[1] or "") + found[2]) + " percent"),
    (re.compile(r"%"), " percent"),
    (re.compile(r"\b(\d{4}|\d0)s\b"), _decade),
    (re.compile(r"\b(\d[\d,]*)(?:st|nd|rd|th)\b"), lambda found: ordinal(found[1])),
    (
        re.compile(rf"({_NUMBER})\s?[-–]\s?(?={_NUMBER})(?!\s)"),
        lambda found: (
            (year(found[1]) if re.fullmatch("1[1-9]\\d\\d|20\\d\\d", found[1]) else number(found[1])) + " to "
        ),
    ),
    (
        re.compile(rf"((?<![\w)])[-−])?({_NUMBER})\s?({_UNIT})(?![A-Za-z\d])"),
        lambda found: f"{_signed((found[1] or '') + found[2])} {_plural(_UNITS[found[3]], found[2])}",
    ),
    (re.compile(r"(?<![\d/])(\d{1,3})/(\d{1,3})(?![\d/])"), _fraction),
    (re.compile(r"(?<![\d.,])(1[1-9]\d\d|20\d\d)(?!\d|[.,]\d)"), lambda found: year(found[1])),
    (re.compile(r"#(?=\d)"), "number "),
    (re.compile(r"~(?=\d)"), "about "),
    (re.compile(rf"(?<![\w)])[-−](?={_NUMBER})"), "minus "),
    (re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])"), " "),
    (re.compile(rf"{_NUMBER}"), lambda found: number(found[0])),
)
