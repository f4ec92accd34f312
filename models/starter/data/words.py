"""What a composed picture is called: names, numbers, colours and places as captions, questions and answers.

Both languages. A ``Scene`` says what is true of a picture; all here is pure and draws from the Random it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

COLOURS: dict[str, tuple[str, tuple[int, int, int]]] = {
    "white": ("白色", (255, 255, 255)),
    "black": ("黑色", (15, 15, 15)),
    "gray": ("灰色", (128, 128, 128)),
    "red": ("红色", (220, 40, 40)),
    "orange": ("橙色", (245, 140, 20)),
    "yellow": ("黄色", (250, 220, 40)),
    "green": ("绿色", (50, 165, 70)),
    "blue": ("蓝色", (40, 90, 220)),
    "purple": ("紫色", (130, 60, 180)),
    "pink": ("粉色", (250, 160, 195)),
    "brown": ("棕色", (120, 75, 45)),
    "cyan": ("青色", (60, 200, 215)),
}
COLOUR_NAMES = tuple(COLOURS)
PLACES: dict[str, tuple[str, str, tuple[float, float]]] = {  # English, Chinese, centre in units of half the side
    "left": ("on the left", "左边", (-0.45, 0.0)),
    "right": ("on the right", "右边", (0.45, 0.0)),
    "top": ("at the top", "上面", (0.0, -0.45)),
    "bottom": ("at the bottom", "下面", (0.0, 0.45)),
    "middle": ("in the middle", "中间", (0.0, 0.0)),
}
PLACE_NAMES = tuple(PLACES)
NUMBERS = ("no", "one", "two", "three", "four")
NUMBERS_ZH = ("零", "一", "两", "三", "四")
STYLES: dict[str, tuple[str, str]] = {
    "noto": ("cartoon style", "卡通风格"),
    "twemoji": ("simple style", "简洁风格"),
    "fluent-emoji-flat": ("flat style", "扁平风格"),
    "fluent-emoji": ("glossy style", "立体风格"),
}
UNSURE = ("I am not sure what this is.", "我不确定这是什么。")
ASKED_UNSURE = ("I am not sure.", "我不确定。")
UNCOUNTED = ("sheep", "fish", "deer", "scissors", "glasses", "sunglasses", "jeans", "shorts", "rice", "bread", "people")
IRREGULAR = {
    "man": "men", "woman": "women", "person": "people", "child": "children", "mouse": "mice", "leaf": "leaves",
    "knife": "knives", "wolf": "wolves", "foot": "feet", "tooth": "teeth", "goose": "geese", "ox": "oxen",
    "potato": "potatoes", "tomato": "tomatoes", "loaf": "loaves", "scarf": "scarves",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Concept:
    """A thing with its names; ``measure`` is the Chinese measure word, ``coloured`` whether a name says a colour."""

    en: str
    zh: str
    tags_en: tuple[str, ...] = ()
    tags_zh: tuple[str, ...] = ()
    measure: str = "个"
    people: bool = False
    confusable: bool = False
    coloured: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """Indices, -1 for none: ``tint`` is the one colour it was dyed in, ``shade`` the colour that most of it shows."""

    concept: int
    tint: int = -1
    place: int = -1
    shade: int = -1


@dataclass(frozen=True, slots=True)
class Scene:
    """``count`` copies of one thing, or two things, the second ``relation`` (left, top) of which the first stands."""

    things: tuple[Thing, ...]
    count: int = 1
    background: int = 0
    relation: str = ""
    style: str = ""
    kind: str = field(default="things")  # or "blank", "noise"


def measure(tags: Sequence[str]) -> str:
    """The Chinese measure word for a thing with such English tags."""
    known = {word for tag in tags for word in tag.lower().split()}
    if known & {"animal", "bird", "insect", "bug", "fish", "pet"}:
        return "只"
    if known & {"flower", "blossom"}:
        return "朵"
    return "个"


def article(words: str) -> str:
    """``words`` behind "a" or "an"."""
    return f"an {words}" if words[:1] in "aeiou" else f"a {words}"


def plural(name: str) -> str:
    """The plural of an English name, of its head where it has an "of", "with" or "in" behind it."""
    for joint in (" of ", " with ", " in ", " on ", " and ", " without "):
        head, found, rest = name.partition(joint)
        if found:
            return plural(head) + joint + (plural(rest) if joint == " and " else rest)
    before, _, last = name.rpartition(" ")
    if last in UNCOUNTED or (last.endswith("s") and not last.endswith(("ss", "us", "is"))):
        return name
    if last in IRREGULAR:
        last = IRREGULAR[last]
    elif last.endswith(("s", "x", "ch", "sh", "z")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{before} {last}".strip()


def colour(index: int, chinese: bool) -> str:
    return COLOURS[COLOUR_NAMES[index]][0] if chinese else COLOUR_NAMES[index]


class Describer:
    """Says things about scenes of these concepts, in ``chinese`` or English, as ``random`` wills."""

    def __init__(self, concepts: Sequence[Concept], random: Random, tags: float = 0.0) -> None:
        self.concepts = concepts
        self.random = random
        self.tags = tags

    def name(self, concept: int, chinese: bool) -> str:
        """Its name, or with the probability ``tags`` one of its tags."""
        known = self.concepts[concept]
        tags = known.tags_zh if chinese else known.tags_en
        if tags and self.random.random() < self.tags:
            return self.random.choice(tags).lower()
        return known.zh if chinese else known.en

    def phrase(self, thing: Thing, chinese: bool, count: int = 1, articled: bool = True) -> str:
        """ "a red cat", "two cats"; 一只红色的猫, 两只猫."""
        name = self.name(thing.concept, chinese)
        if chinese:
            tinted = f"{colour(thing.tint, True)}的{name}" if thing.tint >= 0 else name
            return f"{NUMBERS_ZH[count]}{self.concepts[thing.concept].measure}{tinted}" if articled else tinted
        tinted = f"{colour(thing.tint, False)} {name}" if thing.tint >= 0 else name
        if count > 1:
            return f"{NUMBERS[count]} {plural(tinted)}"
        return article(tinted) if articled else tinted

    def subject(self, scene: Scene, chinese: bool, placed: bool = True, bare: bool = False) -> str:
        """What is shown, without its background: things, number, place or relation. ``bare``: no article for one."""
        things = scene.things
        if len(things) == 2:
            first, second = (self.phrase(thing, chinese) for thing in things)
            return self._pair(first, second, scene.relation if placed else "", chinese)
        articled = not (bare and scene.count == 1)
        said = self.phrase(things[0], chinese, scene.count, articled)
        place = things[0].place
        if placed and place >= 0:
            english, mandarin, _ = PLACES[PLACE_NAMES[place]]
            return f"{mandarin}的{said}" if chinese else f"{said} {english}"
        return said

    def _pair(self, first: str, second: str, relation: str, chinese: bool) -> str:
        if relation == "left":
            return f"{first}在{second}的左边" if chinese else f"{first} to the left of {second}"
        if relation == "top":
            return f"{first}在{second}的上面" if chinese else f"{first} above {second}"
        return f"{first}和{second}" if chinese else f"{first} and {second}"

    def caption(self, scene: Scene, chinese: bool, background: bool, style: bool = False, bare: bool = False) -> str:
        """A caption as a person would ask for the picture; with the ``background`` and ``style`` where wanted."""
        said = self.subject(scene, chinese, bare=bare)
        if background:
            tone = colour(scene.background, chinese)
            if chinese:
                forms = (f"{tone}背景上的{said}", f"{said}，{tone}背景", f"{tone}背景，{said}")
            else:
                forms = (f"{said} on {article(tone)} background", f"{said}, {tone} background", f"{said} on {tone}")
            said = self.random.choice(forms)
        if style and scene.style:
            english, mandarin = STYLES[scene.style]
            said += f"，{mandarin}" if chinese else f", {english}"
        return said

    def sentence(self, scene: Scene, chinese: bool) -> str:
        """The whole scene in one sentence, as the eyes describe it."""
        tone = colour(scene.background, chinese)
        if scene.kind == "blank":
            return f"除了{tone}背景，什么都没有。" if chinese else f"Nothing but {article(tone)} background."
        if scene.kind == "noise":
            return UNSURE[chinese]
        if not chinese:
            said = f"{self.subject(scene, False)} on {article(tone)} background."
            return said[0].upper() + said[1:]
        said = self.subject(scene, True)
        return f"{tone}背景上有{said}。" if not scene.relation else f"{tone}背景，{said}。"
