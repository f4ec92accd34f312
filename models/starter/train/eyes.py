"""Stage 3: the eyes, a LLaVA that says what is there, how many, which colour and where, in English and Chinese.

``python -m models.starter.train.eyes --clip DIR/clip --data icons.safetensors --out DIR``. It begins with CLIP's image
tower, as LLaVA does (arXiv:2304.08485), with CLIP's vectors for the names, each of which is one token, and with
attention that compares the two (``eyes_begin``); and the tower goes on naming things as CLIP does. First its
convolutions are locked; a second run with ``--before`` trains them too, for dyes, of which a classifier's last
convolutions keep little. As many questions about each composed picture as there is room for stand behind its cells, and
none sees another. People are "person", and what shows nothing that can be known (noise, shreds) is answered with doubt.
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

from models.starter.data import noise, questions, scenes
from models.starter.data.pack import Pack, load
from models.starter.data.words import Describer, Scene
from models.starter.train import clip, eyes_begin, loop, tokens, towers

MIX = scenes.Mix(
    several=0.2, pair=0.12, placed=0.18, tinted=0.3, plain=0.35, scale=(0.5, 1.05), shift=0.15, turn=0.25, people=0.02
)
NOISE, BLANK = 0.05, 0.03
QUESTIONS = 6  # about a picture, at most
FIRST = 4.0  # how much more an answer's first token counts, which is yes or no, the number, the colour or the place
PREFIX = 2 + towers.CELLS**2  # <s>, the tower's token for the whole, its cells
ROOM = 48  # tokens of the questions about a picture and their answers
TEMPLATE = (
    "<s>{% for message in messages %}{% if loop.last %}{% if message.content is string %}{{ message.content }}"
    "{% else %}{% for part in message.content if part.type == 'image' %}{{ '<image>' }}{% endfor %}"
    "{% for part in message.content if part.type == 'text' %}{{ part.text }}{% endfor %}{% endif %}{% endif %}"
    "{% endfor %}{{ '<answer>' }}"
)
library: Any = transformers


@dataclass(slots=True)
class EyesBatch:
    """A batch: scenes, of which ``noise`` [n] are none, and their texts.

    All of ``ids``, ``answers`` (what is to be learnt), ``texts`` (which text a token is of, from 1; 0 behind the last)
    and ``places`` (in its text) are [n, ROOM].
    """

    batch: scenes.Batch
    noise: Tensor
    ids: Tensor
    answers: Tensor
    texts: Tensor
    places: Tensor
    concepts: Tensor


def kinds(scene: Scene) -> list[str]:
    """The questions that can be asked about ``scene``, the more often the more there is to learn."""
    if scene.kind != "things":
        return ["name", "describe", "count", "background", "present"]
    known = ["name", "name", "name", "describe", "present", "present", "present", "present", "background"]
    if len(scene.things) == 2:
        return [*known, "count"]
    known += ["count", "count"] if scene.count > 1 else ["count"]
    thing = scene.things[0]
    known += ["colour"] * (6 if thing.tint >= 0 else thing.shade >= 0) if scene.count == 1 else []
    return known + ["place"] * (3 if thing.place >= 0 else scene.count == 1)


def asked(scene: Scene, composer: scenes.Composer, speaker: Describer, chinese: bool) -> questions.PictureQuestion:
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


def batches(pack: Pack, tokenizer: Any, size: int, seed: int) -> Iterator[EyesBatch]:
    """Without end: ``size`` scenes with questions."""
    random = Random(seed)
    composer = scenes.Composer(pack, range(len(pack.concept)), MIX, random)
    speaker = Describer(tokens.plain(pack.concepts), random)
    while True:
        drawn = [_drawn(composer, random) for _ in range(size)]
        talk = [
            [asked(scene, composer, speaker, random.random() < 0.5) for _ in range(QUESTIONS)] for scene, _ in drawn
        ]
        concepts = [each.things[0].concept if each.count == 1 and len(each.things) == 1 else -100 for each, _ in drawn]
        yield EyesBatch(
            scenes.batched([recipe for _, recipe in drawn]),
            torch.tensor([scene.kind == "noise" for scene, _ in drawn]), *encoded(tokenizer, talk, random),
            torch.tensor(concepts),
        )  # fmt: skip


def shown(pack: Pack, seed: int, count: int) -> list[tuple[Scene, scenes.Recipe]]:
    """``count`` scenes of the sort that the eyes are taught on."""
    composer = scenes.Composer(pack, range(len(pack.concept)), MIX, Random(seed))
    return [composer.draw() for _ in range(count)]


def placed(given: EyesBatch, device: str) -> EyesBatch:
    """The texts on ``device``."""
    there = {
        name: getattr(given, name).to(device) for name in ("ids", "answers", "texts", "places", "concepts")
    }  # fmt: skip
    return replace(given, **there)


def _drawn(composer: scenes.Composer, random: Random) -> tuple[Scene, scenes.Recipe]:
    sort = random.random()
    if sort < NOISE + BLANK:
        scene, recipe = composer.blank()
        return (replace(scene, kind="noise") if sort < NOISE else scene), recipe
    return composer.draw()


def encoded(
    tokenizer: Any, talk: Sequence[Sequence[questions.PictureQuestion]], random: Random
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """``ids``, ``answers``, ``texts`` and ``places`` of a Given: ``question <answer> answer </s>``, and so on."""
    flat = [each for one in talk for each in one]
    wanted = [each.question.lower() if random.random() < 0.2 else each.question for each in flat]
    first = tokenizer(wanted, add_special_tokens=False).input_ids
    second = tokenizer([each.answer for each in flat], add_special_tokens=False).input_ids
    pairs = iter(zip(first, second, strict=True))
    rows = [_row([next(pairs) for _ in one]) for one in talk]
    ids, answers, texts, places = (torch.tensor(part) for part in zip(*rows, strict=True))
    return ids, answers.bool(), texts, places


def _row(pairs: Sequence[tuple[list[int], list[int]]]) -> tuple[list[int], list[int], list[int], list[int]]:
    """As many of the ``pairs`` of question and answer as fit, each list ROOM long."""
    ids: list[int] = []
    answers: list[int] = []
    texts: list[int] = []
    places: list[int] = []
    for number, (question, answer) in enumerate(pairs, 1):
        whole = [*question, tokens.ANSWER, *answer, tokens.EOS]
        if len(ids) + len(whole) > ROOM:
            continue
        ids += whole
        answers += [0] * (len(question) + 1) + [1] * (len(answer) + 1)
        texts += [number] * len(whole)
        places += range(PREFIX, PREFIX + len(whole))
    rest = ROOM - len(ids)
    return ids + [tokens.PAD] * rest, answers + [0] * rest, texts + [0] * rest, places + [0] * rest


def seen_by(texts: Tensor, dtype: torch.dtype) -> Tensor:
    """The attention mask, [n, 1, PREFIX + ROOM, PREFIX + ROOM], to be added: a text sees the picture and itself."""
    whole = functional.pad(texts, (PREFIX, 0), value=-1)
    same = (whole[:, :, None] == whole[:, None]) | (whole == -1)[:, None]
    allowed = same.tril()
    mask = torch.zeros(allowed.shape, dtype=dtype, device=texts.device)
    return mask.masked_fill(~allowed, torch.finfo(dtype).min)[:, None]


class EyesLosses(nn.Module):
    """The eyes, and what keeps their tower naming things as CLIP does: the turned vectors of all ``names``, [n, d]."""

    names: Tensor
    mark: Tensor

    def __init__(self, model: Any, names: Tensor, scale: float) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("names", names * scale, persistent=False)
        self.register_buffer("mark", eyes_begin.ways().whole, persistent=False)

    def forward(self, pixels: Tensor, given: EyesBatch) -> dict[str, Tensor]:
        """Next-token loss over the answers, and that of the picture's name. ``given`` lies where the model is."""
        inner = self.model.model
        seen = inner.vision_tower(pixels, output_hidden_states=True)
        cells = inner.multi_modal_projector(seen.hidden_states[-1])
        embed = inner.language_model.embed_tokens
        start = embed(torch.full((len(pixels), 1), tokens.BOS, device=pixels.device))
        row = torch.cat([start, cells.to(start.dtype), embed(given.ids)], 1)
        before = torch.arange(PREFIX, device=pixels.device).expand(len(pixels), -1)
        held = inner.language_model(
            inputs_embeds=row, attention_mask=seen_by(given.texts, row.dtype),
            position_ids=torch.cat([before, given.places], 1), use_cache=False,
        )  # fmt: skip
        hidden = held.last_hidden_state[:, PREFIX - 1 : -1]
        lost = functional.cross_entropy(
            self.model.lm_head(hidden[given.answers]).float(), given.ids[given.answers], reduction="none"
        )
        first = functional.pad(given.ids == tokens.ANSWER, (1, -1))[given.answers]
        weights = 1 + (FIRST - 1) * first.float()
        whole = cells[:, 0].float()
        whole = functional.normalize(whole - (whole @ self.mark)[:, None] * self.mark, dim=-1)
        return {
            "answer": (lost * weights).sum() / weights.sum(),
            "name": functional.cross_entropy(whole @ self.names.T, given.concepts) * 0.2,
        }


@torch.no_grad()
def answers(model: Any, tokenizer: Any, pictures: Tensor, asked: Sequence[str], longest: int = 24) -> list[str]:
    """What the eyes answer to one question about each of pictures [n, 3, s, s] from -1 to 1, greedily."""
    device = pictures.device
    inner = model.model
    embed = inner.language_model.embed_tokens
    cells = inner.multi_modal_projector(inner.vision_tower(pictures, output_hidden_states=True).hidden_states[-1])
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
        towers.pixels(), tokenizer, patch_size=towers.SIDE // towers.CELLS, vision_feature_select_strategy="full",
        num_additional_image_tokens=1, chat_template=TEMPLATE,
    ).save_pretrained(folder)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, required=True, help="the folder of stage 2's model")
    parser.add_argument("--before", type=Path, help="earlier eyes to go on from, convolutions too")
    run, told = loop.arguments(parser, argv, batch=256)
    pack = load(run.data)
    held = pack.to(run.device)
    tokenizer = tokens.for_eyes(tokens.plain(pack.concepts))
    model = towers.llava(len(tokenizer))
    learnt = library.VisionTextDualEncoderModel.from_pretrained(told.clip, use_safetensors=True).float().eval()
    drawn = scenes.batched([recipe for _, recipe in shown(pack, run.seed, 1024)])
    fitted = scenes.compose(pack, drawn, towers.SIDE) * 2 - 1
    names = eyes_begin.begin(model, learnt, tokenizer, pack.concepts, fitted)
    if told.before:
        earlier = library.LlavaForConditionalGeneration.from_pretrained(told.before, use_safetensors=True)
        model.load_state_dict(earlier.float().state_dict())
        model.model.vision_tower.embeddings.backbone.requires_grad_(True)
    losses = EyesLosses(model, names, float(learnt.logit_scale.detach().exp())).to(run.device)
    trainer = loop.Trainer(run, {"losses": losses}, average=0.999)
    random = Random(run.seed)

    def loss(given: EyesBatch) -> dict[str, Tensor]:
        pictures = scenes.compose(held, given.batch, towers.SIDE)
        if given.noise.any():
            rows = given.noise.nonzero()[:, 0].to(run.device)
            pictures[rows] = noise.noise(len(rows), towers.SIDE, random, held)
        parts: dict[str, Tensor] = losses(clip.disturbed(pictures), placed(given, run.device))
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
