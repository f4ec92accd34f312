"""Text normalisation for speech: ``spoken`` gives Markdown as plain words, in runs of one language each.

An answer is judged line by line, the way it is written: fenced code is announced and not read, addresses are shortened,
tables are read row by row. Then each line is cut where its script changes, so that Latin words inside Chinese become a
run of their own, and each run's numbers and signs are written out in its language (``normalise_en``, ``normalise_zh``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.text import normalise_en as spoken_en
from core.text import normalise_zh as spoken_zh
from core.text.script import HAN, HANGUL
from core.types.messages import Language

_HAN = f"{HAN}{HANGUL}〇"  # Korean goes with Chinese, as no voice here knows it; 〇 is the numeral zero
_HAN_SIGN = re.compile(f"[{_HAN}]")
_LATIN = "A-Za-zÀ-ÖØ-öø-ɏ"
_PIECE = re.compile(
    rf"(?P<zh>[{_HAN}]+)"
    rf"|(?P<en>(?:\d+(?=[A-Z](?![A-Za-z])))?[{_LATIN}][{_LATIN}\d'’+#&]*(?:[-./@][{_LATIN}\d]+)*)"
    rf"|(?P<other>[^{_HAN}{_LATIN}]+?(?=\d+[A-Z](?![A-Za-z]))|[^{_HAN}{_LATIN}]+)"
)
_END_MARKS = ".!?…:;,。！？：；，、"

_CODE_BLOCK = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n?(?:.*?^[ \t]*\1[`~]*[ \t]*$|.*\Z)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+)(.+?)\1")
_MATH = re.compile(
    r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)"
    r"|\$(?![\s\d])([^$\n]+?)(?<!\s)\$(?!\d)|\$(\d[^$\n]*[\\^=+][^$\n]*)\$",
    re.DOTALL,
)
_LINK = re.compile(r"!?\[([^\]\n]*)\](?:\([^)\n]*\)|\[[^\]\n]*\])")
_FOOTNOTE = re.compile(r"\[\^[^\]\n]*\]:?")
_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>\n]*>", re.DOTALL)
_URL = re.compile(
    r"<?(?:https?://|www\.)(?:www\.)?([A-Za-z0-9.-]*[A-Za-z0-9])(?::\d+)?(?:[/?#][!-~]*[A-Za-z0-9/=_])?/?>?"
)
_EMAIL = re.compile(r"<?([A-Za-z0-9._%+-]+)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)>?")
_FILE = re.compile(
    r"(?<![\w.])(~?/?(?:[\w.-]+/)*[A-Za-z_][\w-]*)\.(?=[A-Za-z])((?:tar\.)?(?:py|js|ts|tsx|jsx|json|toml|ya?ml|md|txt|csv|html?|css"
    r"|cpp|hpp|c|h|rs|go|java|sh|ipynb|pdf|docx?|xlsx?|pptx?|png|jpe?g|gif|svg|wav|mp[34]|zip|gz|log|ini|cfg|env|sql|db|exe))\b"
)
_SNAKE = re.compile(r"(?<=[A-Za-z0-9])_+(?=[A-Za-z0-9])")
_EMPHASIS = re.compile(r"\*+|~~|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)")
_EMOJI = re.compile("[\U0001f000-\U0001faff\U000e0000-\U000e007f☀-➿⬀-⯿←-⇿⌀-⏿️‍⃣]+")
_RULE = re.compile(r"\s*(?:[-*_=]\s*){3,}")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-*:?\s*)*\|?\s*")
_PREFIX = re.compile(r"\s*(?:>\s?)*\s*(?:#{1,6}\s+|[-*+•]\s+(?:\[[ xX]\]\s+)?)?")
_ITEM = re.compile(r"^(\d{1,3})[.)]\s+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CODE_SIGNS = {
    ".": " dot ",
    "/": " slash ",
    "--": " dash dash ",
    "==": " equals equals ",
    "=": " equals ",
    "->": " arrow ",
    "@": " at ",
    "&&": " and and ",
    "+": " plus ",
    "*": " star ",
    "#": " hash ",
    "\\": " backslash ",
    "$": " dollar ",
    "%": " percent ",
    "!=": " not equals ",
    "<": " less than ",
    ">": " greater than ",
}
_CODE_SIGN = re.compile("|".join(sorted(map(re.escape, _CODE_SIGNS), key=len, reverse=True)))
_PHRASES: dict[Language, dict[str, str]] = {
    "en": {"code": "Here is the code.", "site": "the site ", "pause": ", ", "end": "."},
    "zh": {"code": "代码如下。", "site": "网址 ", "pause": "，", "end": "。"},
}


@dataclass(frozen=True, slots=True)
class LanguageRun:
    """Words of one language, ready to be pronounced: no digits, no Markdown; in ``zh`` only Chinese and punctuation."""

    language: Language
    text: str


def spoken(markdown: str, language: str = "") -> list[LanguageRun]:
    """What to say for ``markdown``, in order; empty when there is nothing to say.

    ``language`` (ISO 639-1) settles what the script does not: numbers on their own, the word for a block of code. Text
    that ends with a space goes on (``core.text.clauses``), so it gets no mark at its end.
    """
    on = markdown.endswith(" ")
    base = _judge(_CODE_BLOCK.sub("", markdown), _judge(markdown, "en") if language not in ("en", "zh") else language)
    runs: list[LanguageRun] = []
    lines = _without_blocks(markdown, base).splitlines()
    for number, line in enumerate(lines, 1):
        here = _judge(line, base)
        for run in _runs(_line(line, here, on and number == len(lines)), here):
            if runs and runs[-1].language == run.language:
                runs[-1] = LanguageRun(
                    run.language, f"{runs[-1].text} {run.text}" if run.language == "en" else runs[-1].text + run.text
                )
            else:
                runs.append(run)
    return runs


def plain(markdown: str) -> str:
    """The words of ``markdown`` for a language that is neither English nor Chinese: figures stay, code is left out."""
    text = _MATH.sub(" ", _CODE_BLOCK.sub("\n", markdown))
    return " ".join(filter(None, (_line(line, "en") for line in text.splitlines())))


def _judge(text: str, otherwise: str) -> Language:
    """The language most of ``text`` is in; a Chinese character weighs about as much as half a Latin word."""
    han = len(_HAN_SIGN.findall(text))
    latin = len(re.findall(rf"[{_LATIN}]{{2,}}", text))
    if han == latin == 0:
        return "zh" if otherwise == "zh" else "en"
    return "zh" if han >= latin else "en"


def _without_blocks(markdown: str, base: Language) -> str:
    """The text with its code blocks announced once and its formulas in words."""
    phrase = iter((f"\n{_PHRASES[base]['code']}\n",))
    text = _CODE_BLOCK.sub(lambda _: next(phrase, "\n"), markdown)
    return _MATH.sub(lambda found: _formula(next(filter(None, found.groups())), base), text)


def _line(line: str, base: Language, on: bool = False) -> str:
    """One line of Markdown as plain text that ends with a mark, unless it goes ``on``; empty when it says nothing."""
    if _RULE.fullmatch(line) or ("-" in line and _TABLE_RULE.fullmatch(line)):
        return ""
    phrases = _PHRASES[base]
    text = line[_PREFIX.match(line).end() :]  # type: ignore[union-attr]
    text = _ITEM.sub(rf"\1{phrases['pause']}", text)
    text = _CODE.sub(lambda found: _code(found[2]), text)
    text = _FOOTNOTE.sub("", _LINK.sub(r"\1", text))
    text = _EMAIL.sub(lambda found: f"{found[1].replace('.', ' dot ')} at {found[2].replace('.', ' dot ')}", text)
    text = _URL.sub(lambda found: phrases["site"] + found[1].replace(".", " dot "), text)
    text = _FILE.sub(lambda found: _code(found[0]), _TAG.sub("", text))
    if text.strip().startswith("|") or text.count("|") >= 2:
        text = phrases["pause"].join(filter(None, (cell.strip() for cell in text.split("|"))))
    text = _EMOJI.sub(" ", _SNAKE.sub(" ", _EMPHASIS.sub("", text.replace("→", phrases["pause"])))).strip()
    if not on and re.search(r"\w", text) and text.rstrip("\"'”’)）」』】》 ")[-1:] not in _END_MARKS:
        text += phrases["end"] if _HAN_SIGN.search(text[-1:]) or base == "zh" else "."
    return text if re.search(r"\w", text) else ""


def _code(code: str) -> str:
    """Code inside a sentence: its words, and the signs that a person would name."""
    words = _CAMEL.sub(" ", re.sub(r"[_()\[\]{}\"'`,;:?|]+", " ", code))
    words = re.sub(r"(?<=\d) dot (?=\d)", ".", _CODE_SIGN.sub(lambda found: _CODE_SIGNS[found[0]], words))
    return " ".join(re.sub(r"(?<=\w)-(?=\w)", " ", words).split()) if re.search(r"\w", code) else ""


def _formula(tex: str, base: Language) -> str:
    words = (spoken_zh if base == "zh" else spoken_en).formula(tex)
    return f" {words} " if words else {"en": " a formula ", "zh": "一个公式"}[base]


def _runs(text: str, base: Language) -> list[LanguageRun]:
    """Cut ``text`` where the script changes. What belongs to no script goes with what stands before it, or, when it
    holds a number between two languages, with the language of the line."""
    if base == "zh":
        text = spoken_zh.units(text)
    pieces = [(found.lastgroup or "other", found[0]) for found in _PIECE.finditer(text)]
    parts: list[tuple[str, str]] = []
    for index, (kind, piece) in enumerate(pieces):
        if kind == "other":
            before = parts[-1][0] if parts else ""
            after = next((later for later, _ in pieces[index + 1 :] if later != "other"), "")
            number = any(sign.isdigit() for sign in piece)
            kind = (base if before != after else before) if number else before or after
            kind = kind or base
            if number and before and before != kind and (lead := re.match(r"[^\d+$€£¥￥(（<>~-]+", piece)):
                parts[-1] = (before, parts[-1][1] + lead[0])
                piece = piece[lead.end() :]
        if parts and parts[-1][0] == kind:
            parts[-1] = (kind, parts[-1][1] + piece)
        else:
            parts.append((kind, piece))
    said = ((kind, spoken_zh.words(part) if kind == "zh" else spoken_en.words(part)) for kind, part in parts)
    return [LanguageRun("zh" if kind == "zh" else "en", words) for kind, words in said if re.search(r"\w", words)]
