"""The tables are whole: every text for the person is in every language, and nowhere but there."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from core.catalogue.load import load
from core.l10n.tables import languages, table

ROOT = Path(__file__).parents[3]
HAN = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")  # characters and the punctuation of Chinese

# Where Chinese stands in the code, because it is data about the language and no text for the person.
ABOUT_CHINESE = {
    "core/turn_taking/text.py": "the words by which turns are told apart",
    "core/text": "how text in it is cut, searched and spoken",
    "core/call/fillers.py": "words that a Chinese voice begins with",
    "core/pipeline/draw_intent.py": "how wishes for a picture are worded",
    "core/pipeline/prompt_enhancer.py": "examples in a model's prompt",
    "core/pipeline/instructions.py": "an instruction to the model",
    "core/pipeline/starter_vision.py": "questions that the starter model was trained on",
    "core/store/export_markdown.py": "headings of other programs' exports",
    "models/coqui/engine.py": "its punctuation, and a sentence to warm up with",
    "models/coqui/text.py": "its punctuation",
    "models/kokoro/engine.py": "a sentence to warm up with",
    "models/kokoro/pinyin.py": "how its characters are pronounced",
    "models/whisper/chinese_script.py": "its punctuation",
    "models/whisper/hallucination.py": "a prompt that makes the model punctuate it",
    "models/whisper/options.py": "its punctuation",
    "models/whisper/repetition.py": "its characters",
    "models/starter": "what the starter models are trained on",
}
BEFORE_THE_TABLES = {"start.py": "told to a Python too old to read the tables"}


def sources(*rooms: str) -> list[Path]:
    found = sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))
    return [path for path in [*found, ROOT / "start.py"] if "starter/data" not in path.as_posix()]


def calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "l10n":
            yield node


@cache
def templates() -> dict[str, str]:
    """Every template in the code, and where it stands."""
    found: dict[str, str] = {}
    for path in sources("core", "models", "ui", "pages", "bench"):
        for call in calls(path):
            template = call.args[0]
            if isinstance(template, ast.Constant):
                found.setdefault(str(template.value), f"{path.relative_to(ROOT)}:{call.lineno}")
    return found


def placeholders(template: str) -> set[str]:
    """With their conversions and formats: ``size:.1f``, ``name!r``."""
    return {f"{name}!{conversion}:{spec}" for _, name, spec, conversion in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("language", languages()[1:])
def test_a_language_lacks_no_text(language: str) -> None:
    lacking = [f"{where}: {text}" for text, where in templates().items() if text not in table(language).texts]
    assert not lacking, f"core/l10n/{language}.toml lacks:\n" + "\n".join(lacking)


@pytest.mark.parametrize("language", languages()[1:])
def test_no_text_is_left_over(language: str) -> None:
    about = {str(spec.about) for spec in load().models}
    over = table(language).texts.keys() - templates().keys() - about
    assert not over, f"nothing says these of core/l10n/{language}.toml:\n" + "\n".join(over)


@pytest.mark.parametrize("language", languages()[1:])
def test_a_translation_has_the_placeholders_of_its_text(language: str) -> None:
    texts = table(language).texts
    wrong = [text for text, said in texts.items() if placeholders(text) != placeholders(said) and "{" in text + said]
    assert not wrong


@pytest.mark.parametrize("language", languages()[1:])
def test_a_language_lacks_nothing_that_is_said_of_the_models(language: str) -> None:
    specs = load().models
    known = table(language).texts
    lacking = [spec.id for spec in specs if language not in dict(spec.about.given) and str(spec.about) not in known]
    assert not lacking, f"models/catalogue.toml has no about_{language} for {lacking}"


@pytest.mark.parametrize(
    "path", sources("core", "models", "ui", "pages", "bench"), ids=lambda p: str(p.relative_to(ROOT))
)
def test_a_template_is_a_literal_whose_placeholders_are_given(path: Path) -> None:
    if path == ROOT / "core/l10n/text.py":  # where lists are made of their items
        return
    for call in calls(path):
        assert isinstance(call.args[0], ast.Constant), f"line {call.lineno}: a table has no entry for what is made up"
        names = {name for _, name, _, _ in string.Formatter().parse(str(call.args[0].value)) if name}
        given = {keyword.arg for keyword in call.keywords}
        assert not call.keywords or names == given, f"line {call.lineno}: {names ^ given}"


@pytest.mark.parametrize("path", sources("core", "models"), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_chinese_is_written_in_the_code(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if name.startswith((*ABOUT_CHINESE, *BEFORE_THE_TABLES)):
        return
    tree = ast.parse(path.read_text("utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = [
        f"line {node.lineno}: {node.value}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
        if HAN.search(node.value)
    ]
    assert not found


def test_the_exceptions_are_still_needed() -> None:
    for name in (*ABOUT_CHINESE, *BEFORE_THE_TABLES):
        place = ROOT / name
        assert any(HAN.search(path.read_text("utf-8")) for path in (place.rglob("*.py") if place.is_dir() else [place]))
