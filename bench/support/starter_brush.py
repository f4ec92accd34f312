"""The starter brush measured through the app's own painter: what it draws, in which colours, how soon; and seen by the
starter eyes. A part of ``bench/starter.py``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import quantiles
from time import perf_counter
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image as Pillow
from torch import Tensor

from core.catalogue.load import load
from core.types.events import Progress
from core.types.generation import ImageResult
from core.types.image_request import ImageRequest
from core.types.messages import Image
from models.diffusion import engine as diffusion
from models.starter.data import repertoire
from models.starter.data.pack import TONES, Pack
from models.starter.data.repertoire import Repertoire
from models.starter.data.words import COLOUR_NAMES, Concept, Describer, Scene, Thing
from models.starter.train import clip, judge

NAMES = 200  # that the classifier chooses from
STYLE = repertoire.ON_CPU.styles[0]
SHEET = 64  # pictures on the contact sheet
BORDER = 3  # pixels
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """A prompt, and what is to be seen: a concept's number and a background's."""

    prompt: str
    concept: int
    tone: int


@dataclass(slots=True)
class Drawn:
    """Pictures [n] of wishes; seconds until each was done, and until its first preview."""

    wishes: list[Wish]
    pictures: list[Image] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    previews: list[float] = field(default_factory=list)

    def tensor(self) -> Tensor:
        """[n, 3, h, w] from 0 to 1."""
        held = [np.asarray(Pillow.open(io.BytesIO(each.data)).convert("RGB")) for each in self.pictures]
        return torch.from_numpy(np.stack(held)).permute(0, 3, 1, 2).float() / 255


def known(pack: Pack, wish: Repertoire) -> list[int]:
    """The concepts that are asked for: those that the brush learnt to draw, NAMES of them at most."""
    drawn = repertoire.drawn(pack, wish)
    return sorted(Random(7).sample(drawn, min(NAMES, len(drawn))))


def choices(pack: Pack, asked: Sequence[int]) -> list[int]:
    """The NAMES that the classifier chooses from: what is ``asked`` for, and as many others as are missing."""
    others = [each for each in clip.examined(pack) if each not in asked]
    return sorted([*asked, *others[: NAMES - len(asked)]])


def wishes(pack: Pack, names: Sequence[int], chinese: bool, count: int, seed: int) -> list[Wish]:
    """Prompts for one thing on a coloured background, as people write them; every name in turn."""
    random = Random(seed)
    speaker = Describer(repertoire.called(pack.concepts), random)
    order = random.sample(list(names), len(names))
    made = []
    for number in range(count):
        concept, tone = order[number % len(order)], random.randrange(len(COLOUR_NAMES))
        prompt = speaker.caption(Scene((Thing(concept),), 1, tone), chinese, background=True)
        made.append(Wish(prompt, concept, tone))
    return made


def paint(engine: diffusion.Diffusion, wanted: Sequence[Wish], seed: int) -> Drawn:
    made = Drawn(list(wanted))
    for number, wish in enumerate(wanted):
        began, first = perf_counter(), 0.0
        for item in engine.paint(ImageRequest(prompt=wish.prompt, seed=seed + number)):
            if isinstance(item, Progress) and item.preview and not first:
                first = perf_counter() - began
            elif isinstance(item, ImageResult):
                made.pictures.append(item.image)
        made.seconds.append(perf_counter() - began)
        made.previews.append(first or made.seconds[-1])
    return made


def subjects(pack: Pack, drawn: Drawn, names: Sequence[int], folder: Path) -> Figures:
    """How often the classifier names the right thing first, and in its first five; of real pictures beside it."""
    library: Any = transformers
    model = library.ResNetForImageClassification.from_pretrained(folder, dtype=torch.float32).eval()

    def rates(pictures: Tensor, concepts: Sequence[int]) -> tuple[float, float]:
        right = (
            judge.ranked(model, pictures, names)
            == torch.tensor([list(names).index(each) for each in concepts])[:, None]
        )
        return float(right[:, 0].float().mean()), float(right[:, :5].any(1).float().mean())

    real = {pack.concept[at]: at for at, style in enumerate(pack.style) if style == STYLE}
    shown = [each for each in names if each in real]
    held = pack.pictures[[real[each] for each in shown]].float() / 255
    first, five = rates(drawn.tensor(), [each.concept for each in drawn.wishes])
    real_first, real_five = rates(held[:, :3] + 1 - held[:, 3:], shown)
    return {"first": first, "five": five, "real pictures first": real_first, "real pictures five": real_five}


def backgrounds(drawn: Drawn) -> float:
    """The share whose border is nearest to the colour that was asked for, of twelve."""
    pictures = drawn.tensor()
    inner = torch.zeros(pictures.shape[-2:], dtype=torch.bool)
    inner[BORDER:-BORDER, BORDER:-BORDER] = True
    border = pictures[:, :, ~inner].median(2).values
    near = torch.cdist(border, TONES).argmin(1)
    return float((near == torch.tensor([each.tone for each in drawn.wishes])).float().mean())


def told(concept: Concept, called: Concept, said: str) -> bool:
    """Whether an answer names the thing, by the art sets' name or by what people call it."""
    words = said.lower()
    return any(name.lower() in words for each in (concept, called) for name in (each.en, each.zh))


def seen(pack: Pack, drawn: Drawn, answer: Callable[[Image, str], str]) -> float:
    """The share of pictures that the eyes name rightly, asked in the language of the prompt."""
    called = repertoire.called(pack.concepts)
    right = 0
    for wish, picture in zip(drawn.wishes, drawn.pictures, strict=True):
        question = "What is this?" if wish.prompt.isascii() else "这是什么？"
        right += told(pack.concepts[wish.concept], called[wish.concept], answer(picture, question))
    return right / len(drawn.wishes)


def sheet(pictures: Sequence[Image], file: Path) -> None:
    """SHEET pictures in rows of eight."""
    held = [Pillow.open(io.BytesIO(each.data)).convert("RGB") for each in pictures[:SHEET]]
    side = held[0].width
    whole = Pillow.new("RGB", (8 * side, -(-len(held) // 8) * side), "white")
    for number, each in enumerate(held):
        whole.paste(each, (number % 8 * side, number // 8 * side))
    whole.save(file)


def brush(pack: Pack, weights: Path, count: int, file: Path | None) -> tuple[Figures, Drawn]:
    """All figures of the brush, and 100 of its pictures, of prompts in both languages, for the eyes."""
    spec = load().find("starter-brush")
    engine = diffusion.load(spec, weights / "brush")
    names = known(pack, repertoire.of(engine.own.width))
    both = [paint(engine, wishes(pack, names, chinese, count, 40 + chinese), 1000) for chinese in (False, True)]
    engine.close()
    among = choices(pack, names)
    figures: Figures = {}
    for language, drawn in zip(("en", "zh"), both, strict=True):
        figures[language] = subjects(pack, drawn, among, weights / "judge") | {"background": backgrounds(drawn)}
    figures["seconds"] = _spread([each for drawn in both for each in drawn.seconds])
    figures["seconds to a preview"] = _spread([each for drawn in both for each in drawn.previews])
    shown = Drawn(both[0].wishes[:50] + both[1].wishes[:50], both[0].pictures[:50] + both[1].pictures[:50])
    if file:
        sheet([*both[0].pictures[:32], *both[1].pictures[:32]], file)
    return figures, shown


def _spread(seconds: list[float]) -> Figures:
    cuts = quantiles(seconds, n=20)
    return {"p50": cuts[9], "p95": cuts[18]}
