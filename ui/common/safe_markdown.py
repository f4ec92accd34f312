"""Words of a model made safe and readable as Streamlit Markdown, and cut into blocks that no longer change.

What a model writes is untrusted. Streamlit escapes its HTML; the rest is done here: a picture becomes a link (an image
would be a network call nobody asked for), a link that is not to the web becomes text, Streamlit's own directives are
switched off, ``\\( \\)`` and ``\\[ \\]`` become the dollars that KaTeX is given, and a price stays a price.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
CODE = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n\n).)+?(?<!`)\1(?!`)", re.DOTALL)
PICTURE = re.compile(r"!\[([^\]\n]*)\]\(\s*<?([^)\s>]*)>?[^)\n]*\)")
LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\(\s*<?(?!https?://|mailto:)([^)\n]*?)>?\s*\)", re.IGNORECASE)
DEFINITION = re.compile(r"^( {0,3})\[(?=[^\]\n]+\]:)", re.MULTILINE)
AUTOLINK = re.compile(r"<(?!https?://)([a-z][a-z0-9+.-]*:[^>\s]*)>", re.IGNORECASE)
DIRECTIVE = re.compile(r":(?=[a-z][a-z0-9-]*\[|material/|streamlit:)")
MATH = re.compile(r"\\\((?P<round>.+?)\\\)|\\\[(?P<square>.+?)\\\]|(?<!\\)\$\$(?P<block>.+?)\$\$", re.DOTALL)
DOLLARS = re.compile(r"(?<![\\$\w])\$(?![\s$])((?:\\.|[^$\\\n])*?)(?<![\s\\])\$(?![\d$])")
BULLET = re.compile(r"[-*+]|\d{1,9}[.)]?")  # what may yet grow into a list's next item
SOFT_BREAK = re.compile(r"(?<=\S)\n(?=\S)")  # a model that begins a new line means one
LIST = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])\s")


def safe(text: str) -> str:
    """``text`` as Markdown to hand to ``st.markdown``; code is left exactly as it is."""
    return "".join(piece if code else _prose(piece) for code, piece in _split(text))


def literal(text: str) -> str:
    """``text`` on one line, as Markdown and labels show it unchanged: a name, a title or a path somebody else wrote."""
    return "".join(
        "\\" + letter if letter in "\\`*_{}[]()#+-.!$:~<>|&" else letter for letter in " ".join(text.split())
    )


def blocks(text: str) -> list[str]:
    """Top-level pieces of ``text`` in order; while it grows only the last one can change.

    A blank line ends a block outside fences and display formulas, except inside a list or before an indented line.
    """
    found: list[list[str]] = [[]]
    fence, formula = "", False
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if (
            not fence
            and not formula
            and found[-1]
            and not found[-1][-1].strip()
            and line.strip()
            and _begins(found[-1], line)
        ):
            found.append([])
        if mark and not formula:
            fence = _fence(fence, mark[1], line)
        elif not fence:
            formula ^= bool((line.count("$$") % 2) or ("\\[" in line) != ("\\]" in line))
        found[-1].append(line)
    return ["\n".join(lines) for lines in found if any(line.strip() for line in lines)]


def _begins(block: list[str], line: str) -> bool:
    """Whether ``line`` after a blank line begins a new block."""
    if line[0] in " \t":
        return False
    return not (LIST.match(block[0]) and (LIST.match(line) or BULLET.fullmatch(line)))


def _fence(open_fence: str, mark: str, line: str) -> str:
    """The fence in force after a line with a fence mark."""
    if not open_fence:
        return mark
    closes = mark[0] == open_fence[0] and len(mark) >= len(open_fence) and line.strip() == mark
    return "" if closes else open_fence


def _split(text: str) -> Iterator[tuple[bool, str]]:
    """(is code, piece) over the whole text: fenced blocks by line, then code spans within paragraphs."""
    fence, lines = "", list[str]()
    for line in text.splitlines(keepends=True):
        mark = FENCE.match(line)
        after = _fence(fence, mark[1], line) if mark else fence
        if after and not fence:
            yield from _spans("".join(lines))
            lines = []
        lines.append(line)
        if fence and not after:
            yield True, "".join(lines)
            lines = []
        fence = after
    if fence:
        yield True, "".join(lines)
    else:
        yield from _spans("".join(lines))


def _spans(prose: str) -> Iterator[tuple[bool, str]]:
    """Formulas first, since a backslash means something else in them; then code spans."""
    at = 0
    for code in CODE.finditer(prose):
        yield False, prose[at : code.start()]
        yield True, code[0]
        at = code.end()
    yield False, prose[at:]


def _prose(text: str) -> str:
    """Prose outside code: formulas kept, everything else made safe."""
    pieces, at = [], 0
    for math in MATH.finditer(text):
        pieces += [_inline(text[at : math.start()]), _formula(math)]
        at = math.end()
    return "".join([*pieces, _inline(text[at:])])


def _formula(math: re.Match[str]) -> str:
    if math["round"] is not None:
        return f"${math['round'].strip()}$"
    body = math["block"] if math["square"] is None else math["square"]
    return f"$${body}$$" if "\n\n" not in body else math[0].replace("$", "\\$")


def _inline(text: str) -> str:
    """Prose without display formulas: dollars that are not formulas escaped, then links, pictures and directives."""
    pieces, at = [], 0
    for math in DOLLARS.finditer(text):
        pieces += [_plain(text[at : math.start()]), math[0]]
        at = math.end()
    return "".join([*pieces, _plain(text[at:])])


def _plain(text: str) -> str:
    text = re.sub(r"(?<!\\)\$", r"\\$", text)
    text = PICTURE.sub(lambda found: f"[{found[1] or 'image'}]({found[2]})", text)
    text = LINK.sub(lambda found: f"{found[1]} ({found[2]})", text)
    text = AUTOLINK.sub(r"\1", text)
    text = DEFINITION.sub(r"\1\\[", text)
    text = DIRECTIVE.sub(r"\\:", text.replace("![", "!\\["))
    return SOFT_BREAK.sub("  \n", text)
