"""Composing scenes of the packed pictures: colours, backgrounds, numbers, places, two things together.

A worker process draws scenes and says where each picture goes (``Recipe``); whole batches are then put together on the
device that trains (``compose``). Pictures are RGBA with the colour multiplied by alpha, so that they scale cleanly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

import torch
from torch import Tensor
from torch.nn import functional

from models.starter.data.pack import TONES, Pack
from models.starter.data.words import COLOUR_NAMES, PLACE_NAMES, PLACES, STYLES, Scene, Thing

LAYERS = 4  # pictures in a scene at most
LARGE = 0.7  # of the side: from this scale on, a picture is taken from its 128 px version, below from 64 px


@dataclass(frozen=True, slots=True)
class Recipe:
    """One scene for ``compose``. ``icons``: indices, -1 for none; ``matrices`` output to input, rows of six."""

    icons: list[int]
    matrices: list[list[float]]
    tints: list[int]
    background: tuple[float, float, float]
    large: bool


@dataclass(frozen=True, slots=True)
class Mix:
    """What share of scenes is of which sort; the rest is one thing, anywhere near the middle.

    ``plain``: the share on a white background. ``scale``: how large one thing is, of the picture's side. ``free``: how
    far shifted, turned (radians), and whether mirrored. ``people``: how often they are drawn, things being 1.
    """

    several: float = 0.1
    pair: float = 0.1
    placed: float = 0.1
    tinted: float = 0.12
    plain: float = 0.4
    scale: tuple[float, float] = (0.6, 1.05)
    shift: float = 0.15
    turn: float = 0.2
    mirror: bool = True
    people: float = 0.35


class Composer:
    """Draws scenes of the pictures numbered ``chosen``; every concept as often as every other, people less."""

    def __init__(self, pack: Pack, chosen: Sequence[int], mix: Mix, random: Random) -> None:
        self.pack, self.mix, self.random = pack, mix, random
        self.by_concept: dict[int, list[int]] = {}
        for index in chosen:
            self.by_concept.setdefault(pack.concept[index], []).append(index)
        self.names = sorted(self.by_concept)
        self.totals = list(accumulate(mix.people if pack.concepts[name].people else 1.0 for name in self.names))

    def concept(self) -> int:
        return self.random.choices(self.names, cum_weights=self.totals)[0]

    def draw(self) -> tuple[Scene, Recipe]:
        """A scene by the shares of ``mix``, and how to compose it."""
        sort = self.random.random()
        mix = self.mix
        if sort < mix.several:
            return self.several(self.concept(), self.random.randint(2, LAYERS))
        if sort < mix.several + mix.pair:
            return self.pair(self.concept(), self.concept(), self.random.choice(("left", "top", "", "")))
        if sort < mix.several + mix.pair + mix.placed:
            return self.one(self.concept(), place=self.random.randrange(len(PLACE_NAMES)))
        return self.one(self.concept())

    def one(
        self, concept: int, place: int = -1, tint: int | None = None, tone: int | None = None
    ) -> tuple[Scene, Recipe]:
        """One thing; small and in its ``place`` where one is given."""
        random, mix = self.random, self.mix
        icon = random.choice(self.by_concept[concept])
        tint = self._tint(concept) if tint is None else tint
        tone, rgb = self._background(tint, tone)
        if place < 0:
            scale = random.uniform(*mix.scale)
            centre = (random.uniform(-mix.shift, mix.shift), random.uniform(-mix.shift, mix.shift))
        else:
            scale = random.uniform(0.4, 0.52)
            middle = PLACES[PLACE_NAMES[place]][2]
            centre = tuple(at + random.uniform(-0.06, 0.06) for at in middle)  # type: ignore[assignment]
        scene = Scene((self._thing(icon, tint, place),), 1, tone, style=self._style(icon))
        return scene, Recipe([icon], [self._matrix(centre, scale)], [tint], rgb, scale >= LARGE)

    def several(self, concept: int, count: int, tone: int | None = None) -> tuple[Scene, Recipe]:
        """``count`` of the same picture, 2 to 4, side by side or in a square."""
        random = self.random
        icon, tint = random.choice(self.by_concept[concept]), self._tint(concept)
        tone, rgb = self._background(tint, tone)
        centres = _cells(count, random)
        scale = random.uniform(0.36, 0.46) if count > 2 else random.uniform(0.4, 0.5)
        if count == 3 and len({y for _, y in centres}) == 1:
            scale = 0.31
        matrices = [self._matrix(_near(centre, random, 0.03), scale * random.uniform(0.95, 1.05)) for centre in centres]
        scene = Scene((self._thing(icon, tint),), count, tone, style=self._style(icon))
        return scene, Recipe([icon] * count, matrices, [tint] * count, rgb, False)

    def pair(self, first: int, second: int, relation: str = "", tone: int | None = None) -> tuple[Scene, Recipe]:
        """Two things, the first left of or above the second, told or not."""
        random = self.random
        if first == second:
            return self.one(first, tone=tone)
        lying = relation != "top" if relation else random.random() < 0.6
        icons = [random.choice(self.by_concept[concept]) for concept in (first, second)]
        tone, rgb = self._background(-1, tone)
        centres = [(-0.48, 0.0), (0.48, 0.0)] if lying else [(0.0, -0.48), (0.0, 0.48)]
        matrices = [self._matrix(_near(centre, random, 0.05), random.uniform(0.4, 0.5)) for centre in centres]
        told = Scene((Thing(first), Thing(second)), 1, tone, relation, self._style(icons[0]))
        return told, Recipe(icons, matrices, [-1, -1], rgb, False)

    def blank(self, tone: int | None = None) -> tuple[Scene, Recipe]:
        """A background and nothing else."""
        tone, rgb = self._background(-1, self.random.randrange(len(COLOUR_NAMES)) if tone is None else tone)
        return Scene((), 0, tone, kind="blank"), Recipe([], [], [], rgb, False)

    def _thing(self, icon: int, tint: int, place: int = -1) -> Thing:
        return Thing(self.pack.concept[icon], tint, place, tint if tint >= 0 else self.pack.shades[icon])

    def _tint(self, concept: int) -> int:
        if self.pack.concepts[concept].coloured or self.random.random() >= self.mix.tinted:
            return -1
        return self.random.randrange(2, len(COLOUR_NAMES))

    def _background(self, tint: int, tone: int | None) -> tuple[int, tuple[float, float, float]]:
        """A colour that is not the thing's own tint, and its RGB from 0 to 1, a little off."""
        if tone is None:
            tone = 0 if self.random.random() < self.mix.plain else self.random.randrange(len(COLOUR_NAMES))
            if tone == tint:
                tone = 0
        spread = 0.0 if tone == 0 and self.random.random() < 0.7 else 0.025
        rgb = [min(1.0, max(0.0, float(part) + self.random.gauss(0, spread))) for part in TONES[tone].tolist()]
        return tone, (rgb[0], rgb[1], rgb[2])

    def _style(self, icon: int) -> str:
        style = self.pack.style[icon]
        return style if style in STYLES else ""

    def _matrix(self, centre: tuple[float, float], scale: float) -> list[float]:
        """Output coordinates to the picture's own, both from -1 to 1, as ``affine_grid`` takes them."""
        turn = self.random.uniform(-self.mix.turn, self.mix.turn)
        flip = -1.0 if self.mix.mirror and self.random.random() < 0.5 else 1.0
        cos, sin = math.cos(turn) / scale, math.sin(turn) / scale
        x, y = centre
        return [flip * cos, flip * -sin, flip * (-cos * x + sin * y), sin, cos, -sin * x - cos * y]


def _cells(count: int, random: Random) -> list[tuple[float, float]]:
    if count == 2:
        return [(-0.48, 0.0), (0.48, 0.0)] if random.random() < 0.7 else [(0.0, -0.48), (0.0, 0.48)]
    if count == 3 and random.random() < 0.4:
        return [(-0.66, 0.0), (0.0, 0.0), (0.66, 0.0)]
    corners = [(-0.48, -0.48), (0.48, -0.48), (-0.48, 0.48), (0.48, 0.48)]
    if count == 3 and random.random() < 0.5:
        return [(0.0, -0.48), *corners[2:]]
    return random.sample(corners, count)


def _near(centre: tuple[float, float], random: Random, spread: float) -> tuple[float, float]:
    return centre[0] + random.uniform(-spread, spread), centre[1] + random.uniform(-spread, spread)


@dataclass(slots=True)
class Batch:
    """Recipes as tensors, ready for ``compose``. ``large`` first rows take the big pictures."""

    icons: Tensor
    matrices: Tensor
    tints: Tensor
    backgrounds: Tensor
    large: Tensor


def batched(recipes: Sequence[Recipe]) -> Batch:
    """``icons`` [n, LAYERS] (-1 for none), ``matrices`` [n, LAYERS, 2, 3], ``backgrounds`` [n, 3], ``large`` [n]."""
    icons = [[*each.icons, *[-1] * (LAYERS - len(each.icons))] for each in recipes]
    none = [1.0, 0, 0, 0, 1.0, 0]
    matrices = [[*each.matrices, *[none] * (LAYERS - len(each.matrices))] for each in recipes]
    tints = [[*each.tints, *[-1] * (LAYERS - len(each.tints))] for each in recipes]
    return Batch(
        torch.tensor(icons),
        torch.tensor(matrices).view(-1, LAYERS, 2, 3),
        torch.tensor(tints),
        torch.tensor([each.background for each in recipes]),
        torch.tensor([each.large for each in recipes]),
    )


def compose(pack: Pack, batch: Batch, side: int) -> Tensor:
    """The scenes, [n, 3, side, side] float32 from 0 to 1, on the device where ``pack`` is."""
    device = pack.pictures.device
    tones = TONES.to(device)
    picture = batch.backgrounds.to(device, non_blocking=True)[:, :, None, None].expand(-1, -1, side, side).clone()
    for layer in range(LAYERS):
        for large, source in ((True, pack.pictures), (False, pack.small)):
            rows = (batch.icons[:, layer] >= 0) & (batch.large == large)
            if not rows.any():
                continue
            at = rows.nonzero()[:, 0]
            icons, places = batch.icons[at, layer].to(device), at.to(device)
            shape = (len(at), 4, side, side)
            grid = functional.affine_grid(batch.matrices[at, layer].to(device), list(shape), align_corners=False)
            drawn = functional.grid_sample(source[icons].float() / 255, grid, align_corners=False)
            drawn = _tinted(drawn, batch.tints[at, layer].to(device), tones)
            picture[places] = drawn[:, :3] + (1 - drawn[:, 3:]) * picture[places]
    return picture.clamp(0, 1)


def _tinted(drawn: Tensor, tints: Tensor, tones: Tensor) -> Tensor:
    """The pictures [n, 4, h, w] in one colour each where ``tints`` [n] names one: pure where a picture is as light as
    it is on the whole, darker and lighter where it is."""
    alpha = drawn[:, 3:]
    light = (drawn[:, :3] * drawn.new_tensor([0.3, 0.59, 0.11])[None, :, None, None]).sum(1, keepdim=True)
    mean = light.sum((2, 3), keepdim=True) / alpha.sum((2, 3), keepdim=True).clamp_min(1e-4)
    off = light / alpha.clamp_min(1e-4) - mean
    shaded = tones[tints.clamp_min(0)][:, :, None, None] * (1 + 0.9 * off.clamp(-0.6, 0))
    shaded = shaded + (1 - shaded) * 0.6 * off.clamp(0, 1)
    return torch.where((tints >= 0)[:, None, None, None], torch.cat([shaded * alpha, alpha], 1), drawn)
