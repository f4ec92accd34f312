"""Stage 2: CLIP, texts and pictures in one space, in English and Chinese.

``python -m models.starter.train.clip --data icons.safetensors --out DIR``. Its losses: CLIP's own (arXiv:2103.00020)
over a batch, in which a picture's other true captions are no negatives but the same thing in another colour is one; the
background's colour among twelve; and for pictures and captions alike the cross entropy over one prototype a concept,
shared by both, without which so small a set is not learnt. First the convolutions are the classifier's and locked (LiT,
arXiv:2111.07991): then names carry over to unseen styles, but a classifier has forgotten colours; a second run with
``--before`` is to teach it those.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional

from models.starter.data import scenes
from models.starter.data.pack import Pack, load
from models.starter.data.words import COLOUR_NAMES, Describer, Scene, article, colour
from models.starter.train import loop, tokens, towers

MIX = scenes.Mix(several=0.12, pair=0.08, placed=0.1, tinted=0.2, plain=0.4, scale=(0.5, 1.1), shift=0.2, turn=0.3)
UNSAID = -1


@dataclass(slots=True)
class ClipBatch:
    """A batch: pictures to compose, captions' tokens [n, LONGEST], and what is true (``truths``) and said (``said``).

    Both are [n, 4]: thing, background, dye and number; -1 in ``said`` for what a caption leaves out.
    """

    batch: scenes.Batch
    tokens: Tensor
    truths: Tensor
    said: Tensor
    concepts: Tensor


def batches(pack: Pack, tokenizer: Any, size: int, seed: int) -> Iterator[ClipBatch]:
    """Without end: composed scenes and a caption of each, half of them in Chinese."""
    random = Random(seed)
    composer = scenes.Composer(pack, range(len(pack.concept)), MIX, random)
    speaker = Describer(pack.concepts, random, tags=0.1)
    while True:
        drawn = [composer.draw() for _ in range(size)]
        told = [_told(scene, speaker, len(pack.concepts)) for scene, _ in drawn]
        ids = tokenizer([words for words, _, _ in told], padding=True, truncation=True, return_tensors="pt")
        concepts = [scene.things[0].concept if len(scene.things) == 1 else -100 for scene, _ in drawn]
        yield ClipBatch(
            scenes.batched([recipe for _, recipe in drawn]), ids.input_ids, torch.tensor([true for _, true, _ in told]),
            torch.tensor([said for _, _, said in told]), torch.tensor(concepts),
        )  # fmt: skip


def _told(scene: Scene, speaker: Describer, concepts: int) -> tuple[str, list[int], list[int]]:
    """A caption, what is true of the picture, and what of that the caption says."""
    random, chinese = speaker.random, speaker.random.random() < 0.5
    first = scene.things[0]
    thing = first.concept if len(scene.things) == 1 else (first.concept + 1) * concepts + scene.things[1].concept
    true = [thing, scene.background, first.tint, scene.count]
    tone = colour(scene.background, chinese)
    if random.random() < 0.12:
        words = f"{tone}背景" if chinese else random.choice((f"{tone} background", f"{article(tone)} background"))
        return words, true, [UNSAID, scene.background, UNSAID, UNSAID]
    background = random.random() < 0.45
    words = speaker.caption(scene, chinese, background, bare=random.random() < 0.5)
    if not background and random.random() < 0.25:
        words = f"{words}的图片" if chinese else f"a picture of {words}"
    return words, true, [thing, scene.background if background else UNSAID, first.tint, scene.count]


def matches(truths: Tensor, said: Tensor) -> Tensor:
    """[pictures, captions] bool: all that the caption says is true of the picture."""
    agree = (truths[:, None] == said[None]) | (said[None] == UNSAID)
    return agree.all(-1)


def contrast(image: Tensor, text: Tensor, scale: Tensor, true: Tensor) -> Tensor:
    """CLIP's loss over unit vectors [n, d]; other captions that are true of a picture do not count against it."""
    logits = scale * image @ text.T
    own = torch.arange(len(logits), device=logits.device)
    logits = logits.masked_fill(true & ~torch.eye(len(own), dtype=torch.bool, device=own.device), -1e4)
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2


def disturbed(pictures: Tensor) -> Tensor:
    """The pictures [n, 3, s, s] from 0 to 1 as a tower sees them, about -1 to 1: lighter or darker, grainy, bitten."""
    count, _, side, _ = pictures.shape
    device = pictures.device
    made = pictures * 2 - 1
    made = made * (1 + 0.12 * torch.randn(count, 1, 1, 1, device=device))
    made = made + 0.06 * torch.randn(count, 3, 1, 1, device=device)
    grainy = (torch.rand(count, 1, 1, 1, device=device) < 0.3) * 0.1
    made = made + grainy * torch.randn_like(made)
    blurred = functional.avg_pool2d(functional.pad(made, (1, 1, 1, 1), mode="replicate"), 3, 1)
    made = torch.where(torch.rand(count, 1, 1, 1, device=device) < 0.2, blurred, made)
    at, size = torch.rand(2, count, 1, device=device), 0.15 + 0.2 * torch.rand(2, count, 1, device=device)
    line = torch.linspace(0, 1, side, device=device)[None]
    rows, columns = ((line > at[i]) & (line < at[i] + size[i]) for i in (0, 1))
    bitten = (torch.rand(count, 1, 1, device=device) < 0.25) & rows[:, :, None] & columns[:, None, :]
    return torch.where(bitten[:, None], torch.randn(count, 3, 1, 1, device=device).clamp(-1, 1), made)


class ClipLosses(nn.Module):
    """CLIP and its prototypes, [concepts, d], which are not kept."""

    def __init__(self, model: Any, concepts: int, colours: Tensor) -> None:
        """``colours``: tokens of the backgrounds' names, [2 x 12, length], English and Chinese."""
        super().__init__()
        self.model = model
        self.prototypes = nn.Parameter(torch.randn(concepts, towers.WIDTH))
        self.register_buffer("colours", colours, persistent=False)

    def forward(
        self, pixels: Tensor, ids: Tensor, true: Tensor, concepts: Tensor, named: Tensor, tones: Tensor
    ) -> dict[str, Tensor]:
        """``true`` as ``matches`` gives it; ``concepts``, ``tones`` [n] of pictures, ``named`` [n] of captions."""
        image = functional.normalize(self.model.get_image_features(pixel_values=pixels).pooler_output.float(), dim=-1)
        text = functional.normalize(self.model.get_text_features(input_ids=ids).pooler_output.float(), dim=-1)
        scale = self.model.logit_scale.exp().clamp(max=60)
        known = functional.normalize(self.prototypes, dim=-1)
        said = self.model.get_text_features(input_ids=self.colours).pooler_output.float()
        toned = scale * image @ functional.normalize(said, dim=-1).T
        english, mandarin = (functional.cross_entropy(part, tones) for part in toned.chunk(2, 1))
        return {
            "contrast": contrast(image, text, scale, true),
            "image": functional.cross_entropy(scale * image @ known.T, concepts),
            "text": functional.cross_entropy(scale * text @ known.T, named) * 0.5,
            "colour": (english + mandarin) * 0.4,
        }


def backgrounds(tokenizer: Any) -> Tensor:
    """Tokens of the twelve backgrounds' names in English and then in Chinese, [24, length]."""
    english = [f"{name} background" for name in COLOUR_NAMES]
    mandarin = [f"{colour(at, True)}背景" for at in range(len(COLOUR_NAMES))]
    ids: Tensor = tokenizer(english + mandarin, padding=True, return_tensors="pt").input_ids
    return ids


def examined(pack: Pack, count: int = 200) -> list[int]:
    """The concepts of the 200-way tests: no people, none that looks like another; always the same ones."""
    known = [at for at, each in enumerate(pack.concepts) if not (each.people or each.confusable) and at in pack.concept]
    return sorted(Random(7).sample(known, min(count, len(known))))


@torch.no_grad()
def vectors(model: Any, tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """Unit vectors of texts, [n, d]."""
    ids = tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="pt").input_ids
    found = model.get_text_features(input_ids=ids.to(model.device)).pooler_output
    return functional.normalize(found.float(), dim=-1)


@torch.no_grad()
def named_rightly(model: Any, tokenizer: Any, pack: Pack, wanted: Sequence[int], style: str) -> dict[str, float]:
    """The share of the pictures of a style whose own name comes first, on white, in each language."""
    found = {pack.concept[at]: at for at in range(len(pack.concept)) if pack.style[at] == style}
    shown = [concept for concept in wanted if concept in found]
    pictures = pack.pictures[[found[concept] for concept in shown]].float() / 255
    pixels = functional.interpolate(pictures[:, :3] + 1 - pictures[:, 3:], (towers.SIDE,) * 2, mode="area") * 2 - 1
    image = functional.normalize(model.get_image_features(pixel_values=pixels).pooler_output.float(), dim=-1)
    right = torch.tensor([list(wanted).index(concept) for concept in shown], device=image.device)
    scores = {}
    for language in ("en", "zh"):
        text = vectors(model, tokenizer, [getattr(pack.concepts[concept], language) for concept in wanted])
        scores[language] = ((image @ text.T).argmax(1) == right).float().mean().item()
    return scores


def colours_right(model: Any, tokenizer: Any, pack: Pack, wanted: Sequence[int]) -> float:
    """The share of composed pictures whose background's colour is told rightly among the twelve."""
    composer = scenes.Composer(pack, range(len(pack.concept)), MIX, Random(11))
    drawn = [composer.one(concept, tint=-1, tone=at % 12) for at, concept in enumerate(wanted)]
    pictures = scenes.compose(pack, scenes.batched([recipe for _, recipe in drawn]), towers.SIDE) * 2 - 1
    text = vectors(model, tokenizer, [f"{name} background" for name in COLOUR_NAMES])
    with torch.no_grad():
        image = functional.normalize(model.get_image_features(pixel_values=pictures).pooler_output.float(), dim=-1)
    right = torch.tensor([scene.background for scene, _ in drawn], device=image.device)
    return ((image @ text.T).argmax(1) == right).float().mean().item()


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """As transformers loads it, in half precision."""
    model.half().save_pretrained(folder)
    library: Any = transformers
    library.VisionTextDualEncoderProcessor(towers.pixels(), tokenizer).save_pretrained(folder)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    begin = parser.add_mutually_exclusive_group(required=True)
    begin.add_argument("--judge", type=Path, help="stage 1's classifier, whose convolutions stay as they are")
    begin.add_argument("--before", type=Path, help="an earlier CLIP, all of which goes on learning")
    run, told = loop.arguments(parser, argv, batch=1024)
    pack = load(run.data)
    held = pack.to(run.device)
    tokenizer = tokens.for_captions(pack.concepts)
    model = towers.clip(len(tokenizer))
    convolutions = model.vision_model.embeddings.backbone
    if told.before:
        library: Any = transformers
        earlier = library.VisionTextDualEncoderModel.from_pretrained(told.before, use_safetensors=True)
        model.load_state_dict(earlier.float().state_dict())
    else:
        towers.grown(model.vision_model, told.judge)
        convolutions.requires_grad_(False)
    losses = ClipLosses(model, len(pack.concepts), backgrounds(tokenizer)).to(run.device)
    if told.before:
        losses.prototypes.data = vectors(model, tokenizer, [each.en for each in pack.concepts])
    convolutions.eval()  # the means and deviations of the classifier's own training
    trainer = loop.Trainer(run, {"losses": losses}, average=0.998)

    def loss(given: ClipBatch) -> dict[str, Tensor]:
        pixels = disturbed(scenes.compose(held, given.batch, towers.SIDE))
        true = matches(given.truths, given.said).to(run.device)
        named = torch.where((given.said[:, 0] >= 0) & (given.concepts >= 0), given.concepts, -100)
        ids, concepts = given.tokens.to(run.device), given.concepts.to(run.device)
        parts: dict[str, Tensor] = losses(
            pixels, ids, true, concepts, named.to(run.device), given.truths[:, 1].to(run.device)
        )
        return parts

    def sheet() -> None:
        best = trainer.averaged["losses"].eval()
        wanted = examined(pack)
        for style in sorted({*pack.style}):
            print(style, named_rightly(best.model, tokenizer, held, wanted, style), flush=True)
        print("colours", colours_right(best.model, tokenizer, held, wanted), flush=True)

    trainer.train(loop.feed(run, lambda seed: batches(pack, tokenizer, run.batch, seed)), loss, sheet)
    best: Any = trainer.averaged["losses"]
    save(best.model, tokenizer, run.out / "clip")


if __name__ == "__main__":
    main()
