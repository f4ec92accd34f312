"""Stage 1: a classifier of all concepts. It judges what the brush draws, with which it shares no weight, and its
convolutions are where CLIP and the eyes begin.

``python -m models.starter.train.judge --data icons.safetensors --out DIR``. transformers'
``ResNetForImageClassification`` over all concepts, 64x64 pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import torch
import transformers
from torch import Tensor
from torch.nn import functional

from models.starter.data import scenes
from models.starter.data.pack import Pack, load
from models.starter.data.words import Concept
from models.starter.train import clip, loop, towers

MIX = scenes.Mix(several=0, pair=0, placed=0.05, tinted=0.2, plain=0.35, scale=(0.6, 1.05), turn=0.15)
EXAM = 1000  # pictures that it is asked about at the end
library: Any = transformers


def classifier(concepts: Sequence[Concept]) -> Any:
    names = {number: concept.en for number, concept in enumerate(concepts)}
    return library.ResNetForImageClassification(towers.backbone(id2label=names))


def batches(pack: Pack, size: int, seed: int) -> Iterator[tuple[scenes.Batch, Tensor]]:
    composer = scenes.Composer(pack, range(len(pack.concept)), MIX, Random(seed))
    while True:
        drawn = [composer.draw() for _ in range(size)]
        concepts = torch.tensor([scene.things[0].concept for scene, _ in drawn])
        yield scenes.batched([recipe for _, recipe in drawn]), concepts


@torch.no_grad()
def ranked(model: Any, pictures: Tensor, wanted: Sequence[int]) -> Tensor:
    """The places in ``wanted`` of the concepts that pictures [n, 3, h, w] from 0 to 1 show, likeliest first."""
    pixels = functional.interpolate(pictures, (towers.SIDE, towers.SIDE), mode="area") * 2 - 1
    logits = model(pixels.to(model.device, model.dtype)).logits[:, list(wanted)]
    order: Tensor = logits.float().argsort(1, descending=True).cpu()
    return order


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    run, _ = loop.arguments(parser, argv, batch=1024)
    pack = load(run.data)
    held = pack.to(run.device)
    model = classifier(pack.concepts).to(run.device, memory_format=torch.channels_last)
    trainer = loop.Trainer(run, {"judge": model}, average=0.998)

    def loss(given: tuple[scenes.Batch, Tensor]) -> dict[str, Tensor]:
        batch, concepts = given
        shown = clip.disturbed(scenes.compose(held, batch, towers.SIDE)).contiguous(memory_format=torch.channels_last)
        logits = model(shown).logits.float()
        return {"name": functional.cross_entropy(logits, concepts.to(run.device), label_smoothing=0.05)}

    def sheet() -> None:
        best = trainer.averaged["judge"].eval()
        batch, concepts = next(batches(pack, EXAM, 777))
        order = ranked(best, scenes.compose(held, batch, towers.SIDE), range(len(pack.concepts)))
        right = (order[:, :5] == concepts[:, None]).float()
        print(f"right first {right[:, 0].mean():.1%}, in five {right.sum(1).mean():.1%} of all", flush=True)

    trainer.train(loop.feed(run, lambda seed: batches(pack, run.batch, seed)), loss, sheet)
    best: Any = trainer.averaged["judge"]
    best.half().save_pretrained(run.out / "judge")


if __name__ == "__main__":
    main()
