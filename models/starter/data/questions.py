"""Questions about a composed picture and their answers, in both languages: what the eyes are taught and tested on."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from models.starter.data.words import (
    ASKED_UNSURE,
    NUMBERS,
    NUMBERS_ZH,
    PLACE_NAMES,
    PLACES,
    Describer,
    Scene,
    Thing,
    colour,
    plural,
)

KINDS = ("name", "describe", "count", "background", "colour", "place", "present")
NAME = (
    ("What is this?", "What is in the picture?", "What do you see?", "What is shown here?",
     "What can you see in this image?", "Name the thing in the picture."),
    ("这是什么？", "图片里有什么？", "你看到了什么？", "图中是什么？", "这张图片里是什么？", "画面里有什么东西？"),
)  # fmt: skip
DESCRIBE = (
    ("Describe the picture.", "Describe this image.", "What does the picture show? Describe it.",
     "Tell me about this picture.", "Please describe what you see."),
    ("描述一下这张图片。", "请描述图片。", "详细说说这张图。", "描述你看到的内容。", "介绍一下这张图片。"),
)  # fmt: skip
COUNT = (
    ("How many {many} are there?", "How many {many} do you see?", "How many {many} are in the picture?",
     "Count the {many}."),
    ("有几{measure}{one}？", "图片里有多少{measure}{one}？", "图中有几{measure}{one}？", "数一数有几{measure}{one}。"),
)  # fmt: skip
COUNT_ALL = (
    ("How many things are there?", "How many things are in the picture?", "How many objects do you see?"),
    ("有几个东西？", "图片里有几个东西？", "图中有多少个物体？"),
)
BACKGROUND = (
    ("What {colour} is the background?", "What is the {colour} of the background?", "Which {colour} is behind it?",
     "What is the background {colour}?"),
    ("背景是什么颜色？", "背景是什么颜色的？", "图片的背景颜色是什么？", "后面是什么颜色？"),
)  # fmt: skip
COLOUR = (
    ("What {colour} is the {one}?", "What is the {colour} of the {one}?", "Which {colour} is the {one}?"),
    ("{one}是什么颜色？", "{one}是什么颜色的？", "图中的{one}是什么颜色？"),
)
PLACE = (
    ("Where is the {one}?", "Where in the picture is the {one}?", "In which part of the picture is the {one}?"),
    ("{one}在哪里？", "{one}在图片的什么位置？", "{one}在哪个位置？"),
)
PRESENT = (
    ("Is there {a_one}?", "Is there {a_one} in the picture?", "Do you see {a_one}?", "Can you see {a_one}?"),
    ("有{one}吗？", "图片里有{one}吗？", "图中有没有{one}？", "你看到{one}了吗？"),
)


@dataclass(frozen=True, slots=True)
class PictureQuestion:
    """``truth`` is what an answer must hold to be right: a name, number, colour, place, or yes, no and unsure."""

    kind: str
    question: str
    answer: str
    truth: str


def ask(kind: str, scene: Scene, speaker: Describer, chinese: bool, other: int = -1) -> PictureQuestion:
    """One of KINDS about ``scene``; ``present`` and ``count`` of ``other``, a concept not shown, where given."""
    maker = {
        "name": _name, "describe": _describe, "count": _count, "background": _background, "colour": _colour,
        "place": _place, "present": _present,
    }[kind]  # fmt: skip
    return maker(scene, speaker, chinese, other)


def _name(scene: Scene, speaker: Describer, chinese: bool, other: int) -> PictureQuestion:
    question = speaker.random.choice(NAME[chinese])
    if scene.kind != "things":
        return PictureQuestion("name", question, speaker.sentence(scene, chinese), "unsure")
    said = speaker.subject(scene, chinese, placed=False)
    answer = f"{said}。" if chinese else f"{said[0].upper()}{said[1:]}."
    return PictureQuestion("name", question, answer, speaker.name(scene.things[0].concept, chinese))


def _describe(scene: Scene, speaker: Describer, chinese: bool, other: int) -> PictureQuestion:
    said = speaker.sentence(scene, chinese)
    return PictureQuestion("describe", speaker.random.choice(DESCRIBE[chinese]), said, said)


def _count(scene: Scene, speaker: Describer, chinese: bool, other: int) -> PictureQuestion:
    number = scene.count if len(scene.things) == 1 else len(scene.things)
    number = 0 if scene.kind != "things" else number
    everything = scene.kind != "things" or len(scene.things) > 1 or (other < 0 and speaker.random.random() < 0.4)
    if everything:
        question = speaker.random.choice(COUNT_ALL[chinese])
        counted, unit = ("东西", "个") if chinese else ("things" if number != 1 else "thing", "")
    else:
        concept = scene.things[0].concept if other < 0 else other
        number = number if other < 0 else 0
        question, counted, unit = _counted(concept, number, speaker, chinese)
    if scene.kind == "noise":
        return PictureQuestion("count", question, ASKED_UNSURE[chinese], "unsure")
    said = f"{NUMBERS_ZH[number]}{unit}{counted}。" if chinese else f"{NUMBERS[number].capitalize()} {counted}."
    if chinese and not number:
        said = f"没有{counted}。"
    return PictureQuestion("count", question, said, str(number))


def _counted(concept: int, number: int, speaker: Describer, chinese: bool) -> tuple[str, str, str]:
    one, unit = speaker.name(concept, chinese), speaker.concepts[concept].measure
    question = speaker.random.choice(COUNT[chinese])
    if chinese:
        return question.format(one=one, measure=unit), one, unit
    return question.format(many=plural(one)), one if number == 1 else plural(one), ""


def _background(scene: Scene, speaker: Describer, chinese: bool, other: int) -> PictureQuestion:
    question = speaker.random.choice(BACKGROUND[chinese]).format(colour=_spelt(speaker.random))
    if scene.kind == "noise":
        return PictureQuestion("background", question, ASKED_UNSURE[chinese], "unsure")
    tone = colour(scene.background, chinese)
    return PictureQuestion("background", question, f"{tone}。" if chinese else f"{tone.capitalize()}.", tone)


def _colour(scene: Scene, speaker: Describer, chinese: bool, other: int) -> PictureQuestion:
    thing = scene.things[0]
    one = speaker.name(thing.concept, chinese)
    question = speaker.random.choice(COLOUR[chinese]).format(colour=_spelt(speaker.random), one=one)
    tone = colour(thing.shade, chinese)
    return PictureQuestion("colour", question, f"{tone}。" if chinese else f"{tone.capitalize()}.", tone)


def _place(scene: Scene, speaker: Describer, chinese: bool, other: int) -> PictureQuestion:
    thing = scene.things[0]
    one = speaker.name(thing.concept, chinese)
    place = thing.place if thing.place >= 0 else PLACE_NAMES.index("middle")
    english, mandarin, _ = PLACES[PLACE_NAMES[place]]
    question = speaker.random.choice(PLACE[chinese]).format(one=one)
    answer = f"在{mandarin}。" if chinese else f"{english[0].upper()}{english[1:]}."
    return PictureQuestion("place", question, answer, mandarin if chinese else PLACE_NAMES[place])


def _present(scene: Scene, speaker: Describer, chinese: bool, other: int) -> PictureQuestion:
    there = other < 0 and scene.kind == "things"
    concept = other if other >= 0 else scene.things[speaker.random.randrange(len(scene.things))].concept
    one = speaker.name(concept, chinese)
    single = speaker.phrase(Thing(concept), False) if not chinese else one
    question = speaker.random.choice(PRESENT[chinese]).format(one=one, a_one=single)
    if scene.kind == "noise":
        return PictureQuestion("present", question, ASKED_UNSURE[chinese], "unsure")
    if chinese:
        return PictureQuestion(
            "present", question, f"有，有{one}。" if there else f"没有{one}。", "yes" if there else "no"
        )
    answer = f"Yes, there is {single}." if there else f"No, there is no {one}."
    return PictureQuestion("present", question, answer, "yes" if there else "no")


def _spelt(random: Random) -> str:
    return random.choice(("colour", "color"))
