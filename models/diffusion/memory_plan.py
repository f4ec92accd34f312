"""Memory plans: in which precision a picture is computed, where the weights lie, what is cut into parts.

``choose_plan`` only judges figures, so every machine can be tried in a table; ``place`` carries its choice out.

Two of diffusers' ways to save memory are never chosen. Attention slicing costs what it was made to save since torch has
scaled_dot_product_attention (SDPA), which holds no scores: the largest layer of Stable Diffusion 1.5 at 512x512 took
577 MB and 2.4 s sliced in two, 134 MB and 2.8 s head by head, 60 MB and 0.9 s with SDPA. VAE slicing parts a batch, and
one picture is painted at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from models.common.torch_memory import CONTEXT

Device = Literal["cuda", "cpu"]
Offload = Literal["none", "model", "group"]
Dtype = Literal["float32", "float16", "bfloat16"]

OFFLOADS: tuple[Offload, ...] = ("none", "model", "group")  # ever less on the GPU
BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}

# Bytes of working memory a pixel, measured in float32 with the shapes of Stable Diffusion 1.5 at 512x512: 1,450 in the
# UNet for prompt and negative prompt together, 3,800 in the VAE (3,900 at 768x512). Half of it with numbers of 2 bytes.
UNET_WORK = 2_000
VAE_WORK = 4_000
TILE = 512 * 512  # pixels that the VAE decodes at once when it works in tiles
MEGAPIXEL = 1024 * 1024
LAYERS = 0.1  # of the largest component that is on the GPU at once when its layers take turns there


@dataclass(frozen=True, slots=True)
class DiffusionFacts:
    """What the choice hangs on. Sizes in bytes; ``parameters`` of the whole model and of its ``largest`` component.

    ``native_bfloat16``: the CPU multiplies such numbers itself (AVX512-BF16, AMX). ``single_vae``: the VAE computes in
    float32 whatever the rest does. ``bits`` 8 asks for 8-bit weights (on a GPU), ``dtype`` for a precision.
    """

    device: Device
    gpu_bytes: int
    ram_bytes: int
    parameters: int
    largest: int
    native_bfloat16: bool = False
    single_vae: bool = False
    bits: int = 0
    dtype: Dtype | None = None


@dataclass(frozen=True, slots=True)
class DiffusionPlan:
    """``offload`` says what waits in RAM: nothing, the components not in use, or all but the layers in use."""

    device: Device
    dtype: Dtype
    offload: Offload = "none"
    bits: int = 0
    vae_tiling: bool = False

    def __str__(self) -> str:
        """As it stands below a picture: ``float16, SDPA, model offload, VAE tiling``."""
        said = [self.dtype, "SDPA"] + ["8-bit UNet"] * (self.bits == 8)
        said += [f"{self.offload} offload"] if self.offload != "none" else []
        return ", ".join(said + ["VAE tiling"] * self.vae_tiling)


def choose_plan(facts: DiffusionFacts, width: int, height: int) -> DiffusionPlan:
    """The first rung of the ladder that should fit; its last when none does, for the allocator has the last word."""
    rungs = list(ladder(facts, width, height))
    room = facts.gpu_bytes if facts.device == "cuda" else facts.ram_bytes
    return next((plan for plan in rungs if needs(facts, plan, width, height) <= room), rungs[-1])


def leaner(facts: DiffusionFacts, plan: DiffusionPlan, width: int, height: int) -> DiffusionPlan | None:
    """The next rung below ``plan``, None below the last."""
    rungs = list(ladder(facts, width, height))
    below = rungs[rungs.index(plan) + 1 :] if plan in rungs else []
    return below[0] if below else None


def ladder(facts: DiffusionFacts, width: int, height: int) -> Iterator[DiffusionPlan]:
    """Ever leaner and slower plans. Above a megapixel the VAE always works in tiles.

    On a GPU: half precision with all weights there; the VAE in tiles; one component there at a time; some layers at a
    time, which computes the same picture but moves all weights at every step. 8-bit weights change the picture, so they
    are taken when asked for, or when what waits in RAM would not fit there otherwise. On a CPU: bfloat16 where the
    processor multiplies it (0.5 of float32's CPU time in a UNet step, measured on AVX512-BF16), else float32; the VAE
    in tiles; bfloat16 for its size alone, however slow. The VAE stays in float32 on a CPU: it runs once.
    """
    tiled = width * height > MEGAPIXEL
    if facts.device == "cuda":
        crowded = facts.ram_bytes < BYTES["float16"] * facts.parameters
        bits = 8 if crowded else facts.bits
        first = DiffusionPlan("cuda", facts.dtype or "float16", bits=facts.bits, vae_tiling=tiled)
        rungs = [first, replace(first, vae_tiling=True), replace(first, vae_tiling=True, offload="model", bits=bits)]
        if not bits:  # bitsandbytes keeps its layers where they are
            rungs.append(replace(first, vae_tiling=True, offload="group"))
    else:
        dtype: Dtype = "bfloat16" if facts.native_bfloat16 else "float32"
        first = DiffusionPlan("cpu", facts.dtype or dtype, vae_tiling=tiled)
        small: Dtype = facts.dtype or "bfloat16"
        rungs = [first, replace(first, vae_tiling=True), replace(first, vae_tiling=True, dtype=small)]
    yield from dict.fromkeys(rungs)


def needs(facts: DiffusionFacts, plan: DiffusionPlan, width: int, height: int) -> int:
    """Bytes that painting takes by ``plan`` where it is computed: on the GPU, or in RAM."""
    each = BYTES[plan.dtype]
    held = {"none": facts.parameters, "model": facts.largest, "group": LAYERS * facts.largest}[plan.offload]
    weights = held * each - (facts.largest * (each - 1) if plan.bits == 8 else 0)
    pixels = width * height
    unet = pixels * UNET_WORK * each / 4
    vae = (min(pixels, TILE) if plan.vae_tiling else pixels) * VAE_WORK * (4 if facts.single_vae else each) / 4
    recorded = plan.device == "cuda" and plan.offload == "none" and not plan.bits  # a recording keeps its memory
    work = unet + vae if recorded else max(unet, vae)
    return round(weights + work) + (CONTEXT if plan.device == "cuda" else 0)


def place(pipe: Any, plan: DiffusionPlan) -> None:
    """Put the weights of a loaded pipeline where ``plan`` wants them."""
    import torch

    device = torch.device(plan.device)
    pipe.remove_all_hooks()
    if plan.offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif plan.offload == "group":
        pipe.to("cpu")
        pipe.enable_group_offload(device, torch.device("cpu"), offload_type="leaf_level", use_stream=True)
    else:
        pipe.to(device)
    if plan.device == "cuda" and plan.offload == "none" and not plan.bits:
        for module in (pipe.unet, pipe.vae):  # as the tensor cores' convolutions want it
            module.to(memory_format=torch.channels_last)


def tile(vae: Any, tiled: bool) -> None:
    """Let the VAE work in tiles of TILE pixels, whatever size it was trained with, or in one piece."""
    vae.use_tiling = tiled
    side = math.isqrt(TILE)
    vae.tile_sample_min_size = side
    vae.tile_latent_min_size = side // 2 ** (len(vae.config.block_out_channels) - 1)
