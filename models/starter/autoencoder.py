"""Stage 4: the brush's autoencoder, 128x128 pixels to 16x16 latents of 8 channels and back.

``python -m models.starter.autoencoder --data icons.safetensors --out DIR``. Diffusers' ``AutoencoderKL``. When it is
trained, its latents are brought to mean 0 and deviation 1, channel by channel, by folding that into the two 1x1
convolutions around them, so that the scaling factor is 1 and any pipeline decodes them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import diffusers
import torch
from torch import Tensor
from torch.nn import functional

from models.starter import loop, scenes

SIDE = 128
CHANNELS = 8
MIX = scenes.Mix(several=0.15, pair=0.1, placed=0.1, tinted=0.15, plain=0.3, scale=(0.7, 1.0), turn=0.0)
library: Any = diffusers


def autoencoder() -> Any:
    """Some 2.5 million weights; eight pixels to a latent."""
    return library.AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[32, 64, 96, 96], layers_per_block=1, latent_channels=CHANNELS, norm_num_groups=8,
        sample_size=SIDE, scaling_factor=1.0,
    )  # fmt: skip


def batches(pack: scenes.Pack, size: int, seed: int) -> Iterator[scenes.Batch]:
    composer = scenes.Composer(pack, range(len(pack.concept)), MIX, Random(seed))
    while True:
        yield scenes.batched([composer.draw()[1] for _ in range(size)])


def edges(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbours, along rows and along columns."""
    return pictures[..., 1:] - pictures[..., :-1], pictures[..., 1:, :] - pictures[..., :-1, :]


@torch.no_grad()
def levelled(model: Any, pictures: Tensor) -> None:
    """Fold the mean and deviation of the latents of ``pictures`` into ``quant_conv`` and ``post_quant_conv``."""
    latents = torch.cat([model.encode(part).latent_dist.mean for part in torch.split(pictures, 64)])
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    into, out = model.quant_conv, model.post_quant_conv
    into.weight[:CHANNELS] /= deviation[:, None, None, None]
    into.bias[:CHANNELS] = (into.bias[:CHANNELS] - mean) / deviation
    into.bias[CHANNELS:] -= 2 * deviation.log()
    out.bias += (out.weight[:, :, 0, 0] * mean).sum(1)
    out.weight *= deviation[None, :, None, None]


@torch.no_grad()
def decibels(model: Any, pictures: Tensor) -> float:
    """Peak signal-to-noise ratio of pictures [n, 3, h, w] from -1 to 1, in dB."""
    back = torch.cat([model.decode(model.encode(part).latent_dist.mean).sample for part in torch.split(pictures, 64)])
    return float(10 * torch.log10(4 / functional.mse_loss(back.clamp(-1, 1), pictures)))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    run, _ = loop.arguments(parser, argv, batch=96)
    pack = scenes.load(run.data)
    held = pack.to(run.device)
    model = autoencoder().to(run.device, memory_format=torch.channels_last)
    trainer = loop.Trainer(run, {"autoencoder": model}, decay=0.0, average=0.995)

    def pictures(batch: scenes.Batch) -> Tensor:
        return (scenes.compose(held, batch, SIDE) * 2 - 1).contiguous(memory_format=torch.channels_last)

    def loss(batch: scenes.Batch) -> dict[str, Tensor]:
        shown = pictures(batch)
        latents = model.encode(shown).latent_dist
        back = model.decode(latents.sample()).sample.float()
        sharp = [functional.l1_loss(a, b) for a, b in zip(edges(back), edges(shown), strict=True)]
        return {
            "pixels": functional.l1_loss(back, shown) + 2 * functional.mse_loss(back, shown),
            "edges": sharp[0] + sharp[1],
            "spread": latents.kl().float().mean() * 1e-6,
        }

    test = pictures(next(batches(pack, 256, 12345)))

    def sheet() -> None:
        best: Any = trainer.averaged["autoencoder"].eval()
        with torch.no_grad():
            back = best.decode(best.encode(test[:16]).latent_dist.mean).sample
        loop.sheet(torch.cat([test[:16], back]) / 2 + 0.5, run.out / "sheet.png")
        print(f"{decibels(best, test):.2f} dB", flush=True)

    trainer.train(loop.feed(run, lambda seed: batches(pack, run.batch, seed)), loss, sheet)
    best: Any = trainer.averaged["autoencoder"]
    levelled(best, test)
    save(best, run.out / "vae")


def save(model: Any, folder: Path) -> None:
    model.half().save_pretrained(folder)


if __name__ == "__main__":
    main()
