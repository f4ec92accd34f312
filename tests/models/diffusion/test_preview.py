"""Previews: their shape, their colours, and the time they may take."""

from __future__ import annotations

import io
from dataclasses import replace

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import PIL.Image
import pytest
import torch

from core.types.events import Progress
from models.diffusion import engine as diffusion
from models.diffusion.preview import SHARE, Allowance, mapped
from tests.models.diffusion.helpers import CAT, pixels
from tests.tiny.tiny_diffusion import Kind

pytestmark = [  # diffusers' schedulers hand torch's tensors to numpy's functions
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning"),
]


@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_a_preview_is_a_small_picture_of_the_same_shape(painters: dict[Kind, diffusion.Diffusion], kind: Kind) -> None:
    wish = replace(CAT, width=128, height=64)
    previews = [item.preview for item in painters[kind].paint(wish) if isinstance(item, Progress) and item.preview]
    assert previews
    picture = PIL.Image.open(io.BytesIO(previews[-1].data))
    assert (picture.size, picture.mode, previews[-1].mime) == ((64, 32), "RGB", "image/jpeg")


def test_a_preview_has_the_colour_of_its_latents() -> None:
    bright, dark = torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 8, 8)
    bright[:, 0], dark[:, 0] = 2, -2
    light, shade = (pixels(mapped(each, False).data).mean() for each in (bright, dark))
    assert light > 160
    assert shade < 100


@pytest.mark.parametrize("cost", [0.0001, 0.002, 0.05, 3.0])
@pytest.mark.parametrize("step", [0.01, 0.4, 20.0])
def test_previews_never_take_more_than_their_share_of_the_time(cost: float, step: float) -> None:
    now, allowance, spent = 100.0, Allowance(100.0, cost=cost), 0.0
    for _ in range(2000):
        now += step
        if allowance.allows(now):
            now += cost
            spent += cost
            allowance.spend(cost)
        assert spent <= SHARE * (now - 100.0)
    assert spent >= 0.9 * SHARE * (now - 100.0) - 2 * cost or step * SHARE > cost


def test_a_preview_that_turns_out_dear_is_made_up_for() -> None:
    allowance = Allowance(0.0)
    assert allowance.allows(0.2)
    allowance.spend(1.0)
    assert not allowance.allows(60.0)
    assert allowance.allows(101.0)
