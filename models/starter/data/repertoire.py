"""What the brush learns to draw: everyday things, in one hand or in several, and at which size.

Small machines draw few things well or many things badly; the sizes below are what two CPU cores and what a GPU learn in
the time that they have.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.starter.data.pack import Pack
from models.starter.data.words import STYLES, Concept


@dataclass(frozen=True, slots=True)
class Repertoire:
    """``side`` of a picture in pixels; how many ``concepts``; which ``styles`` (art sets)."""

    side: int
    concepts: int
    styles: tuple[str, ...]


# What people ask for first, whatever the length of its name; and what they call it.
EVERYDAY = (
    "cat", "dog", "horse", "cow", "pig", "monkey", "rabbit", "mouse", "tiger", "elephant", "giraffe", "hedgehog",
    "crocodile", "airplane", "bicycle", "motorcycle", "helicopter", "sailboat", "tractor", "ambulance",
    "fire engine", "castle", "camera", "bell", "umbrella", "scissors", "sunflower", "cactus", "strawberry",
    "watermelon", "pineapple", "carrot", "cherries", "tomato", "eggplant", "mushroom", "butterfly", "honeybee",
    "lady beetle", "hamburger", "french fries", "ice cream", "doughnut", "lollipop", "violin", "headphone", "laptop",
    "basketball", "mountain", "palm tree", "dragon", "jack-o-lantern", "snowflake", "grinning face", "house",
    "banana", "pizza", "rocket", "guitar", "train", "bus", "robot", "chair", "crown", "penguin", "balloon", "lemon",
    "bread", "owl", "panda", "shark", "whale", "snail", "turtle", "frog", "duck", "rainbow", "volcano", "trumpet",
    "glasses", "hammer", "pencil", "candle", "cookie", "grapes", "spider", "parrot", "teapot", "t-shirt", "dress",
    "tulip", "cloud", "sun", "star", "fire", "key", "ghost", "lion", "fox", "rose", "onion", "potato", "squid",
    "octopus", "koala", "zebra", "bed", "egg", "fish", "bird", "bear", "ship", "door", "bomb", "coin", "gear",
    "ring", "tent", "snake", "drum",
)  # fmt: skip
CALLED = {
    "red apple": ("apple", "苹果"), "red heart": ("heart", "爱心"), "automobile": ("car", "汽车"),
    "open book": ("book", "书"), "deciduous tree": ("tree", "树"), "hibiscus": ("flower", "花"),
    "crescent moon": ("moon", "月亮"), "top hat": ("hat", "帽子"), "desktop computer": ("computer", "电脑"),
    "mobile phone": ("phone", "手机"), "wrapped gift": ("gift", "礼物"), "birthday cake": ("cake", "蛋糕"),
    "beer mug": ("beer", "啤酒"), "ear of corn": ("corn", "玉米"), "running shoe": ("shoe", "鞋"),
    "alarm clock": ("clock", "钟"), "cheese wedge": ("cheese", "奶酪"),
    "snowman without snow": ("snowman", "雪人"), "soccer ball": ("football", "足球"),
    "hot pepper": ("pepper", "辣椒"),
}  # fmt: skip
ON_CPU = Repertoire(64, 160, ("twemoji",))
ON_GPU = Repertoire(128, 1000, tuple(STYLES))


def of(side: int) -> Repertoire:
    """The repertoire of a brush that draws pictures of ``side`` pixels."""
    return ON_GPU if side == ON_GPU.side else ON_CPU


def flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--side", type=int, choices=(64, 128), help="pixels of a picture; 128 on a GPU, else 64")
    parser.add_argument("--concepts", type=int, help="how many things it learns to draw; 1000 on a GPU, else 160")
    parser.add_argument("--styles", nargs="+", choices=list(STYLES), help="the art sets that it learns from")


def wished(told: Any) -> Repertoire:
    """What the command line says, and for the rest what suits ``told.device``."""
    usual = ON_GPU if told.device == "cuda" else ON_CPU
    return Repertoire(told.side or usual.side, told.concepts or usual.concepts, tuple(told.styles or usual.styles))


def drawn(pack: Pack, wish: Repertoire) -> list[int]:
    """The concepts: first what people ask for first, then those with the shortest names in both languages.

    Of the latter none that looks like another; people come last of all, for at this size one cannot tell them apart.
    """

    def rank(at: int) -> tuple[bool, bool, float, str]:
        concept = pack.concepts[at]
        return concept.en not in first, concept.people, effort(concept), concept.en

    first = {*EVERYDAY, *CALLED}
    shown = {pack.concept[at] for at, style in enumerate(pack.style) if style == wish.styles[0]}
    known = [at for at in shown if pack.concepts[at].en in first or not pack.concepts[at].confusable]
    return sorted(known, key=rank)[: wish.concepts]


def called(concepts: Sequence[Concept]) -> tuple[Concept, ...]:
    """The concepts by the names under which people ask for them."""
    return tuple(
        replace(each, en=CALLED[each.en][0], zh=CALLED[each.en][1], coloured=False) if each.en in CALLED else each
        for each in concepts
    )


def effort(concept: Concept) -> float:
    """How long its names are: letters and spaces of the English one, two for each character of the Chinese one."""
    return len(concept.en) + 4 * concept.en.count(" ") + 2 * len(concept.zh)


def pictures(pack: Pack, wish: Repertoire) -> list[int]:
    """The indices of the pictures of those concepts in those styles."""
    known = {*drawn(pack, wish)}
    return [at for at, style in enumerate(pack.style) if style in wish.styles and pack.concept[at] in known]
