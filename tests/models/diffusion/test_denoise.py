"""The denoising loop: bit for bit what the diffusers pipelines compute, with every scheduler."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import diffusers
import numpy as np
import pytest
import torch

from core.errors import BadInput
from models.diffusion import denoise as diffusion_steps
from models.diffusion import engine as diffusion
from models.diffusion.settings import SCHEDULERS
from tests.models.diffusion.helpers import CAT, KINDS, file, painted, pixels, spec
from tests.tiny.tiny_diffusion import Kind

pytestmark = [  # diffusers' schedulers hand torch's tensors to numpy's functions
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_it_paints_bit_for_bit_what_the_diffusers_pipeline_paints(
    painters: dict[Kind, diffusion.Diffusion], folders: dict[Kind, Path], kind: Kind
) -> None:
    guidance = {"turbo": 0.0, "lcm": 8.0, "sdxl-lcm": 8.0}.get(kind, 6.0)
    wish = replace(CAT, guidance=guidance, width=128, height=64)
    pipe = diffusers.DiffusionPipeline.from_pretrained(folders[kind], local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    random = torch.Generator("cpu").manual_seed(wish.seed)
    theirs = pipe(
        wish.prompt,
        num_inference_steps=wish.steps,
        guidance_scale=wish.guidance,
        width=wish.width,
        height=wish.height,
        generator=random,
    ).images[0]
    assert np.array_equal(pixels(file(painters[kind], wish)), np.asarray(theirs))


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_offered_paints_and_paints_the_same_again(
    painter: diffusion.Diffusion, name: str, steps: int
) -> None:
    wish = replace(CAT, scheduler=name, steps=steps)
    first = file(painter, wish)
    assert first == file(painter, wish)
    assert pixels(first).std() > 1


def test_the_estimate_at_the_last_step_is_the_picture_itself(painter: diffusion.Diffusion) -> None:
    words = painter._embeddings(replace(CAT, guidance=0.0))
    wish = replace(CAT, width=64, height=64, guidance=0.0, scheduler="EulerDiscreteScheduler")
    denoising = diffusion_steps.Denoising(painter._pipe, diffusion_steps.eager(painter._pipe.unet), words, wish)
    for number in range(len(denoising)):
        denoising.step(number)
    torch.testing.assert_close(denoising.estimate(), denoising.latents, atol=0.01, rtol=0.01)


def test_a_vae_that_overflows_in_half_precision_is_put_in_single(folders: dict[Kind, Path]) -> None:
    engine = diffusion.load(spec(), folders["sd"])
    pipe = engine._pipe
    with torch.no_grad():
        pipe.vae.decoder.conv_in.weight.mul_(1e5)
    pipe.vae.to(torch.float16)
    image = diffusion_steps.decode(pipe, torch.full((1, 4, 8, 8), 20.0))
    assert image.isfinite().all()
    assert pipe.vae.dtype == torch.float32


@pytest.mark.parametrize(("kind", "steps", "scheduler"), [("lcm", 51, ""), ("turbo", 2, "PNDMScheduler")])
def test_steps_that_the_scheduler_cannot_take_are_refused_with_what_to_do(
    painters: dict[Kind, diffusion.Diffusion], kind: Kind, steps: int, scheduler: str
) -> None:
    with pytest.raises(BadInput, match=f"cannot work in {steps} steps") as refused:
        painted(painters[kind], replace(CAT, steps=steps, scheduler=scheduler))
    assert f"以 {steps} 步" in refused.value.said("zh")
