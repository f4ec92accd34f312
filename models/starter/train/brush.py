"""Stage 5: the brush, a Stable Diffusion whose text tower is trained along with its UNet.

``python -m models.starter.train.brush --vae DIR/vae --clip DIR/clip --data icons.safetensors --out DIR``. Velocities
(arXiv:2202.00512) at zero terminal SNR and trailing timesteps (arXiv:2305.08891), so that a background can be all black
or all white. The text tower begins as CLIP's, which knows every name in both languages, and goes on learning: frozen,
it never learnt the backgrounds' colours.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import diffusers
import torch
import transformers
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from torch.nn import functional

from models.starter.data import repertoire, scenes
from models.starter.data.pack import Pack, load
from models.starter.data.repertoire import Repertoire
from models.starter.data.words import Describer, Scene
from models.starter.train import autoencoder, loop, tokens, towers

MIX = scenes.Mix(
    several=0.07, pair=0.03, placed=0.07, tinted=0.1, plain=0.25, scale=(0.82, 0.95), shift=0.04, turn=0.0,
    mirror=False, people=0.25,
)  # fmt: skip
SHOWN = (
    "a red apple on a white background", "一只猫，蓝色背景", "a dog on a green background", "黄色背景上的一个房子",
    "a sunflower on a purple background", "a rocket on a black background", "粉色背景上的一只企鹅", "a pizza",
    "three bananas on a cyan background", "橙色背景上的一个吉他", "a blue cat", "a cat to the left of a dog",
    "two red mushrooms on a yellow background", "一只蝴蝶", "a heart on a pink background", "右边的一只青蛙",
)  # fmt: skip
STEPS, GUIDANCE = 20, 3.0
WIDTHS = {64: [160, 256], 128: [128, 192, 224]}  # of the UNet's levels, by the side of the picture
library: Any = diffusers


def unet(side: int) -> Any:
    """A latent for every 8x8 pixels; attention to the words on every level."""
    widths = WIDTHS[side]
    return library.UNet2DConditionModel(
        sample_size=side // 8, in_channels=autoencoder.CHANNELS, out_channels=autoencoder.CHANNELS,
        down_block_types=["CrossAttnDownBlock2D"] * len(widths), up_block_types=["CrossAttnUpBlock2D"] * len(widths),
        block_out_channels=widths, layers_per_block=1, cross_attention_dim=towers.WIDTH, attention_head_dim=4,
        norm_num_groups=16,
    )  # fmt: skip


def scheduler() -> Any:
    """Cosine noise to nothing but noise, velocities."""
    return library.DDIMScheduler(
        num_train_timesteps=1000, beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction",
        rescale_betas_zero_snr=True, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True,
        steps_offset=1,
    )  # fmt: skip


def batches(
    pack: Pack, chosen: Sequence[int], tokenizer: Any, size: int, seed: int
) -> Iterator[tuple[scenes.Batch, Tensor]]:
    """Without end: scenes of the ``chosen`` pictures, and captions' tokens [size, LONGEST], one in ten empty."""
    random = Random(seed)
    concepts = repertoire.called(pack.concepts)
    composer = scenes.Composer(replace(pack, concepts=concepts), chosen, MIX, random)
    speaker = Describer(concepts, random, tags=0.04)
    while True:
        drawn = [composer.draw() for _ in range(size)]
        words = ["" if random.random() < 0.1 else _caption(scene, speaker) for scene, _ in drawn]
        ids = tokenizer(words, padding="max_length", truncation=True, return_tensors="pt").input_ids
        yield scenes.batched([recipe for _, recipe in drawn]), ids


def _caption(scene: Scene, speaker: Describer) -> str:
    random = speaker.random
    background = scene.background > 0 or random.random() < 0.5
    return speaker.caption(scene, random.random() < 0.5, background, random.random() < 0.15, random.random() < 0.4)


def save(parts: dict[str, Any], vae: Any, tokenizer: Any, folder: Path) -> None:
    """A folder as diffusers loads it, in half precision."""
    pipe = library.StableDiffusionPipeline(
        vae=vae, text_encoder=parts["text"].half(), tokenizer=tokenizer, unet=parts["unet"].half(),
        scheduler=scheduler(), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.save_pretrained(folder)


@torch.no_grad()
def paint(unet: Any, text: Any, vae: Any, tokenizer: Any, prompts: Sequence[str], seed: int = 0) -> Tensor:
    """Pictures [n, 3, side, side] from 0 to 1 in STEPS steps at GUIDANCE."""
    device = next(unet.parameters()).device
    steps = scheduler()
    steps.set_timesteps(STEPS)
    ids = tokenizer([""] * len(prompts) + list(prompts), padding="max_length", truncation=True, return_tensors="pt")
    embeds = text(input_ids=ids.input_ids.to(device)).last_hidden_state
    generator = torch.Generator().manual_seed(seed)
    cells = (unet.config.sample_size,) * 2
    latents = torch.randn(len(prompts), autoencoder.CHANNELS, *cells, generator=generator).to(device)
    for time in steps.timesteps:
        without, given = unet(torch.cat([latents, latents]), time, embeds).sample.float().chunk(2)
        latents = steps.step(without + GUIDANCE * (given - without), time, latents).prev_sample
    decoded: Tensor = vae.decode((latents / vae.config.scaling_factor).to(vae.dtype)).sample.float()
    return (decoded / 2 + 0.5).clamp(0, 1)


def begun(words: int, clip: Path, wish: Repertoire, device: str) -> dict[str, Any]:
    """The UNet as new, and CLIP's text tower."""
    towers_of: Any = transformers
    learnt = towers_of.VisionTextDualEncoderModel.from_pretrained(clip, use_safetensors=True).float()
    text = towers_of.CLIPTextModel(towers.text(words, 2))
    text.load_state_dict(learnt.text_model.state_dict())
    text.set_attn_implementation("eager")
    made = unet(wish.side)
    made.set_attn_processor(AttnProcessor())  # on a CPU, training with SDPA takes a third longer
    return {"unet": made.to(device), "text": text.to(device)}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vae", type=Path, required=True, help="the autoencoder's folder")
    parser.add_argument("--clip", type=Path, required=True, help="the folder of stage 2's model")
    repertoire.flags(parser)
    run, told = loop.arguments(parser, argv, batch=512)
    wish = repertoire.wished(told)
    pack = load(run.data)
    held = pack.to(run.device)
    chosen = repertoire.pictures(pack, wish)
    tokenizer = tokens.for_captions(pack.concepts)
    vae = library.AutoencoderTiny.from_pretrained(told.vae, use_safetensors=True)
    vae = vae.float().to(run.device, memory_format=torch.channels_last).requires_grad_(False).eval()
    parts = begun(len(tokenizer), told.clip, wish, run.device)
    print({name: sum(each.numel() for each in part.parameters()) / 1e6 for name, part in parts.items()}, flush=True)
    trainer = loop.Trainer(run, parts, decay=0.01, average=0.998)
    noising = scheduler()

    def loss(given: tuple[scenes.Batch, Tensor]) -> dict[str, Tensor]:
        batch, ids = given
        with torch.no_grad():
            shown = scenes.compose(held, batch, wish.side) * 2 - 1
            latents = vae.encode(shown.contiguous(memory_format=torch.channels_last)).latents.float()
            latents = latents * vae.config.scaling_factor
            noisy, velocity, times = noised(noising, latents)
        embeds = parts["text"](input_ids=ids.to(run.device)).last_hidden_state
        return {"velocity": functional.mse_loss(parts["unet"](noisy, times, embeds).sample.float(), velocity)}

    def sheet() -> None:
        best = {name: part.eval() for name, part in trainer.averaged.items()}
        loop.sheet(paint(best["unet"], best["text"], vae, tokenizer, SHOWN), run.out / "sheet.png", 4)

    made = loop.feed(run, lambda seed: batches(pack, chosen, tokenizer, run.batch, seed))
    trainer.train(made, loss, sheet)
    save(dict(trainer.averaged), vae.half(), tokenizer, run.out / "brush")


def noised(noising: Any, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Latents with noise, the velocities to be learnt, and times spread evenly over the batch."""
    count, device = len(latents), latents.device
    noise = torch.randn_like(latents)
    spread = (torch.arange(count, device=device) + torch.rand(count, device=device)) / count
    times = (spread * 1000).long().clamp(0, 999)[torch.randperm(count, device=device)]
    return noising.add_noise(latents, noise, times), noising.get_velocity(latents, noise, times), times


if __name__ == "__main__":
    main()
