"""Pictures of nothing that can be named, which the eyes are to doubt: noise, gradients, stripes, shreds of pictures."""

from __future__ import annotations

import math
from random import Random

import torch
from torch import Tensor
from torch.nn import functional

from models.starter.data.pack import Pack


def noise(count: int, side: int, random: Random, pack: Pack) -> Tensor:
    """[count, 3, side, side] float32 from 0 to 1, on the device where ``pack`` is."""
    makers = (_grain, _grain, _clouds, _stripes, _shreds)
    made = []
    for _ in range(count):
        seeded = torch.Generator().manual_seed(random.getrandbits(32))
        made.append(random.choice(makers)(side, random, seeded, pack))
    return torch.stack(made).to(pack.pictures.device)


def _grain(side: int, random: Random, seeded: torch.Generator, pack: Pack) -> Tensor:
    """Noise of squares larger or smaller than a pixel, in colours or grays, strong or weak, about any colour."""
    rough = random.choice((side // 4, side // 2, side, side, 2 * side, 3 * side))
    made = torch.rand(1, random.choice((1, 3, 3)), rough, rough, generator=seeded)
    made = functional.interpolate(made, (side, side), mode="area" if random.random() < 0.7 else "bilinear")[0]
    if random.random() < 0.5:
        return made.expand(3, -1, -1)
    middle = torch.rand(3, 1, 1, generator=seeded)
    return (middle + (made - 0.5) * random.uniform(0.4, 1)).clamp(0, 1)


def _clouds(side: int, random: Random, seeded: torch.Generator, pack: Pack) -> Tensor:
    """Colours that run into each other."""
    across, down = (random.choice((2, 3, 5, 9, 16)) for _ in range(2))
    rough = torch.rand(1, 3, down, across, generator=seeded)
    return functional.interpolate(rough, (side, side), mode="bilinear")[0]


def _stripes(side: int, random: Random, seeded: torch.Generator, pack: Pack) -> Tensor:
    """Waves of one colour, level or upright."""
    waves = torch.sin(torch.linspace(0, random.uniform(10, 120), side)) * 0.5 + 0.5
    return (waves[None, :] if random.random() < 0.5 else waves[:, None]) * torch.rand(3, 1, 1, generator=seeded).expand(
        3, side, side
    )


def _shreds(side: int, random: Random, seeded: torch.Generator, pack: Pack) -> Tensor:
    """Small squares of random pictures."""
    cell = random.choice((8, 12, 16)) * side // 64
    across = math.ceil(side / cell)
    chosen = torch.randint(len(pack.small), (across * across,), generator=seeded)
    source = pack.small if cell <= 32 else pack.pictures
    at, left = (random.randrange(source.shape[-1] - cell) for _ in range(2))
    cut = source[chosen.to(source.device), :, at : at + cell, left : left + cell].float().cpu() / 255
    cut = cut[:, :3] + (1 - cut[:, 3:])
    tiled = cut.view(across, across, 3, cell, cell).permute(2, 0, 3, 1, 4).reshape(3, across * cell, across * cell)
    return tiled[:, :side, :side]
