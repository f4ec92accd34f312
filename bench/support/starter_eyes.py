"""The starter eyes asked about composed scenes of the style that they never saw. A part of ``bench/starter.py``."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import torch
import transformers
from PIL import Image as Pillow
from torch import Tensor

from bench.support.starter_exam import SIDE, WEIGHTS, Exam, Figures, png, spec
from core.types.generation import Sampling
from core.types.messages import Image, Message, Text
from models.llava import engine as llava
from models.starter.data import noise, questions, scenes
from models.starter.data.words import COLOUR_NAMES, Describer, Scene, Thing
from models.starter.train import eyes, tokens

GREEDY = Sampling(temperature=0, max_tokens=24)
Question = tuple[
    str, Scene, scenes.Recipe, questions.PictureQuestion
]  # its kind, the scene, how to compose it, and the words


class Eyes:
    """The starter eyes, asked one question about one picture at a time."""

    def __init__(self) -> None:
        self._engine = llava.load(spec("see", "llava"), WEIGHTS / "eyes")

    def __call__(self, picture: Image, question: str) -> str:
        said = self._engine.reply((Message("user", (picture, Text(question))),), GREEDY)
        return "".join(part for part in said if isinstance(part, str)).strip()

    def close(self) -> None:
        self._engine.close()


def looked(eyes_of: Eyes, exam: Exam, count: int) -> Figures:
    """The eyes on ``count`` scenes a language, the kinds of question in turn."""

    def answer(picture: Tensor, question: str) -> str:
        return eyes_of(png(picture), question)

    figures: Figures = {}
    for chinese in (False, True):
        rights: dict[str, list[bool]] = {}
        asked = _asked(exam, chinese, count)
        for kind, _, recipe, wanted in asked:
            picture = scenes.compose(exam.pack, scenes.batched([recipe]), SIDE)[0]
            told = "open name" if kind == "name" else kind
            rights.setdefault(told, []).append(_right(wanted, answer(picture, wanted.question)))
        found = {"name": _chosen(exam, chinese, [each for each in asked if each[0] == "name"])}
        figures["zh" if chinese else "en"] = found | {kind: sum(each) / len(each) for kind, each in rights.items()}
    figures["named as a thing"] = _invented(exam, answer)
    return figures


@torch.no_grad()
def _chosen(exam: Exam, chinese: bool, asked: Sequence[Question]) -> float:
    """The share of scenes whose own name is the likeliest answer of those of the exam's 200 things."""
    library: Any = transformers
    folder = WEIGHTS / "eyes"
    model = library.LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    processor = library.AutoProcessor.from_pretrained(folder)
    speaker = Describer(tokens.plain(exam.pack.concepts), Random(0))
    answers: dict[tuple[int, ...], list[tuple[int, int]]] = {}  # behind the same words: what comes next, and its name
    for place, concept in enumerate(exam.names):
        said = questions.ask("name", Scene((Thing(concept),)), speaker, chinese).answer
        *before, name, _ = processor.tokenizer(said, add_special_tokens=False).input_ids
        answers.setdefault(tuple(before), []).append((name, place))
    right = 0
    for _, scene, recipe, wanted in asked:
        picture = scenes.compose(exam.pack, scenes.batched([recipe]), SIDE)[0]
        shown = Pillow.open(io.BytesIO(png(picture).data))
        turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": wanted.question}]}
        given = processor(shown, processor.apply_chat_template([turn]), return_tensors="pt", add_special_tokens=False)
        scores = torch.full((len(exam.names),), -torch.inf)
        for before, names in answers.items():
            ids = torch.cat([given.input_ids, torch.tensor([before])], 1)
            likely = model(input_ids=ids, pixel_values=given.pixel_values).logits[0].log_softmax(-1)
            at = range(given.input_ids.shape[1] - 1, ids.shape[1] - 1)
            begun = sum(float(likely[row, word]) for row, word in zip(at, before, strict=True))
            for name, place in names:
                scores[place] = begun + likely[-1, name]
        right += exam.names[int(scores.argmax())] == scene.things[0].concept
    return right / len(asked)


def _asked(exam: Exam, chinese: bool, count: int) -> list[Question]:
    random = Random(2024 + chinese)
    composer = scenes.Composer(exam.pack, list(exam.shown.values()), replace(eyes.MIX, people=0, tinted=0.15), random)
    speaker = Describer(tokens.plain(exam.pack.concepts), random)
    names = list(exam.shown)
    drawn: list[Question] = []
    kinds = ("name", "count", "background", "colour", "place", "present")
    while len(drawn) < count:
        kind, concept, other = kinds[len(drawn) % len(kinds)], random.choice(names), -1
        number = random.randint(1, 4) if kind == "count" else 1
        if kind == "colour" and exam.pack.concepts[concept].coloured:
            continue
        tint = random.randrange(2, len(COLOUR_NAMES)) if kind == "colour" else None
        place = random.randrange(5) if kind == "place" else -1
        made = composer.several(concept, number) if number > 1 else composer.one(concept, place, tint)
        if kind == "present" and len(drawn) // len(kinds) % 2:
            other = random.choice([each for each in names if each != concept])
        drawn.append((kind, *made, questions.ask(kind, made[0], speaker, chinese, other)))
    return drawn


def _right(asked: questions.PictureQuestion, said: str) -> bool:
    """A name has to be in what was said, yes, no or a number at its beginning; the rest is one of twelve sentences."""
    if asked.kind == "name":
        return asked.truth in said
    if asked.kind in ("count", "present"):
        return _beginning(said) == _beginning(asked.answer)
    return said == asked.answer


def _beginning(said: str) -> str:
    """The first word of a sentence, the first character of a Chinese one."""
    return said.split(" ")[0].strip(",.") if said[:1].isascii() else said[:1]


def _invented(exam: Exam, answer: Callable[[Tensor, str], str]) -> float:
    """The share of blank and noisy pictures that are answered with a thing."""
    random = Random(3)
    composer = scenes.Composer(exam.pack, list(exam.shown.values()), eyes.MIX, random)
    blanks = scenes.compose(exam.pack, scenes.batched([composer.blank(tone)[1] for tone in range(12)]), SIDE)
    pictures = [*blanks, *noise.noise(28, SIDE, random, exam.pack)]
    said = [answer(picture, questions.NAME[at % 2][0]) for at, picture in enumerate(pictures)]
    honest = ("Nothing but", "I am not sure", "什么都没有", "我不确定")
    return sum(not any(each in words for each in honest) for words in said) / len(said)
