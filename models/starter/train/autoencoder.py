"""Stage 4: the brush's autoencoder, eight by eight pixels to one latent of 16 numbers and back.

``python -m models.starter.train.autoencoder --data icons.safetensors --out DIR``. Diffusers' ``AutoencoderTiny`` (the
shape of TAESD, github.com/madebyollin/taesd). Its encoder is not trained but computed: the 16 principal components of
the pictures' patches, each brought to mean 0 and deviation SPREAD, written into convolutions that do nothing else. So
the latents are fixed within seconds, the brush can begin to learn at once, and encoding costs nearly nothing. The
decoder learns to draw sharp what the components leave open: they alone give 23.7 dB back.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import diffusers
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.starter.data import repertoire, scenes
from models.starter.data.pack import Pack, load
from models.starter.data.repertoire import Repertoire
from models.starter.train import loop

CHANNELS = 16
PATCH = 8
WIDTH = 48
SPREAD = 0.5  # the decoder bends what goes beyond 3, and rare patches lie 10 deviations out
BLUR = 0.03  # deviation of the noise on the latents that the decoder is shown
SEED = 12345  # of the pictures whose components are computed
MIX = scenes.Mix(several=0.12, pair=0.08, placed=0.1, tinted=0.15, plain=0.3, scale=(0.7, 1.0), turn=0.0, mirror=False)
library: Any = diffusers


def autoencoder() -> Any:
    """An encoder that is linear, and a decoder of half a million weights.

    The decoder has no normalisation, and with torch's own first weights a picture would fade in it layer by layer: here
    they keep its strength (arXiv:1502.01852), and every block begins as nearly nothing but its skip.
    """
    made = library.AutoencoderTiny(
        encoder_block_out_channels=[WIDTH] * 4, decoder_block_out_channels=[WIDTH] * 4,
        num_encoder_blocks=[0, 0, 0, 0], num_decoder_blocks=[3, 3, 2, 1], latent_channels=CHANNELS,
        scaling_factor=1 / SPREAD,
    )  # fmt: skip
    for layer in made.decoder.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    with torch.no_grad():
        for part in made.decoder.layers:
            if hasattr(part, "fuse"):
                part.conv[-1].weight *= 0.1
        made.decoder.layers[-1].weight *= 0.1
        made.decoder.layers[-1].bias.fill_(0.5)
    return made


@torch.no_grad()
def encode_by_components(encoder: Any, pictures: Tensor) -> None:
    """Make ``encoder`` give the principal components of pictures [n, 3, h, w] from -1 to 1, patch by patch.

    Its first three layers lay 2x2 pixels beside each other, 3 channels to 12 and 12 to 48; the fourth takes 2x2 of
    those, a whole patch, to the components.
    """
    patches = functional.unfold(pictures / 2 + 0.5, PATCH, stride=PATCH).transpose(1, 2).flatten(0, 1)  # rows, 3 * 64
    mean = patches.mean(0)
    _, strengths, axes = torch.linalg.svd(patches - mean, full_matrices=False)
    axes = SPREAD * axes[:CHANNELS] / (strengths[:CHANNELS, None] / len(patches) ** 0.5)
    axes = axes * torch.sign(axes.sum(1, keepdim=True))
    first, second, third, fourth, last = encoder.layers
    for layer in encoder.layers:
        layer.weight.zero_()
        if layer.bias is not None:
            layer.bias.zero_()
    first.weight[range(3), range(3), 1, 1] = 1
    for layer, channels in ((second, 3), (third, 12)):
        for place in range(4):
            for channel in range(channels):
                layer.weight[place * channels + channel, channel, 1 + place // 2, 1 + place % 2] = 1
    for row in range(PATCH):
        for column in range(PATCH):
            fine, middle = (row % 2) * 2 + column % 2, (row // 2 % 2) * 2 + column // 2 % 2
            for colour in range(3):
                at = axes[:, colour * PATCH * PATCH + row * PATCH + column]
                fourth.weight[:CHANNELS, middle * 12 + fine * 3 + colour, 1 + row // 4, 1 + column // 4] = at
    last.weight[range(CHANNELS), range(CHANNELS), 1, 1] = 1
    last.bias.copy_(-(axes @ mean))


def batches(pack: Pack, chosen: list[int], size: int, seed: int) -> Iterator[scenes.Batch]:
    composer = scenes.Composer(pack, chosen, MIX, Random(seed))
    while True:
        yield scenes.batched([composer.draw()[1] for _ in range(size)])


def begun(pack: Pack, wish: Repertoire) -> Any:
    """The autoencoder with its encoder as it stays, and its decoder as new."""
    made = autoencoder()
    scene = next(batches(pack, repertoire.pictures(pack, wish), 1024, SEED))
    encode_by_components(made.encoder, scenes.compose(pack, scene, wish.side) * 2 - 1)
    made.encoder.requires_grad_(False)
    return made


def edges(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbours, along rows and along columns."""
    return pictures[..., 1:] - pictures[..., :-1], pictures[..., 1:, :] - pictures[..., :-1, :]


@torch.no_grad()
def decibels(model: Any, pictures: Tensor) -> float:
    """Peak signal-to-noise ratio of pictures [n, 3, h, w] from -1 to 1, in dB."""
    back = torch.cat([model.decode(model.encode(part).latents).sample for part in torch.split(pictures, 64)])
    return float(10 * torch.log10(4 / functional.mse_loss(back.clamp(-1, 1), pictures)))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    repertoire.flags(parser)
    run, told = loop.arguments(parser, argv, batch=256)
    wish = repertoire.wished(told)
    pack = load(run.data)
    held = pack.to(run.device)
    chosen = repertoire.pictures(pack, wish)
    model = begun(pack, wish).to(run.device, memory_format=torch.channels_last)
    save(model, run.out / "begun")
    trainer = loop.Trainer(run, {"autoencoder": model}, decay=0.0, average=0.995)

    def pictures(batch: scenes.Batch) -> Tensor:
        return (scenes.compose(held, batch, wish.side) * 2 - 1).contiguous(memory_format=torch.channels_last)

    def loss(batch: scenes.Batch) -> dict[str, Tensor]:
        shown = pictures(batch)
        with torch.no_grad():
            latents = model.encoder(shown).float()
        back = model.decoder(latents + BLUR * torch.randn_like(latents)).float()
        sharp = [functional.l1_loss(a, b) for a, b in zip(edges(back), edges(shown), strict=True)]
        return {
            "pixels": functional.l1_loss(back, shown) + 2 * functional.mse_loss(back, shown),
            "edges": sharp[0] + sharp[1],
        }

    test = pictures(next(batches(pack, chosen, 128, SEED + 1)))

    def sheet() -> None:
        best: Any = trainer.averaged["autoencoder"].eval()
        with torch.no_grad():
            back = best.decode(best.encode(test[:16]).latents).sample
        loop.sheet(torch.cat([test[:16], back]) / 2 + 0.5, run.out / "sheet.png")
        print(f"{decibels(best, test):.2f} dB", flush=True)

    trainer.train(loop.feed(run, lambda seed: batches(pack, chosen, run.batch, seed)), loss, sheet)
    save(trainer.averaged["autoencoder"], run.out / "vae")


def save(model: Any, folder: Path) -> None:
    """In half precision; ``model`` stays as it is."""
    kept = {name: value.half() for name, value in model.state_dict().items()}
    copy = autoencoder().half()
    copy.load_state_dict(kept)
    copy.save_pretrained(folder)


if __name__ == "__main__":
    main()
