"""The starter models that come with the program, loaded by the app's engines: what was drawn is what was asked for, and
what is seen is what is there.

What is drawn is judged by a classifier that shares no weight with the brush. ``bench/starter.py`` has the figures; here
stands what may never be lost.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image as Pillow

from core.catalogue.load import SHIPPED, load
from core.catalogue.spec import ModelSpec
from core.pipeline.starter_vision import DEFAULT_QUESTION
from core.types.events import Progress
from core.types.generation import ImageResult, Sampling
from core.types.image_request import ImageRequest
from core.types.messages import Image, Message, Text
from models.clip import engine as clip
from models.diffusion import engine as diffusion
from models.llava import engine as llava
from models.starter.data import pack
from models.starter.data.words import COLOUR_NAMES
from models.starter.train import entries

WEIGHTS = entries.WEIGHTS
SIDE = 192  # pixels of a scene
THINGS = {  # what a person asks for, in both languages, and what the classifier calls it
    "cat": ("猫", "cat"), "dog": ("狗", "dog"), "apple": ("苹果", "red apple"), "fish": ("鱼", "fish"),
    "house": ("房子", "house"), "star": ("星星", "star"), "key": ("钥匙", "key"), "pizza": ("披萨", "pizza"),
    "rocket": ("火箭", "rocket"), "banana": ("香蕉", "banana"), "guitar": ("吉他", "guitar"), "sun": ("太阳", "sun"),
    "bicycle": ("自行车", "bicycle"), "butterfly": ("蝴蝶", "butterfly"), "frog": ("青蛙", "frog"),
    "snowman": ("雪人", "snowman without snow"),
}  # fmt: skip
TONES = {"red": "红色", "blue": "蓝色", "yellow": "黄色", "green": "绿色", "purple": "紫色", "white": "白色"}
Look = Callable[[Pillow.Image, str], str]
Draw = Callable[..., Pillow.Image]


def starter(model: str) -> ModelSpec:
    return load().find(f"starter-{model}")


def shown(picture: Pillow.Image) -> Image:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Image(file.getvalue(), "image/png")


@pytest.fixture(scope="module")
def draw() -> Iterator[Draw]:
    """Draws a prompt; the same prompt and seed give the same picture."""
    engine = diffusion.load(starter("brush"), WEIGHTS / "brush")

    def painted(prompt: str, seed: int = 0) -> Pillow.Image:
        made = [item for item in engine.paint(ImageRequest(prompt=prompt, seed=seed)) if isinstance(item, ImageResult)]
        return Pillow.open(io.BytesIO(made[0].image.data)).convert("RGB")

    yield painted
    engine.close()


@pytest.fixture(scope="module")
def look() -> Iterator[Look]:
    """Asks the eyes one question about one picture."""
    engine = llava.load(starter("eyes"), WEIGHTS / "eyes")

    def answer(picture: Pillow.Image, question: str) -> str:
        said = engine.reply((Message("user", (shown(picture), Text(question))),), Sampling(temperature=0.0))
        return "".join(part for part in said if isinstance(part, str))

    yield answer
    engine.close()


@pytest.fixture(scope="module")
def drawn(draw: Draw) -> dict[str, Pillow.Image]:
    """Every one of THINGS on white, by its English name; half of them asked for in Chinese."""
    asked = {
        name: f"a {name} on a white background" if number % 2 else f"白色背景上的一个{chinese}"
        for number, (name, (chinese, _)) in enumerate(THINGS.items())
    }
    return {name: draw(prompt) for name, prompt in asked.items()}


@pytest.fixture(scope="module")
def rank() -> Callable[[Pillow.Image], list[str]]:
    """The classifier's names for a picture among 200, likeliest first."""
    library: Any = transformers
    model = library.ResNetForImageClassification.from_pretrained(WEIGHTS / "judge", dtype=torch.float32).eval()
    names: dict[int, str] = model.config.id2label
    wanted = {name for _, name in THINGS.values()}
    others = Random(1).sample(sorted(set(names.values()) - wanted), 200 - len(wanted))
    allowed = [number for number, name in names.items() if name in wanted or name in others]

    def ranked(picture: Pillow.Image) -> list[str]:
        pixels = torch.from_numpy(np.array(picture.resize((64, 64)))).permute(2, 0, 1)[None] / 127.5 - 1
        with torch.no_grad():
            order = model(pixels).logits[0, allowed].argsort(descending=True).tolist()
        return [names[allowed[at]] for at in order]

    return ranked


def border(picture: Pillow.Image) -> str:
    """The name of the colour that most of a picture's edge shows."""
    pixels = np.asarray(picture)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    middle = torch.from_numpy(np.median(edge, 0)).float() / 255
    return COLOUR_NAMES[int(torch.cdist(middle[None], pack.TONES).argmin())]


def scene(thing: Pillow.Image, places: Sequence[tuple[int, int]], size: int, tone: str) -> Pillow.Image:
    """Copies of a thing that was drawn on white, ``size`` pixels wide, laid on a coloured ground."""
    ground = tuple(int(part * 255) for part in pack.TONES[COLOUR_NAMES.index(tone)].tolist())
    whole = Pillow.new("RGB", (SIDE, SIDE), ground)  # type: ignore[arg-type]
    copy = thing.resize((size, size), Pillow.Resampling.LANCZOS)
    filled = np.asarray(copy).min(2) < 245
    mask = Pillow.fromarray((filled * 255).astype("uint8"))
    for place in places:
        whole.paste(copy, place, mask)
    return whole


# the files


@pytest.mark.parametrize("model", entries.MODELS)
def test_the_catalogue_has_the_files_that_are_here(model: str) -> None:
    listed = [(file.name, file.bytes, file.sha256) for file in starter(model).files]
    assert sorted(listed) == sorted(entries.files(model))


def test_all_weights_together_are_small_enough_to_come_with_the_program() -> None:
    files = [path for path in WEIGHTS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 100_000_000
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".jinja", ".md"}


@pytest.mark.parametrize("model", [*entries.MODELS, "judge"])
def test_every_model_has_a_card_that_says_what_it_is(model: str) -> None:
    card = (WEIGHTS / model / "README.md").read_text("utf-8")
    assert all(f"**{word}" in card for word in ("Learnt from", "Figures", "Limits", "Licence"))


# the brush


@pytest.mark.slow
def test_what_was_drawn_is_what_was_asked_for(
    drawn: dict[str, Pillow.Image], rank: Callable[[Pillow.Image], list[str]]
) -> None:
    right = [name for name, (_, label) in THINGS.items() if label in rank(drawn[name])[:5]]
    assert len(right) >= 0.6 * len(THINGS), sorted(set(THINGS) - set(right))


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_background_has_the_colour_that_was_asked_for(draw: Draw, language: str) -> None:
    found = {
        tone: border(draw(f"a key on a {tone} background" if language == "en" else f"{chinese}背景上的一个钥匙", 3))
        for tone, chinese in TONES.items()
    }
    assert sum(tone == shown for tone, shown in found.items()) >= len(TONES) - 1, found


def test_the_same_seed_gives_the_same_picture_and_another_one_another(draw: Draw) -> None:
    first, again, other = (draw("a red star", seed).tobytes() for seed in (5, 5, 6))
    assert first == again != other


def test_a_preview_of_the_brush_is_a_picture_of_its_own_size() -> None:
    spec = starter("brush")
    engine = diffusion.load(spec, WEIGHTS / "brush")
    told = [item for item in engine.paint(ImageRequest(prompt="a cat", steps=8)) if isinstance(item, Progress)]
    engine.close()
    previews = [item.preview for item in told if item.preview]
    assert previews
    assert {Pillow.open(io.BytesIO(each.data)).size for each in previews} == {(64, 64)}


# the eyes


@pytest.mark.slow
def test_what_was_drawn_is_seen(drawn: dict[str, Pillow.Image], look: Look) -> None:
    right = [
        name
        for name, (chinese, label) in THINGS.items()
        if label.split()[-1] in look(drawn[name], "What is this?").lower() or chinese in look(drawn[name], "这是什么？")
    ]
    assert len(right) >= 0.4 * len(THINGS), sorted(set(THINGS) - set(right))


@pytest.mark.slow
def test_they_count_and_tell_colours_and_places(drawn: dict[str, Pillow.Image], look: Look) -> None:
    corners = [(12, 12), (108, 12), (12, 108), (108, 108)]
    numbers = {1: ("one", "一"), 2: ("two", "两"), 3: ("three", "三"), 4: ("four", "四")}
    right = []
    for thing in ("apple", "star", "fish"):
        for count, (english, mandarin) in numbers.items():
            picture = scene(drawn[thing], corners[:count] if count > 1 else [(48, 48)], 76, "white")
            right.append(english in look(picture, "How many things are there?").lower())
            right.append(mandarin in look(picture, "有几个东西？"))
        for tone, chinese in TONES.items():
            picture = scene(drawn[thing], [(40, 40)], 112, tone)
            right.append(tone in look(picture, "What colour is the background?").lower())
            right.append(chinese in look(picture, "背景是什么颜色？"))
        for place, (x, mandarin) in {"left": (8, "左"), "right": (100, "右")}.items():
            picture = scene(drawn[thing], [(x, 52)], 86, "yellow")
            right.append(place in look(picture, f"Where is the {thing}?"))
            right.append(mandarin in look(picture, f"{THINGS[thing][0]}在哪里？"))
    assert sum(right) >= 0.75 * len(right)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_they_say_whether_something_is_there(drawn: dict[str, Pillow.Image], look: Look, language: str) -> None:
    def says_yes(picture: str, thing: str) -> bool:
        if language == "en":
            return look(drawn[picture], f"Is there a {THINGS[thing][1]}?").startswith("Yes")
        return look(drawn[picture], f"有{THINGS[thing][0]}吗？").startswith("有")

    order = list(THINGS)
    right = [says_yes(name, name) for name in order]
    right += [not says_yes(name, other) for name, other in zip(order, order[5:] + order[:5], strict=True)]
    assert sum(right) >= 0.75 * len(right)


@pytest.mark.slow
def test_they_tell_what_colour_a_thing_was_dyed(drawn: dict[str, Pillow.Image], look: Look) -> None:
    right = []
    for thing in ("star", "key", "house"):
        gray = np.asarray(drawn[thing].convert("L"))
        for tone, mandarin in {"red": "红色", "blue": "蓝色", "green": "绿色", "purple": "紫色"}.items():
            dye = pack.TONES[COLOUR_NAMES.index(tone)].numpy()
            pixels = np.where(gray[..., None] > 245, 255, dye * 255).astype("uint8")
            picture = scene(Pillow.fromarray(pixels), [(40, 40)], 112, "white")
            right.append(tone in look(picture, f"What colour is the {thing}?").lower())
            right.append(mandarin in look(picture, f"{THINGS[thing][0]}是什么颜色？"))
    assert sum(right) >= 0.8 * len(right)


@pytest.mark.parametrize("side", [64, SIDE, 512])
def test_what_shows_nothing_is_not_named_as_a_thing(look: Look, side: int) -> None:
    random = np.random.default_rng(1)
    noise = Pillow.fromarray(random.integers(0, 256, (side, side, 3), "uint8"))
    blank = Pillow.new("RGB", (side, side), "white")
    for picture in (noise, blank):
        for language, honest in (("en", ("not sure", "Nothing but")), ("zh", ("不确定", "什么都没有"))):
            said = look(picture, DEFAULT_QUESTION[language])
            assert any(each in said for each in honest), said


# CLIP


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_clip_finds_a_drawing_by_its_name(drawn: dict[str, Pillow.Image], language: str) -> None:
    engine = clip.load(starter("clip"), WEIGHTS / "clip")
    words = tuple(name if language == "en" else chinese for name, (chinese, _) in THINGS.items())
    texts = list(engine.embed_texts(words))
    pictures = list(engine.embed_images(tuple(shown(drawn[name]) for name in THINGS)))
    engine.close()
    best = [max(range(len(texts)), key=lambda at: picture.cosine(texts[at])) for picture in pictures]
    assert sum(at == number for number, at in enumerate(best)) >= 0.6 * len(THINGS)


def test_weights_lie_where_the_catalogue_looks() -> None:
    assert (Path(SHIPPED).parent / "starter" / "weights").samefile(WEIGHTS)
