"""Stable Diffusion folders of the real architectures with random weights, 0.6 MB: they paint 64x64 noise in no time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers import pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

Kind = Literal["sd", "turbo", "lcm", "sdxl", "sdxl-lcm"]
XL = ("sdxl", "sdxl-lcm")

WORDS = ("red", "green", "blue", "cat", "dog")
WIDE = 32
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
BLOCKS = {
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
}


def write_tiny_diffusion(folder: Path, seed: int = 0, kind: Kind = "sd", variant: str | None = None) -> Path:
    """Write a diffusers pipeline folder (model_index.json, unet/, vae/, ...) as the hub has it, weights in safetensors.

    ``sd`` is Stable Diffusion 1.5's shape, ``turbo`` SD-Turbo's (Euler steps with trailing spacing), ``lcm`` that of a
    latent consistency model and ``sdxl`` SDXL's with two text encoders. ``variant`` ``fp16`` writes half precision
    under the names that the hub uses for it. Returns ``folder``.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipe = _pipeline(folder, kind)
    if variant == "fp16":
        pipe.to(torch.float16)
    pipe.save_pretrained(folder, safe_serialization=True, variant=variant)
    for name in ("tokenizer", "tokenizer_2"):
        if (folder / name).is_dir():
            (folder / name / "tokenizer.json").unlink()  # the hub's folders are older than that file
            _write_tokenizer(folder / name)
    return folder


def _pipeline(folder: Path, kind: Kind) -> DiffusionPipeline:
    tokenizer = CLIPTokenizer.from_pretrained(_write_tokenizer(folder / "tokenizer"))
    parts: dict[str, Any] = {
        "tokenizer": tokenizer,
        "vae": _vae(),
        "text_encoder": CLIPTextModel(_text(len(tokenizer))),
    }
    if kind in XL:
        parts |= {"tokenizer_2": tokenizer, "text_encoder_2": CLIPTextModelWithProjection(_text(len(tokenizer)))}
        euler = EulerDiscreteScheduler(**BETAS, steps_offset=1, timestep_spacing="leading")
        steps = euler if kind == "sdxl" else LCMScheduler(**BETAS)
        return StableDiffusionXLPipeline(unet=_unet(kind), scheduler=steps, add_watermarker=False, **parts)
    unguarded = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    if kind == "lcm":
        return LatentConsistencyModelPipeline(unet=_unet(kind), scheduler=LCMScheduler(**BETAS), **parts, **unguarded)
    scheduler = (
        EulerDiscreteScheduler(**BETAS, steps_offset=1, timestep_spacing="trailing")
        if kind == "turbo"
        else PNDMScheduler(**BETAS, steps_offset=1, skip_prk_steps=True, set_alpha_to_one=False)
    )
    return StableDiffusionPipeline(unet=_unet(kind), scheduler=scheduler, **parts, **unguarded)


def _unet(kind: Kind) -> UNet2DConditionModel:
    """Latents of 4 channels and 8x8 in and out; words in by cross attention at 4x4."""
    extra: dict[str, Any] = {"time_cond_proj_dim": 16} if kind.endswith("lcm") else {}
    if kind in XL:  # six sizes and the pooled text are added to the time, as in SDXL
        extra |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + WIDE,
            "use_linear_projection": True,
        }
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=2 * WIDE if kind in XL else WIDE,
        attention_head_dim=4,
        **BLOCKS,
        **extra,
    ).eval()


def _vae() -> AutoencoderKL:
    """Eight pixels to a latent, as in every Stable Diffusion."""
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        norm_num_groups=4,
        sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    ).eval()


def _text(words: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=words,
        hidden_size=WIDE,
        intermediate_size=WIDE,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=WIDE,
        bos_token_id=words - 2,
        eos_token_id=words - 1,
        pad_token_id=words - 1,
        initializer_factor=8.0,  # so that words tell in the picture
    )


def _write_tokenizer(folder: Path) -> Path:
    """CLIP's byte-level BPE with a vocabulary of all bytes and WORDS: vocab.json, merges.txt, tokenizer_config.json."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens, merges = [*letters, *(letter + "</w>" for letter in letters)], []
    for word in WORDS:
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > 1:
            merges.append(f"{pieces[0]} {pieces[1]}")
            pieces[:2] = [pieces[0] + pieces[1]]
            tokens.append(pieces[0])
    tokens = [*dict.fromkeys(tokens), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *dict.fromkeys(merges), ""]), "utf-8")
    ends = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"}
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **ends}
    config |= {"pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1), "utf-8")
    return folder
