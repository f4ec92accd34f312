"""Numbers, dates, money, units and signs in Chinese words. Numerals by cn2an (MIT)."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from core.text.normalise_en import GREEK
from core.text.script import HAN, HANGUL

_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_TELEPHONE = str.maketrans("0123456789", "零幺二三四五六七八九")
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_MEASURES = (
    r"个|次|种|位|本|台|天|年(?!\d)|小时|分钟|秒|条|张|件|只|名|倍|周|行|步|段|款|项|类|点(?!\d)|万|千|亿|杯|块|部|篇|句|家|套"
    r"|斤|公里|米|升|岁|页|遍|组|人"
)
_UNITS = {
    "km/h": "千米每小时",
    "km": "千米",
    "cm": "厘米",
    "mm": "毫米",
    "kg": "千克",
    "mg": "毫克",
    "ml": "毫升",
    "mL": "毫升",
    "ms": "毫秒",
    "m²": "平方米",
    "m": "米",
    "g": "克",
    "L": "升",
    "s": "秒",
    "h": "小时",
    "min": "分钟",
    "kWh": "千瓦时",
    "kW": "千瓦",
    "W": "瓦",
    "V": "伏",
    "Hz": "赫兹",
    "kHz": "千赫",
    "MHz": "兆赫",
    "°C": "摄氏度",
    "℃": "摄氏度",
    "°F": "华氏度",
    "°": "度",
}
_UNIT = re.compile(
    rf"(?<![A-Za-z\d.])([-−]?{_NUMBER})\s?"
    rf"({'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})(?![A-Za-z\d])"
)
_HALF_DAY = re.compile(r"(?<!\d)(\d{1,2}[:：]\d\d)\s?([AaPp])\.?[Mm]\b\.?")
_MONEY = {"$": "美元", "€": "欧元", "£": "英镑", "¥": "元", "￥": "元"}
_SIGNS = {
    "+": "加",
    "×": "乘以",
    "÷": "除以",
    "=": "等于",
    "≈": "约等于",
    "≠": "不等于",
    "≤": "小于等于",
    "≥": "大于等于",
    "<": "小于",
    ">": "大于",
    "&": "和",
    "±": "正负",
    "~": "约",
    "～": "到",
    "^2": "的平方",
    "²": "的平方",
    "³": "的立方",
    "π": "派",
}
_FORMULA = {
    r"\\times": "乘以",
    r"\\cdot": "乘以",
    r"\\div": "除以",
    r"\\pm": "正负",
    r"\\(?:leq?|leqslant)\b": "小于等于",
    r"\\(?:geq?|geqslant)\b": "大于等于",
    r"\\neq?\b": "不等于",
    r"\\approx": "约等于",
    r"\\infty": "无穷大",
    r"\\pi\b": "派",
    r"\\sqrt\{([^{}]*)\}": r"根号 \1",
    r"\^\{?2\}?": "的平方",
    r"\^\{?3\}?": "的立方",
    r"\^\{([^{}]*)\}|\^(\w)": r"的 \1\2 次方",
    r"=": "等于",
    r"\+": "加",
    r"-": "减",
    r"<": "小于",
    r">": "大于",
}


def words(text: str) -> str:
    """``text`` with its numbers and signs in Chinese; nothing is left but Chinese characters and punctuation."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    text = re.sub(
        rf"(?<=[{HAN}])\s*[,;:](?!\d)", lambda found: {",": "，", ";": "；", ":": "："}[found[0].strip()], text
    )
    text = re.sub(r"[…—()（）]+", "，", text).translate(str.maketrans("!?.", "！？。"))
    text = re.sub(f"[^{HAN}{HANGUL}，。！？；：、]+", "", text)
    return re.sub(r"，+(?=[，。！？；：、])|(?<=[，。！？；：、])，+", "", text)


def units(text: str) -> str:
    """Numbers that stand with Latin letters, which Chinese reads in Chinese: 5 km, -3 °C, 3:00 pm."""
    return _UNIT.sub(_measured, _HALF_DAY.sub(lambda found: ("上午" if found[2] in "aA" else "下午") + found[1], text))


def _measured(found: re.Match[str]) -> str:
    unit = _UNITS[found[2]]
    return _signed(found[1], "零下" if unit.endswith("氏度") else "负") + unit


def formula(tex: str) -> str:
    """A short formula in words; empty when it is more than a person would read out."""
    tex = re.sub(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"\2分之\1", tex.strip())
    tex = re.sub(r"\\(?:left|right|,|;|!|quad)|\\text\{([^{}]*)\}", r"\1", tex)
    for pattern, word in _FORMULA.items():
        tex = re.sub(pattern, word, tex)
    tex = re.sub(rf"\\({GREEK})(?![A-Za-z{{])", r" \1 ", re.sub(r"_\{?(\w+)\}?", r" \1", tex))
    return "" if len(tex) > 60 or re.search(r"[\\{}^]", tex) else " ".join(tex.split())


@cache
def _cn2an() -> Any:
    import cn2an

    return cn2an


def number(figures: str) -> str:
    """A numeral in Chinese: ``1,024`` 一千零二十四, ``3.14`` 三点一四; long ones and ``007`` figure by figure."""
    whole, _, part = figures.replace(",", "").partition(".")
    if len(whole) > 16 or (len(whole) > 1 and whole.startswith("0")):
        said = whole.translate(_DIGITS)
    else:
        said = _cn2an().an2cn(whole, "low")
    return f"{said}点{part.translate(_DIGITS)}" if part else said


def _signed(figures: str, minus: str) -> str:
    return (minus if figures[0] in "-−" else "") + number(figures.lstrip("-−"))


def _date(found: re.Match[str]) -> str:
    return f"{found[1].translate(_DIGITS)}年{number(str(int(found[2])))}月{number(str(int(found[3])))}日"


def _time(found: re.Match[str]) -> str:
    hour, minute = int(found[1]), int(found[2])
    said = f"{'两' if hour == 2 else number(str(hour))}点"
    if minute:
        said += f"{'零' if minute < 10 else ''}{number(str(minute))}分"
    return said + (f"{number(str(int(found[3])))}秒" if found[3] else "")


def _money(found: re.Match[str]) -> str:
    return number(found[2]) + (found[3] or "") + _MONEY[found[1]]


def _version(found: re.Match[str]) -> str:
    return "点".join(part.translate(_DIGITS) for part in found[0].lstrip("vV").split("."))


_RULES: tuple[tuple[re.Pattern[str], Any], ...] = (
    (re.compile(r"(?<!\d)(\d{4})[-/.年]\s?(\d{1,2})[-/.月]\s?(\d{1,2})(?!\d)(?:\s?[日号](?!期))?"), _date),
    (re.compile(r"(?<!\d)(\d{4})\s?(?=年)"), lambda found: found[1].translate(_DIGITS)),
    (re.compile(r"(?<!\d)([01]?\d|2[0-3])[:：]([0-5]\d)(?:[:：]([0-5]\d))?(?!\d)"), _time),
    (
        re.compile(r"(?<!\d)(?:\+?86[ -]?)?(1[3-9]\d)[ -]?(\d{4})[ -]?(\d{4})(?!\d)"),
        lambda found: "，".join(found.groups()).translate(_TELEPHONE),
    ),
    (
        re.compile(r"(?<!\d)(?:0\d{2,3}-\d{7,8}|[48]00-\d{3,4}-?\d{3,4})(?!\d)"),
        lambda found: found[0].replace("-", "，").translate(_TELEPHONE),
    ),
    (re.compile(r"[vV]?\d+(?:\.\d+){2,}"), _version),
    (re.compile(rf"([$€£¥￥])\s?({_NUMBER})\s?([万亿千百])?"), _money),
    (
        re.compile(rf"({_NUMBER})\s?[%％]?\s?[-–—~～至]\s?({_NUMBER})\s?[%％]"),
        lambda found: f"百分之{number(found[1])}到{number(found[2])}",
    ),
    (re.compile(rf"([-−]?{_NUMBER})\s?[%％]"), lambda found: "百分之" + _signed(found[1], "负")),
    (re.compile(rf"({_NUMBER})\s?[-–—~～]\s?(?={_NUMBER})"), lambda found: number(found[1]) + "到"),
    (re.compile(r"(?<![\d/])(\d{1,3})/(\d{1,3})(?![\d/])"), lambda found: f"{number(found[2])}分之{number(found[1])}"),
    (re.compile(rf"(?<![\d.第十月])2\s?(?=(?:{_MEASURES}))"), "两"),
    (re.compile(rf"(?<![\d{HAN}])[-−](?={_NUMBER})"), "负"),
    (re.compile(r"(?<=\d)\s?[-−]\s?(?=\d)"), "减"),
    (re.compile(rf"{_NUMBER}"), lambda found: number(found[0])),
)
