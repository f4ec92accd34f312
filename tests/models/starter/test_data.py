"""The starter models' data: icons matched to concepts, named in two languages, drawn, packed; all offline.

The sets and names are small and made by hand, in the packages' own format, down to the tarballs.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import SafetensorError

from models.starter.data import fetch as data_fetch
from models.starter.data import names as data_names
from models.starter.data import render as data_render
from models.starter.data.build import build as data
from models.starter.data.fetch import FetchError, NpmPackage
from models.starter.data.names import Glossary, IconSet

HALF = '<path fill="#d02020" d="M0 0h20v36H0z"/>'
DISC = '<circle cx="18" cy="18" r="14" fill="#2060d0"/>'
STAR = '<path fill="#e0b020" d="M18 1l5 12h12l-10 8 4 13-11-8-11 8 4-13L1 13h12z"/>'

CAT, CAT_FACE, APPLE, WAVE, FLAG, GUN, CLOCK = "1F408", "1F431", "1F34E", "1F44B", "1F1E6-1F1E8", "1F52B", "1F550"


def emoji(code: str, label: str, group: int | None, **rest: Any) -> dict[str, Any]:
    return {"hexcode": code, "label": label, "tags": [label.split()[-1].upper()], "group": group} | rest


ENGLISH = [
    emoji(CAT, "cat", 3),
    emoji(CAT_FACE, "cat face", 3),
    emoji(APPLE, "red apple", 4),
    emoji(WAVE, "waving hand", 1, skins=[{"hexcode": f"{WAVE}-1F3FB"}, {"hexcode": f"{WAVE}-1F3FF"}]),
    emoji(FLAG, "flag: Ascension Island", 9),
    emoji(GUN, "water pistol", 7),
    emoji(CLOCK, "one o’clock", 5),
    emoji("1F95B", "glass of milk", 4),
    emoji("1F964", "cup with straw", 4),
    emoji("2602-FE0F", "umbrella", 5),
    emoji("2614", "umbrella with rain drops", 5),
    emoji("1FA85", "piñata", 6),
    emoji("1F63A", "cat with a very long tail", 0),
]
CHINESE = [emoji(each["hexcode"], f"名{number}", each["group"]) for number, each in enumerate(ENGLISH)]
SHORTCODES: list[dict[str, str | list[str]]] = [{APPLE: "apple", WAVE: ["wave", "hello"], "1F95B": "milk_glass"}]


@pytest.fixture
def words() -> Glossary:
    return data_names.glossary(ENGLISH, CHINESE, SHORTCODES)


def made(*names: str, chars: Mapping[str, str] | None = None, **bodies: str) -> IconSet:
    """A set with a disc for every name and the given bodies."""
    icons = {name: {"body": DISC} for name in names} | {name: {"body": body} for name, body in bodies.items()}
    return data_names.icon_set("made", {"icons": icons, "width": 36, "height": 36}, chars or {})


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


def drawn(body: str) -> bytes:
    pytest.importorskip("resvg_py")
    webp = data_render.draw(data_render.svg(made(icon=body), "icon"))
    assert webp is not None
    return webp


def test_a_picture_is_drawn_straight_and_whole() -> None:
    picture = data_render.decode(drawn(HALF.replace("/>", ' opacity=".6"/>')))
    assert (picture.shape, picture.dtype) == ((128, 128, 4), np.uint8)
    assert picture[64, 30].tolist() == pytest.approx([0xD0, 0x20, 0x20, 153], abs=2)
    assert not picture[:, 80:].any()


def test_an_icons_own_box_is_used() -> None:
    icons = data_names.icon_set("made", {"icons": {"a": {"body": HALF, "width": 40, "left": 4}}, "height": 36}, {})
    assert 'viewBox="4 0 40 36"' in data_render.svg(icons, "a")


@pytest.mark.parametrize("body", ["", '<path d="M0 0h36v36H0z"/>', '<circle cx="3" cy="3" r="1"/>'])
def test_empty_pictures_and_full_squares_are_dropped(body: str) -> None:
    pytest.importorskip("resvg_py")
    assert data_render.draw(data_render.svg(made(icon=body), "icon")) is None


def test_pictures_alike_in_two_styles_are_found() -> None:
    disc, near, star = drawn(DISC), drawn(DISC.replace("14", "13.8")), drawn(STAR)
    assert data_render.alike([{"a": disc, "b": near, "c": star}, {"a": disc, "b": near}]) == {"a", "b"}
    assert data_render.alike([{"a": disc, "b": near, "c": star}, {"a": disc, "b": star}]) == set()


def tarball(folder: Path, package: NpmPackage, files: Mapping[str, Any]) -> NpmPackage:
    """Writes ``files`` as npm would; the package, pinned to what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / package.file, "w:gz") as archive:
        for name, content in files.items():
            raw = json.dumps(content).encode()
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    return replace(package, sha256=hashlib.sha256((folder / package.file).read_bytes()).hexdigest())


def iconify(**bodies: str) -> dict[str, Any]:
    icons = {name.replace("_", "-"): {"body": body} for name, body in bodies.items()}
    return {"icons.json": {"icons": icons, "width": 36, "height": 36}}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with every package, small; npm is never called."""
    pytest.importorskip("resvg_py")
    folder = tmp_path / "cache"
    bodies = {"red_apple": HALF, "cat_face": STAR, "water_pistol": DISC, "waving_hand": DISC}
    trained = [tarball(folder, package, iconify(**bodies)) for package in data.TRAINING[:2]]
    bodies = {"apple": HALF, "catface": STAR, "waving_hand": STAR, "umbrella": DISC}
    trained.append(tarball(folder, data.TRAINING[5], iconify(**bodies)))
    names: dict[str, Any] = {"en/data.json": ENGLISH, "zh/data.json": CHINESE}
    names |= {f"en/shortcodes/{name}.json": SHORTCODES[0] for name in data.SHORTCODES}
    monkeypatch.setattr(data, "TRAINING", tuple(trained))
    monkeypatch.setattr(data, "NAMES", tarball(folder, data.NAMES, names))
    unseen = iconify(red_apple=DISC, umbrella=STAR)
    monkeypatch.setattr(data, "UNSEEN", tarball(folder, data.UNSEEN, unseen))
    monkeypatch.setattr(data_fetch.subprocess, "run", lambda *_, **__: pytest.fail("npm was called"))
    return folder


def run(out: Path, cache: Path, *more: str) -> int:
    return data.main(["--out", str(out), "--cache", str(cache), "--jobs", "1", *more])


def test_the_command_keeps_what_three_sets_show(tmp_path: Path, cache: Path) -> None:
    assert run(tmp_path, cache) == 0
    pack = data.read_pack(tmp_path / data.PACK)
    assert [each["slug"] for each in pack.concepts] == ["cat-face", "red-apple", "waving-hand"]
    assert pack.styles == ["noto", "twemoji", "fxemoji"]
    assert pack.licences == {"noto": "Apache-2.0", "twemoji": "CC-BY-4.0", "fxemoji": "Apache-2.0"}
    assert pack.concept.tolist() == [0, 1, 2] * 3
    assert pack.style.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert not (tmp_path / data.UNSEEN_PACK).exists()


def test_the_unseen_style_has_the_same_concepts_and_only_them(tmp_path: Path, cache: Path) -> None:
    assert run(tmp_path, cache, "--unseen") == 0
    pack, unseen = data.read_pack(tmp_path / data.PACK), data.read_pack(tmp_path / data.UNSEEN_PACK)
    assert unseen.concepts == pack.concepts
    assert (unseen.styles, unseen.concept.tolist()) == (["emojione"], [1])
    assert "emojione" not in pack.styles


def test_a_pack_gives_back_its_pictures(tmp_path: Path, cache: Path) -> None:
    assert run(tmp_path, cache) == 0
    pack = data.read_pack(tmp_path / data.PACK)
    assert (len(pack), pack.ends.dtype, pack.concept.dtype, pack.style.dtype) == (9, np.int64, np.int16, np.int16)
    assert (pack.webp.dtype, pack.ends[-1]) == (np.uint8, pack.webp.size)
    for index, body in enumerate((STAR, HALF, DISC)):
        np.testing.assert_array_equal(pack.picture(index), data_render.decode(drawn(body)))


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path, cache: Path) -> None:
    for out in ("a", "b"):
        assert run(tmp_path / out, cache, "--unseen") == 0
    for name in (data.PACK, data.UNSEEN_PACK):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_pack_that_would_be_too_large_is_not_written(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, "LARGEST", 1000)
    assert run(tmp_path / "out", cache) == 1
    assert "icons.safetensors would take" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_no_pack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"no pack at all")
    with pytest.raises(SafetensorError):
        data.read_pack(tmp_path / "a")


def test_a_tarball_that_differs_is_refused_and_removed(tmp_path: Path, cache: Path) -> None:
    package = data.TRAINING[0]
    (cache / package.file).write_bytes(b"something else")
    with pytest.raises(FetchError, match="not the pinned"):
        data_fetch.fetch(package, cache)
    assert not (cache / package.file).exists()


def test_npm_packs_the_pinned_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tarball(tmp_path / "there", data_fetch.TRAINING[0], iconify(cat=DISC))

    def npm(command: list[str], **_: Any) -> None:
        assert command[:3] == ["npm", "pack", "@iconify-json/noto@1.2.9"]
        (Path(command[-1]) / package.file).write_bytes((tmp_path / "there" / package.file).read_bytes())

    monkeypatch.setattr(data_fetch.subprocess, "run", npm)
    found = data_fetch.read_json(data_fetch.fetch(package, tmp_path / "here"), ["icons.json", "chars.json"])
    assert found == iconify(cat=DISC)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError("no npm"), "could not be run: no npm"),
        (subprocess.TimeoutExpired("npm", 600), "could not be run"),
        (subprocess.CalledProcessError(1, "npm", stderr="E404 nowhere\n"), "failed: E404 nowhere"),
    ],
)
def test_npm_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str) -> None:
    def npm(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(data_fetch.subprocess, "run", npm)
    with pytest.raises(FetchError, match=said):
        data_fetch.fetch(data_fetch.TRAINING[0], tmp_path)


def test_every_package_is_pinned_and_attributed() -> None:
    text = (Path(data.__file__).parent / "ATTRIBUTION.md").read_text(encoding="utf-8")
    for package in (*data_fetch.TRAINING, data_fetch.UNSEEN, data_fetch.NAMES):
        assert len(package.sha256) == 64
        row = next(line for line in text.splitlines() if f"{package.name} {package.version} |" in line)
        assert all(part in row for part in (package.title, package.author, package.licence, package.page))
