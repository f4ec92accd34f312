"""Icons matched to concepts, named in two languages."""

from __future__ import annotations

import pytest

from models.starter.data import names as data_names
from models.starter.data.names import Glossary
from tests.models.starter.data_helpers import (
    APPLE,
    CAT,
    CAT_FACE,
    CHINESE,
    CLOCK,
    DISC,
    ENGLISH,
    SHORTCODES,
    WAVE,
    made,
)


@pytest.fixture
def words() -> Glossary:
    return data_names.glossary(ENGLISH, CHINESE, SHORTCODES)


def test_the_sets_own_codepoints_come_before_the_label(words: Glossary) -> None:
    icons = made("cat", "feline", chars={"1f408": "feline", "1f431": "cat"})
    assert data_names.match(icons, words, {}) == {CAT: "feline", CAT_FACE: "cat"}


def test_an_icon_whose_codepoints_nobody_knows_is_known_by_its_label(words: Glossary) -> None:
    assert data_names.match(made("red-apple", chars={"e000": "red-apple"}), words, {}) == {APPLE: "red-apple"}


def test_codepoints_of_an_alias_are_its_parents(words: Glossary) -> None:
    icons = {"icons": {"fruit": {"body": DISC}}, "aliases": {"pomme": {"parent": "fruit"}}}
    assert data_names.match(data_names.icon_set("made", icons, {"1f34e": "pomme"}), words, {}) == {APPLE: "fruit"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("red-apple", APPLE),  # label
        ("apple", APPLE),  # shortcode
        ("hello", WAVE),  # the second of several
        ("milk-glass", "1F95B"),  # an underscore in the shortcode
        ("waving-hand-sign", WAVE),  # Unicode name
        ("glassofmilk", "1F95B"),  # no hyphens
        ("umbrella", "2602"),  # a variation selector in emojibase
        ("pinata", "1FA85"),  # a letter outside ASCII
        ("one-oclock", CLOCK),  # an apostrophe
    ],
)
def test_an_icon_without_codepoints_is_known_by_its_name(words: Glossary, name: str, code: str) -> None:
    assert data_names.match(made(name), words, {}) == {code: name}


def test_another_sets_codepoints_tell_what_a_name_means(words: Glossary) -> None:
    others = data_names.shared_codes([made("gato", chars={"1f408": "gato"})])
    assert data_names.match(made("gato", "cat-face"), words, others) == {CAT: "gato", CAT_FACE: "cat-face"}


def test_of_two_icons_for_a_concept_the_better_known_stays(words: Glossary) -> None:
    assert data_names.match(made("apple", "red-apple"), words, {}) == {APPLE: "red-apple"}


@pytest.mark.parametrize("name", ["waving-hand-light", "waving-hand-medium-dark-skin-tone", "wave-tone3"])
def test_skin_tones_are_left_out_by_name(words: Glossary, name: str) -> None:
    assert data_names.match(made(name, "red-apple"), words, {}) == {APPLE: "red-apple"}


def test_skin_tones_are_left_out_by_codepoints(words: Glossary) -> None:
    icons = made("hello", "wave", chars={"1f44b-1f3fb": "hello", "1f44b": "wave"})
    assert data_names.match(icons, words, {}) == {WAVE: "wave"}


@pytest.mark.parametrize("name", ["flag-ascension-island", "pistol", "nothing-of-the-kind"])
def test_flags_former_meanings_and_strangers_are_left_out(words: Glossary, name: str) -> None:
    assert data_names.match(made(name), words, {}) == {}


def test_hidden_icons_and_those_without_their_style_sheet_are_left_out(words: Glossary) -> None:
    icons = {
        "icons": {"cat-face": {"body": DISC, "hidden": True}, "red-apple": {"body": '<path class="st0" d="M0 0"/>'}}
    }
    assert data_names.match(data_names.icon_set("made", icons, {}), words, {}) == {}


def test_a_sets_only_cat_is_a_face(words: Glossary) -> None:
    assert data_names.match(made("cat"), words, {}) == {CAT_FACE: "cat"}
    assert data_names.match(made("cat", "cat-face"), words, {}) == {CAT: "cat", CAT_FACE: "cat-face"}


def test_names_are_short_lower_case_and_sorted(words: Glossary) -> None:
    listed = data_names.concepts(["2614", "2602", "1F964", "1FA85", CLOCK, "1F63A"], words)
    assert {code: each["en"] for code, each in listed.items()} == {
        "1F63A": "cat with a very long tail",
        "1F964": "cup",
        CLOCK: "one o'clock",
        "1FA85": "pinata",
        "2602": "umbrella",
        "2614": "umbrella with rain drops",
    }
    assert [each["slug"] for each in listed.values()] == sorted(each["slug"] for each in listed.values())


def test_a_concept_carries_both_languages_and_its_flags(words: Glossary) -> None:
    listed = data_names.concepts([WAVE, APPLE, CLOCK], words)
    assert listed[WAVE] == {
        "slug": "waving-hand",
        "en": "waving hand",
        "zh": "名3",
        "tags_en": ["hand"],
        "tags_zh": ["名3"],
        "group": 1,
        "people": True,
        "confusable": False,
    }
    assert [(each["people"], each["confusable"]) for each in listed.values()] == [
        (False, True),
        (False, False),
        (True, False),
    ]


def test_face_and_body_are_confusable_only_together(words: Glossary) -> None:
    assert all(each["confusable"] for each in data_names.concepts([CAT, CAT_FACE], words).values())
    assert not data_names.concepts([CAT], words)[CAT]["confusable"]


def test_names_that_two_concepts_share_are_refused() -> None:
    same = [each | {"label": "同名"} for each in CHINESE]
    with pytest.raises(ValueError, match=r"share zh \['同名'\]"):
        data_names.concepts([CAT, APPLE], data_names.glossary(ENGLISH, same, []))
