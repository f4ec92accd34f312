"""The starter models measured, through the app's own engines: ``python start.py bench starter [--data DIR] [--json]``.

``DIR`` is what ``python -m models.starter.data --unseen --out DIR`` writes: the six styles that the models learnt
from, and one that none of them ever saw.

- ``judge``: the classifier's right names among 200, first and in the first five, in each style.
- ``clip``: the picture's own name first among 200, in English and Chinese, in each style; the background's colour among
  twelve, in the unseen style.
- ``brush``: prompts in both languages for one thing on a coloured background: the right thing first, and in the first
  five of 200, by the classifier, which shares no weight with it (and on real pictures beside it); the background's
  colour; seconds to a picture and to its first preview.
- ``drawn and seen``: the right name from the eyes for 100 of those pictures.
- ``eyes``: composed scenes of the unseen style, a question each: name, count, background, dye, place, presence with as
  many "no" as "yes". ``name`` is the likeliest answer of the 200 names, ``open name`` what they say of all
  that they know. And how often a blank or a noisy picture is named as a thing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor

from bench.support import starter_brush, starter_eyes
from bench.support.starter_exam import WEIGHTS, Exam, Figures, exams, png, spec
from models.clip import engine as clip_engine
from models.starter.data import scenes
from models.starter.data.words import COLOUR_NAMES, colour
from models.starter.train import clip, judge

DATA = WEIGHTS.parent.parent.parent / ".starter"
SCENES = 1200  # 200 for each kind of question


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


def _shown(part: str, key: str, value: float) -> str:
    return f"{key} {value:.2f} s" if part.startswith("seconds") else f"{key} {value:.1%}".strip()


def _share(right: Tensor) -> float:
    return float(right.float().mean())


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
    look = starter_eyes.Eyes()
    figures["eyes"] = starter_eyes.looked(look, held[-1], told.scenes)
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
