"""Small sets of icons and names, in the packages' own format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from models.starter.data import names as data_names
from models.starter.data import render as data_render
from models.starter.data.names import IconSet

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


def made(*names: str, chars: Mapping[str, str] | None = None, **bodies: str) -> IconSet:
    """A set with a disc for every name and the given bodies."""
    icons = {name: {"body": DISC} for name in names} | {name: {"body": body} for name, body in bodies.items()}
    return data_names.icon_set("made", {"icons": icons, "width": 36, "height": 36}, chars or {})


def drawn(body: str) -> bytes:
    pytest.importorskip("resvg_py")
    webp = data_render.draw(data_render.svg(made(icon=body), "icon"))
    assert webp is not None
    return webp
