"""Message catalogues: one ``<code>.toml`` in this folder for each language beside English, which is the source.

A table has ``name`` (the language in its own words), ``[texts]`` (English template -> translation, placeholders as they
are) and ``[words]`` (the interface's keys -> translation). The languages are the files: adding one adds a language.
Standard library only, since start.py speaks before the environment exists.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE = "en"


@dataclass(frozen=True, slots=True)
class LanguageTable:
    """The translations into one language."""

    name: str
    texts: Mapping[str, str]
    words: Mapping[str, str]


@cache
def languages() -> tuple[str, ...]:
    """The codes (ISO 639-1) of the languages that Parlor speaks to the person in, English first."""
    return (SOURCE, *sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def table(language: str) -> LanguageTable:
    """The translations into ``language``; none for English and for a language that has no file."""
    if language == SOURCE or language not in languages():
        return LanguageTable("English", {}, {})
    read = tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))
    return LanguageTable(read["name"], read["texts"], read["words"])


def closest(locale: str) -> str:
    """The language of a locale such as ``zh_CN.UTF-8`` or ``zh-TW``; English where it has no table."""
    code = locale.lower()
    return next((each for each in languages() if code.startswith(each)), SOURCE)
