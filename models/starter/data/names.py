"""What the pictures show: icons of several sets matched to one list of concepts, named in English and Chinese.

A concept is an emoji of emojibase; its key is its codepoints without the joiners ("1F431"). Sets name their icons in
their own ways, so an icon is matched by the first that fits of: the set's own codepoints, the label, another set's
codepoints, a shortcode or the Unicode name, and all of these without hyphens.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

PEOPLE = 1  # emojibase's group "people & body"
DROPPED_GROUPS = (None, 2, 8, 9)  # regional letters, components, symbols, flags
ENOUGH_SETS = 3
SHORTCODES = ("cldr", "emojibase", "emojibase-legacy", "github", "iamcal", "joypixels")

_TONE = re.compile(r"skin-tone|-(light|medium-light|medium|medium-dark|dark)$|tone\d")
_CONFUSABLE = re.compile(r"o'clock|-thirty|\bmoon\b(?! cake| viewing)|mailbox|^globe showing|\btilted\b")
_MISLEADING = ("pistol",)  # emojibase calls it a water pistol
_CUT = re.compile(r" (with|without) .*$")
_SHORTER = {"leaf fluttering in wind": "fluttering leaf", "shallow pan of food": "pan of food", "pool 8 ball": "8 ball"}


class IconConcept(TypedDict):
    """One thing to draw, as the packs' metadata lists it."""

    slug: str  # of the English name
    en: str
    zh: str
    tags_en: list[str]
    tags_zh: list[str]
    group: int  # emojibase's
    people: bool
    confusable: bool  # hard to tell from another concept by its picture


@dataclass(frozen=True)
class IconSet:
    """An Iconify set: icon name to its JSON, and icon name to the codepoints the set gives it."""

    name: str
    icons: Mapping[str, Mapping[str, Any]]
    size: tuple[float, float]  # the view box of icons that give none, in units
    codes: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Glossary:
    """emojibase by key, and the keys by slug."""

    english: Mapping[str, Mapping[str, Any]]
    chinese: Mapping[str, Mapping[str, Any]]
    tones: frozenset[str]  # keys of pictures that differ by skin tone alone
    labels: Mapping[str, str]
    nicknames: Mapping[str, str]  # shortcodes and Unicode names


def slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", text).replace("’", "").replace("'", "")
    return re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower().replace("&", "and")).strip("-")


def key(hexcode: str) -> str:
    """Upper-case codepoints joined by hyphens, without the variation selector and the joiner."""
    return "-".join(part for part in hexcode.upper().split("-") if part not in ("FE0F", "200D"))


def icon_set(name: str, icons: Mapping[str, Any], chars: Mapping[str, str]) -> IconSet:
    """From a set's icons.json and chars.json (codepoints to icon or alias; may be empty)."""
    aliases = icons.get("aliases", {})
    codes: dict[str, list[str]] = defaultdict(list)
    for hexcode, icon in sorted(chars.items()):
        codes[aliases.get(icon, {}).get("parent", icon)].append(key(hexcode))
    return IconSet(name, icons["icons"], (icons.get("width", 16), icons.get("height", 16)), dict(codes))


def glossary(
    english: Iterable[Mapping[str, Any]],
    chinese: Iterable[Mapping[str, Any]],
    shortcodes: Iterable[Mapping[str, str | list[str]]],
) -> Glossary:
    """From emojibase's data.json in both languages and its English shortcode files."""
    records = {key(record["hexcode"]): record for record in english}
    tones = frozenset(key(skin["hexcode"]) for record in records.values() for skin in record.get("skins", ()))
    labels: dict[str, str] = {}
    nicknames: dict[str, str] = {}
    for code, record in records.items():
        labels.setdefault(slug(record["label"]), code)
    for file in shortcodes:
        for hexcode, names in file.items():
            if key(hexcode) in records:
                for name in [names] if isinstance(names, str) else names:
                    nicknames.setdefault(slug(name), key(hexcode))
    for code in records:
        if "-" not in code and (name := unicodedata.name(chr(int(code, 16)), "")):
            nicknames.setdefault(slug(name), code)
    by_key = {key(record["hexcode"]): record for record in chinese}
    return Glossary(records, by_key, tones, labels, nicknames)


def match(icons: IconSet, words: Glossary, others: Mapping[str, str]) -> dict[str, str]:
    """Key to the set's icon that shows it best, for every concept that is wanted; ``others`` as shared_codes gives.

    Hidden icons, skin tones, icons that lost their colours and those that now mean another thing are left out. Where
    a set has one picture for, say, cat and cat face, it shows the face.
    """
    own = {name: code for name, codes in icons.codes.items() for code in codes[::-1] if code in words.english}
    ways = (own, words.labels, others, words.nicknames)
    squeezed = {_squeeze(name): code for way in (words.nicknames, others, words.labels) for name, code in way.items()}
    best: dict[str, tuple[int, str]] = {}
    for name, icon in icons.icons.items():
        if _spoilt(name, icon) or (_TONE.search(name) and name not in words.labels):
            continue
        if name not in own and words.tones.intersection(icons.codes.get(name, ())):
            continue
        found = [(rank, way[name]) for rank, way in enumerate(ways) if name in way]
        if not found and (code := squeezed.get(_squeeze(name))):
            found = [(len(ways), code)]
        if found and _wanted(found[0][1], words):
            rank, code = found[0]
            best[code] = min(best.get(code, (rank, name)), (rank, name))
    for code, (rank, _) in list(best.items()):
        face = words.labels.get(f"{slug(words.english[code]['label'])}-face")
        if face and rank and face not in best and _wanted(face, words):
            best[face] = best.pop(code)
    return {code: name for code, (_, name) in sorted(best.items())}


def shared_codes(sets: Iterable[IconSet]) -> dict[str, str]:
    """Icon name to key, from every set that gives codepoints; the first set that has a name decides."""
    shared: dict[str, str] = {}
    for icons in sets:
        for name, codes in icons.codes.items():
            shared.setdefault(name, codes[0])
    return shared


def concepts(keys: Iterable[str], words: Glossary) -> dict[str, IconConcept]:
    """Key to concept, sorted by slug. Raises ValueError where two would share a name in one of the languages."""
    names = _english({code: words.english[code] for code in words.english if _wanted(code, words)})
    made = sorted((_concept(code, names[code], words) for code in keys), key=lambda pair: pair[1]["slug"])
    for part in ("slug", "en", "zh"):
        seen = [concept[part] for _, concept in made]
        if twice := {name for name in seen if seen.count(name) > 1}:
            raise ValueError(f"several concepts share {part} {sorted(twice)}")
    english = {concept["en"] for _, concept in made}
    for _, concept in made:
        face, body = f"{concept['en']} face", concept["en"].removesuffix(" face")
        if face in english or (body != concept["en"] and body in english):
            concept["confusable"] = True
    return dict(made)


def _squeeze(name: str) -> str:
    return name.replace("-", "")


def _spoilt(name: str, icon: Mapping[str, Any]) -> bool:
    """Hidden, of another meaning now, or styled by a sheet that is not there."""
    return (
        bool(icon.get("hidden")) or name in _MISLEADING or ("class=" in icon["body"] and "<style" not in icon["body"])
    )


def _wanted(code: str, words: Glossary) -> bool:
    return code in words.chinese and words.english.get(code, {}).get("group") not in DROPPED_GROUPS


def _english(records: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Key to a short lower-case name; what follows "with" goes where the rest is still a name of its own."""
    full = {code: _plain(record["label"]) for code, record in records.items()}
    short = {
        code: _SHORTER.get(name) or (_CUT.sub("", name) if records[code]["group"] > PEOPLE else name)
        for code, name in full.items()
    }
    count: dict[str, int] = defaultdict(int)
    for code, name in full.items():
        for each in {name, short[code]}:
            count[each] += 1
    return {code: short[code] if count[short[code]] == 1 else name for code, name in full.items()}


def _plain(label: str) -> str:
    return unicodedata.normalize("NFKD", label.replace("’", "'")).encode("ascii", "ignore").decode().lower().strip()


def _concept(code: str, name: str, words: Glossary) -> tuple[str, IconConcept]:
    english, chinese = words.english[code], words.chinese[code]
    return code, IconConcept(
        slug=slug(name),
        en=name,
        zh=chinese["label"],
        tags_en=[tag.lower() for tag in english.get("tags", ())],
        tags_zh=list(chinese.get("tags", ())),
        group=english["group"],
        people=english["group"] == PEOPLE,
        confusable=bool(_CONFUSABLE.search(name)),
    )
