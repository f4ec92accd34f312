"""Translatable text: English in the code, other languages in the tables, put into words where it is shown."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.l10n import tables
from core.l10n.tables import closest, languages, table
from core.l10n.text import NOTHING, L10n, both, l10n, listed

GERMAN = """
name = "Deutsch"
[words]
settings = "Einstellungen"
[texts]
"{name} has {size:.1f} GB" = "{name} hat {size:.2f} GB"
"There is no {thing!r}: {why}." = "Es gibt kein {thing!r}: {why}."
"the disk is full" = "die Platte ist voll"
" or " = " oder "
"""


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A third language, added as one is: by a file in the folder."""
    (tmp_path / "de.toml").write_text(GERMAN, "utf-8")
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    languages.cache_clear()
    table.cache_clear()
    yield
    languages.cache_clear()
    table.cache_clear()


def test_a_file_in_the_folder_is_a_language(german: None) -> None:
    assert languages() == ("en", "de")
    assert (table("de").name, table("de").words["settings"]) == ("Deutsch", "Einstellungen")


def test_a_text_is_english_until_it_is_put_into_another_language(german: None) -> None:
    text = l10n("{name} has {size:.1f} GB", name="Ada", size=1.234)
    assert str(text) == "Ada has 1.2 GB"
    assert text.into("de") == "Ada hat 1.23 GB"
    assert text.by_language() == {"en": "Ada has 1.2 GB", "de": "Ada hat 1.23 GB"}


def test_a_text_within_a_text_is_put_into_the_same_language(german: None) -> None:
    text = l10n("There is no {thing!r}: {why}.", thing="room", why=l10n("the disk is full"))
    assert str(text) == "There is no 'room': the disk is full."
    assert text.into("de") == "Es gibt kein 'room': die Platte ist voll."


def test_what_has_no_translation_is_said_in_english(german: None) -> None:
    assert l10n("Nobody translated {what}.", what="this").into("de") == "Nobody translated this."
    assert l10n("the disk is full").into("fr") == "the disk is full"


def test_a_translation_that_comes_with_a_text_wins(german: None) -> None:
    text = both("{braces} are no placeholders here", "这里没有占位符")
    assert (str(text), text.into("zh")) == ("{braces} are no placeholders here", "这里没有占位符")
    assert L10n("the disk is full", given=(("de", "voll"),)).into("de") == "voll"
    assert both("English only", "").into("zh") == "English only"


def test_a_list_is_set_apart_as_the_language_does_it(german: None) -> None:
    assert str(listed(["a", "b", "c"])) == "a, b, c"
    assert listed(["a", l10n("the disk is full")], l10n(" or ")).into("de") == "a oder die Platte ist voll"
    assert str(listed([])) == ""


def test_a_list_in_chinese_has_its_own_comma() -> None:
    assert listed(["甲", "乙"]).into("zh") == "甲、乙"


def test_a_text_compares_hashes_and_can_be_pickled_whatever_was_put_in() -> None:
    text = l10n(
        "{a} {b} {c} {d:,} {e:.1f} {f}",
        a=Path("x"),
        b=OSError("why"),
        c=True,
        d=np.int64(5000),
        e=np.float32(0.5),
        f="",
    )
    assert text == pickle.loads(pickle.dumps(text))  # noqa: S301 — our own
    assert hash(text) == hash(pickle.loads(pickle.dumps(text)))  # noqa: S301 — our own
    assert str(text) == "x why True 5,000 0.5 "
    assert {type(value) for _, value in text.values} <= {str, int, float, bool}


def test_an_empty_text_is_false() -> None:
    assert not NOTHING
    assert not both("", "")
    assert l10n("something")


@pytest.mark.parametrize(
    ("locale", "language"),
    [("zh_CN.UTF-8", "zh"), ("zh-TW", "zh"), ("en_GB", "en"), ("C", "en"), ("", "en"), ("ZH", "zh")],
)
def test_a_locale_has_a_language(locale: str, language: str) -> None:
    assert closest(locale) == language
