"""Stage 3: the eyes, a LLaVA that says what is there, how many, which colour and where, in English and Chinese.

``python -m models.starter.eyes --clip DIR/clip --data icons.safetensors --out DIR``. It begins with CLIP's image tower,
as LLaVA does (arXiv:2304.08485), and all of it is trained; two questions about each composed picture. People are
"person", and what shows nothing that can be known (noise, shreds) is answered with doubt.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional

from models.starter import clip, loop, questions, scenes, tokens, towers
from models.starter.words import Concept, Scene, Speaker

MIX = scenes.Mix(
    several=0.22, pair=0.14, placed=0.2, tinted=0.15, plain=0.35, scale=(0.5, 1.05), shift=0.15, turn=0.25, people=0.02
)
NOISE, BLANK = 0.04, 0.03
CELLS = towers.CELLS**2
ROOM = 34  # tokens of a question and its answer
TEMPLATE = (
    "<s>{% for message in messages %}{% if loop.last %}{% if message.content is string %}{{ message.content }}"
    "{% else %}{% for part in message.content if part.type == 'image' %}{{ '<image>' }}{% endfor %}"
    "{% for part in message.content if part.type == 'text' %}{{ part.text }}{% endfor %}{% endif %}{% endif %}"
    "{% endfor %}{{ '<answer>' }}"
)
library: Any = transformers


@dataclass(slots=True)
class Given:
    """A batch: scenes, of which ``noise`` [n] are none; two texts each, [2 n, ROOM], and where its answer is."""

    batch: scenes.Batch
    noise: Tensor
    ids: Tensor
    answers: Tensor
    concepts: Tensor


def plain(concepts: Sequence[Concept]) -> tuple[Concept, ...]:
    """The concepts by the names that the eyes use: any human being is a person."""
    return tuple(replace(each, en="person", zh="人", measure="个") if each.people else each for each in concepts)


def kinds(scene: Scene) -> list[str]:
    """The questions that can be asked about ``scene``, the more often the more there is to learn."""
    if scene.kind != "things":
        return ["name", "describe", "count", "background", "present"]
    known = ["name", "name", "name", "describe", "present", "present", "background"]
    if len(scene.things) == 2:
        return [*known, "count"]
    known += ["count", "count"] if scene.count > 1 else ["count"]
    thing = scene.things[0]
    known += ["colour"] if thing.shade >= 0 and scene.count == 1 else []
    return known + ["place"] * (3 if thing.place >= 0 else scene.count == 1)


def asked(scene: Scene, composer: scenes.Composer, speaker: Speaker, chinese: bool) -> questions.Asked:
    """A question about ``scene`` and its answer; half of the questions whether something is there are of another."""
    random = speaker.random
    kind = random.choice(kinds(scene))
    other = -1
    if (kind == "present" and (scene.kind != "things" or random.random() < 0.5)) or (
        kind == "count" and random.random() < 0.12
    ):
        shown = {thing.concept for thing in scene.things}
        other = next(each for each in iter(composer.concept, None) if each not in shown)
        if speaker.concepts[other].people and any(speaker.concepts[each].people for each in shown):
            other, kind = -1, "background"
    return questions.ask(kind, scene, speaker, chinese, other)


def batches(pack: scenes.Pack, tokenizer: Any, size: int, seed: int) -> Iterator[Given]:
    """Without end: ``size`` scenes with two questions each."""
    random = Random(seed)
    composer = scenes.Composer(pack, range(len(pack.concept)), MIX, random)
    speaker = Speaker(plain(pack.concepts), random)
    while True:
        drawn = [_drawn(composer, random) for _ in range(size)]
        talk = [asked(scene, composer, speaker, random.random() < 0.5) for scene, _ in drawn for _ in range(2)]
        ids, answers = encoded(tokenizer, talk, random)
        concepts = [each.things[0].concept if each.count == 1 and len(each.things) == 1 else -100 for each, _ in drawn]
        yield Given(
            scenes.batched([recipe for _, recipe in drawn]),
            torch.tensor([scene.kind == "noise" for scene, _ in drawn]), ids, answers, torch.tensor(concepts),
        )  # fmt: skip


def _drawn(composer: scenes.Composer, random: Random) -> tuple[Scene, scenes.Recipe]:
    sort = random.random()
    if sort < NOISE + BLANK:
        scene, recipe = composer.blank()
        return (replace(scene, kind="noise") if sort < NOISE else scene), recipe
    return composer.draw()


def encoded(tokenizer: Any, talk: Sequence[questions.Asked], random: Random) -> tuple[Tensor, Tensor]:
    """``question <answer> answer </s>`` as ids [n, ROOM], and a mask of what is to be learnt of it."""
    asked = [each.question.lower() if random.random() < 0.2 else each.question for each in talk]
    first = tokenizer(asked, add_special_tokens=False).input_ids
    second = tokenizer([each.answer for each in talk], add_special_tokens=False).input_ids
    ids = torch.full((len(talk), ROOM), tokens.PAD)
    mask = torch.zeros(len(talk), ROOM, dtype=torch.bool)
    for row, (question, answer) in enumerate(zip(first, second, strict=True)):
        said = [*answer, tokens.EOS]
        whole = [*question[: ROOM - 1 - len(said)], tokens.ANSWER, *said][:ROOM]
        ids[row, : len(whole)] = torch.tensor(whole)
        mask[row, len(whole) - len(said) : len(whole)] = True
    return ids, mask


class Losses(nn.Module):
    """The eyes, and a head that names concepts from the tower's mean, which is not kept."""

    def __init__(self, model: Any, concepts: int) -> None:
        super().__init__()
        self.model = model
        self.head = nn.Linear(towers.WIDTH, concepts)

    def forward(self, pixels: Tensor, ids: Tensor, mask: Tensor, concepts: Tensor) -> dict[str, Tensor]:
        """Next-token loss over the answers, two texts a picture, and the head's."""
        inner = self.model.model
        seen = inner.vision_tower(pixels, output_hidden_states=True)
        cells = inner.multi_modal_projector(seen.hidden_states[-1][:, 1:]).repeat_interleave(2, 0)
        embed = inner.language_model.embed_tokens
        start = embed(torch.full((len(ids), 1), tokens.BOS, device=ids.device))
        held = inner.language_model(inputs_embeds=torch.cat([start, cells.to(start.dtype), embed(ids)], 1))
        hidden = held.last_hidden_state[:, CELLS:-1]
        logits = self.model.lm_head(hidden[mask]).float()
        return {
            "answer": functional.cross_entropy(logits, ids[mask]),
            "name": functional.cross_entropy(self.head(seen.pooler_output).float(), concepts) * 0.2,
        }


@torch.no_grad()
def answers(model: Any, tokenizer: Any, pictures: Tensor, asked: Sequence[str], longest: int = 24) -> list[str]:
    """What the eyes answer to one question about each of pictures [n, 3, s, s] from -1 to 1, greedily."""
    device = pictures.device
    inner = model.model
    embed = inner.language_model.embed_tokens
    cells = inner.multi_modal_projector(
        inner.vision_tower(pictures, output_hidden_states=True).hidden_states[-1][:, 1:]
    )
    said = []
    for row, question in enumerate(asked):
        ids = [*tokenizer(question, add_special_tokens=False).input_ids, tokens.ANSWER]
        start, words = embed(torch.tensor([[tokens.BOS]], device=device)), embed(torch.tensor([ids], device=device))
        held, past = torch.cat([start, cells[row : row + 1].to(words.dtype), words], 1), None
        found: list[int] = []
        while len(found) < longest:
            step = inner.language_model(inputs_embeds=held, past_key_values=past, use_cache=True)
            past, token = step.past_key_values, int(model.lm_head(step.last_hidden_state[0, -1]).argmax())
            if token == tokens.EOS:
                break
            found.append(token)
            held = embed(torch.tensor([[token]], device=device))
        said.append(tokenizer.decode(found))
    return said


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """As transformers loads it, in half precision."""
    model.half().save_pretrained(folder)
    library.LlavaProcessor(
        towers.pixels(), tokenizer, patch_size=towers.SIDE // towers.CELLS, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=TEMPLATE,
    ).save_pretrained(folder)  # fmt: skip


def begun(model: Any, clip: Path, before: Path | None) -> None:
    """Give the tower what CLIP's has learnt, its convolutions for good; and the language model what it knew before."""
    learnt = library.VisionTextDualEncoderModel.from_pretrained(clip, use_safetensors=True)
    tower = model.model.vision_tower
    tower.load_state_dict(learnt.vision_model.float().state_dict())
    tower.embeddings.backbone.requires_grad_(False).eval()
    if before:
        earlier = library.LlavaForConditionalGeneration.from_pretrained(before, use_safetensors=True)
        model.model.language_model.load_state_dict(earlier.model.language_model.float().state_dict())


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, required=True, help="the folder of stage 2's model")
    parser.add_argument("--before", type=Path, help="earlier eyes, whose language model to go on from")
    run, told = loop.arguments(parser, argv, batch=512)
    pack = scenes.load(run.data)
    held = pack.to(run.device)
    tokenizer = tokens.for_eyes(pack.concepts)
    model = towers.llava(len(tokenizer))
    begun(model, told.clip, told.before)
    losses = Losses(model, len(pack.concepts)).to(run.device)
    trainer = loop.Trainer(run, {"losses": losses}, average=0.999)
    random = Random(run.seed)

    def loss(given: Given) -> dict[str, Tensor]:
        pictures = scenes.compose(held, given.batch, towers.SIDE)
        if given.noise.any():
            rows = given.noise.nonzero()[:, 0].to(run.device)
            pictures[rows] = scenes.noise(len(rows), towers.SIDE, random, held)
        ids, mask = given.ids.to(run.device), given.answers.to(run.device)
        parts: dict[str, Tensor] = losses(clip.disturbed(pictures), ids, mask, given.concepts.to(run.device))
        return parts

    def sheet() -> None:
        best: Any = trainer.averaged["losses"].eval()
        given = next(batches(pack, tokenizer, 16, 4321))
        pictures = scenes.compose(held, given.batch, towers.SIDE)
        wanted = [questions.NAME[row % 2][0] for row in range(16)]
        said = answers(best.model, tokenizer, pictures * 2 - 1, wanted)
        loop.sheet(pictures, run.out / "sheet.png")
        (run.out / "sheet.txt").write_text("\n".join(said), "utf-8")
        print(*said, sep="\n", flush=True)

    trainer.train(loop.feed(run, lambda seed: batches(pack, tokenizer, run.batch, seed)), loss, sheet)
    finished: Any = trainer.averaged["losses"]
    save(finished.model, tokenizer, run.out / "eyes")


if __name__ == "__main__":
    main()
