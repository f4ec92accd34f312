"""The starter models measured, through the app's own engines: ``python start.py bench starter [--data DIR] [--json]``.

``DIR`` is what ``python -m models.starter.data --unseen --out DIR`` writes: the six styles that the models learnt from,
and one that none of them ever saw.

- ``judge``: the classifier's right names among 200, first and in the first five, in each style.
- ``clip``: the picture's own name first among 200, in English and Chinese, in each style; the background's colour among
  twelve, in the unseen style.
- ``brush``: prompts in both languages for one thing on a coloured background: the right thing first, and in the first
  five of 200, by the classifier, which shares no weight with it (and on real pictures beside it); the background's
  colour; seconds to a picture and to its first preview.
- ``drawn and seen``: the right name from the eyes for 100 of those pictures.
- ``eyes``: composed scenes of the unseen style, a question each: name, count, background, dye, place, presence with as
  many "no" as "yes"; and how often a blank or a noisy picture is named as a thing.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image as Pillow
from torch import Tensor

from bench import starter_brush
from core.catalogue import ModelSpec, Task
from core.engines import Sampling
from core.messages import Image, Message, Text
from models import clip as clip_engine
from models import llava as llava_engine
from models.starter import clip, eyes, judge, questions, scenes
from models.starter.words import COLOUR_NAMES, Speaker, colour

WEIGHTS = Path(__file__).resolve().parent.parent / "models" / "starter" / "weights"
DATA = WEIGHTS.parent.parent.parent / ".starter"
SCENES = 500
SIDE = 192  # pixels of a picture that the eyes are shown
UNSEEN = "emojione"
GREEDY = Sampling(temperature=0, max_tokens=24)
Figures = dict[str, Any]


def spec(task: Task, engine: str) -> ModelSpec:
    name = f"starter-{engine}"
    return ModelSpec(name, name, task, engine, "Apache-2.0", ("en", "zh"), 0, "1", (), defaults=(("device", "cpu"),))


def png(pixels: Tensor) -> Image:
    """A picture [3, h, w] from 0 to 1 as a file."""
    held: Any = (pixels.permute(1, 2, 0) * 255).round().byte().numpy()
    file = io.BytesIO()
    Pillow.fromarray(held).save(file, "PNG")
    return Image(file.getvalue(), "image/png")


@dataclass(frozen=True, slots=True)
class Exam:
    """The pictures of one style: ``names`` are the 200 concepts, ``shown`` those of them that the style has."""

    pack: scenes.Pack
    names: list[int]
    style: str

    @property
    def shown(self) -> dict[int, int]:
        """A picture's index for each concept."""
        at = {self.pack.concept[i]: i for i in range(len(self.pack.concept)) if self.pack.style[i] == self.style}
        return {concept: at[concept] for concept in self.names if concept in at}

    def pictures(self) -> Tensor:
        """On white, [n, 3, 128, 128] from 0 to 1."""
        held = self.pack.pictures[list(self.shown.values())].float() / 255
        return held[:, :3] + 1 - held[:, 3:]


def judged(exams: Sequence[Exam]) -> Figures:
    library: Any = transformers
    model = library.ResNetForImageClassification.from_pretrained(WEIGHTS / "judge", dtype=torch.float32).eval()
    figures = {}
    for exam in exams:
        order = judge.ranked(model, exam.pictures(), exam.names)
        right = order == torch.tensor([exam.names.index(concept) for concept in exam.shown])[:, None]
        figures[exam.style] = {"first": _share(right[:, 0]), "five": _share(right[:, :5].any(1))}
    return figures


def seen(exams: Sequence[Exam]) -> Figures:
    """CLIP's right names, and its colours in the last of ``exams``."""
    engine = clip_engine.load(spec("embed", "clip"), WEIGHTS / "clip")

    def texts(words: Sequence[str]) -> Any:
        return np.stack([np.frombuffer(each.vector, "<f4") for each in engine.embed_texts(tuple(words))])

    def images(pictures: Sequence[Tensor]) -> Any:
        shown = tuple(png(each) for each in pictures)
        return np.stack([np.frombuffer(each.vector, "<f4") for each in engine.embed_images(shown)])

    figures: Figures = {}
    for exam in exams:
        vectors = images(list(exam.pictures()))
        own = np.array([exam.names.index(concept) for concept in exam.shown])
        for language in ("en", "zh"):
            known = texts([getattr(exam.pack.concepts[concept], language) for concept in exam.names])
            order = (vectors @ known.T).argsort(1)[:, ::-1]
            figures.setdefault(exam.style, {})[language] = float((order[:, 0] == own).mean())
            figures[exam.style][f"{language} five"] = float((order[:, :5] == own[:, None]).any(1).mean())
    figures["colours"] = _coloured(exams[-1], images, texts)
    engine.close()
    return figures


def _coloured(exam: Exam, images: Callable[[Sequence[Tensor]], Any], texts: Callable[[Sequence[str]], Any]) -> Figures:
    composer = scenes.Composer(exam.pack, list(exam.shown.values()), clip.MIX, Random(11))
    drawn = [composer.one(concept, tint=-1, tone=at % len(COLOUR_NAMES)) for at, concept in enumerate(exam.shown)]
    pictures = scenes.compose(exam.pack, scenes.batched([recipe for _, recipe in drawn]), 128)
    right = np.array([scene.background for scene, _ in drawn])
    words = {
        "en": [f"{name} background" for name in COLOUR_NAMES],
        "zh": [f"{colour(at, True)}背景" for at in range(len(COLOUR_NAMES))],
    }
    vectors = images(list(pictures))
    return {key: float(((vectors @ texts(said).T).argmax(1) == right).mean()) for key, said in words.items()}


class Eyes:
    """The starter eyes, asked one question about one picture at a time."""

    def __init__(self) -> None:
        self._engine = llava_engine.load(spec("see", "llava"), WEIGHTS / "eyes")

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
        for kind, scene, recipe, asked in _asked(exam, chinese, count):
            picture = scenes.compose(exam.pack, scenes.batched([recipe]), SIDE)[0]
            rights.setdefault(kind, []).append(_right(asked, answer(picture, asked.question)))
            del scene
        figures["zh" if chinese else "en"] = {kind: sum(each) / len(each) for kind, each in rights.items()}
    figures["named as a thing"] = _invented(exam, answer)
    return figures


def _asked(exam: Exam, chinese: bool, count: int) -> list[tuple[str, Any, scenes.Recipe, questions.Asked]]:
    random = Random(2024 + chinese)
    composer = scenes.Composer(exam.pack, list(exam.shown.values()), replace(eyes.MIX, people=0), random)
    speaker = Speaker(eyes.plain(exam.pack.concepts), random)
    names = list(exam.shown)
    drawn: list[tuple[str, Any, scenes.Recipe, questions.Asked]] = []
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


def _right(asked: questions.Asked, said: str) -> bool:
    """A name has to be in what was said; anything else is answered as it was taught, in one of two or twelve ways."""
    return asked.truth in said if asked.kind == "name" else said == asked.answer


def _invented(exam: Exam, answer: Callable[[Tensor, str], str]) -> float:
    """The share of blank and noisy pictures that are answered with a thing."""
    random = Random(3)
    composer = scenes.Composer(exam.pack, list(exam.shown.values()), eyes.MIX, random)
    blanks = scenes.compose(exam.pack, scenes.batched([composer.blank(tone)[1] for tone in range(12)]), SIDE)
    pictures = [*blanks, *scenes.noise(28, SIDE, random, exam.pack)]
    said = [answer(picture, questions.NAME[at % 2][0]) for at, picture in enumerate(pictures)]
    honest = ("Nothing but", "I am not sure", "什么都没有", "我不确定")
    return sum(not any(each in words for each in honest) for words in said) / len(said)


def _shown(part: str, key: str, value: float) -> str:
    return f"{key} {value:.2f} s" if part.startswith("seconds") else f"{key} {value:.1%}".strip()


def _share(right: Tensor) -> float:
    return float(right.float().mean())


def exams(folder: Path) -> list[Exam]:
    """One for each style, the unseen one last; all of the same 200 concepts, which the unseen style has."""
    icons, unseen = (scenes.load(folder / f"{name}.safetensors") for name in ("icons", "unseen"))
    names = clip.examined(unseen)
    return [*(Exam(icons, names, style) for style in sorted({*icons.style})), Exam(unseen, names, UNSEEN)]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench starter", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--scenes", type=int, default=SCENES, help="for the eyes, in each language")
    parser.add_argument("--prompts", type=int, default=200, help="for the brush, in each language")
    parser.add_argument("--sheet", type=Path, help="where to write 64 of its pictures")
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args(argv)
    held = exams(told.data)
    figures = {"judge": judged(held), "clip": seen(held)}
    figures["brush"], drawn = starter_brush.brush(held[0].pack, WEIGHTS, told.prompts, told.sheet)
    look = Eyes()
    figures["eyes"] = looked(look, held[-1], told.scenes)
    figures["drawn and seen"] = {"named rightly": starter_brush.seen(held[0].pack, drawn, look)}
    look.close()
    if told.json:
        json.dump(figures, sys.stdout, indent=2)
        return 0
    for name, parts in figures.items():
        print(name)
        for part, values in parts.items():
            shown = values if isinstance(values, dict) else {"": values}
            print(f"  {part}: " + ", ".join(_shown(part, key, value) for key, value in shown.items()))
    return 0
