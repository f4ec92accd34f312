"""Composed scenes: what is said of a picture is what is in it, in both languages."""

from __future__ import annotations

import dataclasses
from random import Random

import pytest
import torch
from torch.nn import functional

from models.starter.data import noise, questions, repertoire, scenes, words
from models.starter.data.pack import TONES, Pack, load
from models.starter.data.words import COLOUR_NAMES, NUMBERS, PLACE_NAMES, PLACES, Concept, Describer, Scene, Thing
from models.starter.train import autoencoder, clip, eyes, tokens
from tests.models.starter.starter_pack import CONCEPTS, write_pack

CAT, RED_APPLE, ROSE = range(3)
STILL = scenes.Mix(several=0, pair=0, placed=0, tinted=0, turn=0, mirror=False)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return load(write_pack(tmp_path_factory.mktemp("pack") / "icons.safetensors"))


def composer(pack: Pack, mix: scenes.Mix = STILL, seed: int = 0) -> scenes.Composer:
    return scenes.Composer(pack, range(3), mix, Random(seed))


def drawn(pack: Pack, recipe: scenes.Recipe, side: int = 96) -> torch.Tensor:
    return scenes.compose(pack, scenes.batched([recipe]), side)[0]


def nearest(rgb: torch.Tensor) -> str:
    return COLOUR_NAMES[int((TONES - rgb).norm(dim=1).argmin())]


def blobs(picture: torch.Tensor) -> int:
    """How many separate things stand before the background."""
    shown = (picture - picture[:, :1, :1]).abs().amax(0) > 0.15
    found = 0
    while shown.any():
        found += 1
        row, column = (int(each) for each in shown.nonzero()[0])
        reached = [(row, column)]
        while reached:
            at, to = reached.pop()
            if 0 <= at < shown.shape[0] and 0 <= to < shown.shape[1] and shown[at, to]:
                shown[at, to] = False
                reached += [(at + 1, to), (at - 1, to), (at, to + 1), (at, to - 1)]
    return found


def test_concepts_know_their_measure_word_and_whether_their_name_says_a_colour(pack: Pack) -> None:
    assert [each.measure for each in pack.concepts] == ["只", "个", "朵"]
    assert [each.coloured for each in pack.concepts] == [False, True, False]


def test_a_picture_knows_its_main_colour(pack: Pack) -> None:
    assert [COLOUR_NAMES[shade] for shade in pack.shades] == ["gray", "red", "green"]


@pytest.mark.parametrize("tone", range(len(COLOUR_NAMES)))
def test_the_background_is_the_colour_that_is_said(pack: Pack, tone: int) -> None:
    scene, recipe = composer(pack).one(ROSE, tone=tone)
    assert scene.background == tone
    assert nearest(drawn(pack, recipe)[:, 0, 0]) == COLOUR_NAMES[tone]


@pytest.mark.parametrize("tint", range(3, len(COLOUR_NAMES)))
def test_a_dyed_thing_is_of_its_dye(pack: Pack, tint: int) -> None:
    scene, recipe = composer(pack).one(CAT, tint=tint, tone=0)
    picture = drawn(pack, dataclasses.replace(recipe, matrices=[[1, 0, 0, 0, 1, 0]]))
    assert scene.things[0].tint == scene.things[0].shade == tint
    colour = picture[:, 48, 48]
    angle = torch.cosine_similarity(TONES - 0.5, (colour - 0.5)[None]).argmax()
    assert nearest(colour) == COLOUR_NAMES[tint] or COLOUR_NAMES[int(angle)] == COLOUR_NAMES[tint]


@pytest.mark.parametrize("place", range(len(PLACE_NAMES)))
def test_a_thing_stands_where_it_is_said_to_stand(pack: Pack, place: int) -> None:
    _, recipe = composer(pack).one(CAT, place=place, tone=0)
    shown = (drawn(pack, recipe)[0] < 0.7).nonzero().float().mean(0) / 48 - 1  # row, column from -1 to 1
    x, y = PLACES[PLACE_NAMES[place]][2]
    assert shown.tolist() == pytest.approx([y, x], abs=0.12)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_there_are_as_many_as_are_said(pack: Pack, count: int) -> None:
    for seed in range(20):
        scene, recipe = composer(pack, seed=seed).several(CAT, count, tone=0)
        assert scene.count == count
        assert blobs(drawn(pack, recipe)) == count


def test_of_two_things_the_first_is_left_of_or_above_the_second(pack: Pack) -> None:
    for relation, axis in (("left", 1), ("top", 0)):
        _, recipe = composer(pack).pair(RED_APPLE, ROSE, relation, tone=0)
        picture = drawn(pack, recipe)
        red = (picture[0] - picture[1] > 0.3).nonzero().float().mean(0)
        green = (picture[1] - picture[0] > 0.2).nonzero().float().mean(0)
        assert red[axis] < green[axis] - 20


def test_pictures_without_anything_to_know_have_their_kinds(pack: Pack) -> None:
    scene, recipe = composer(pack).blank(tone=7)
    assert scene.kind == "blank"
    assert blobs(drawn(pack, recipe)) == 0
    noises = noise.noise(12, 32, Random(0), pack)
    assert noises.shape == (12, 3, 32, 32)
    assert noises.flatten(1).std(1).min() > 0.02


def test_the_same_seed_draws_the_same_scenes(pack: Pack) -> None:
    mix = scenes.Mix()
    first, second, other = (
        [composer.draw() for _ in range(30)]
        for composer in (composer(pack, mix, 5), composer(pack, mix, 5), composer(pack, mix, 6))
    )
    assert first == second != other


@pytest.mark.parametrize(
    ("name", "many"),
    [
        ("cat", "cats"), ("fox", "foxes"), ("cherry", "cherries"), ("monkey", "monkeys"), ("mouse", "mice"),
        ("slice of cake", "slices of cake"), ("bowl with spoon", "bowls with spoon"), ("sheep", "sheep"),
        ("fork and knife", "forks and knives"), ("sunglasses", "sunglasses"), ("bus", "buses"), ("glass", "glasses"),
    ],
)  # fmt: skip
def test_plurals(name: str, many: str) -> None:
    assert words.plural(name) == many


def test_captions_say_number_dye_place_background_and_style() -> None:
    speaker = Describer(CONCEPTS, Random(0))
    three = Scene((Thing(CAT, 3, -1, 3),), 3, 7, style="noto")
    assert speaker.caption(three, False, True, True).startswith("three red cats")
    assert "blue" in speaker.caption(three, False, True)
    assert "三只红色的猫" in speaker.caption(three, True, True)
    assert "蓝色背景" in speaker.caption(three, True, True)
    assert speaker.caption(three, False, False, True).endswith("cartoon style")
    left = Scene((Thing(ROSE, -1, 0),), 1, 0)
    assert speaker.caption(left, False, False) == "a rose on the left"
    assert speaker.caption(left, True, False) == "左边的一朵玫瑰"
    two = Scene((Thing(CAT), Thing(ROSE)), 1, 0, "left")
    assert speaker.sentence(two, False) == "A cat to the left of a rose on a white background."
    assert speaker.sentence(two, True) == "白色背景，一只猫在一朵玫瑰的左边。"


def test_answers_are_true() -> None:
    speaker = Describer(CONCEPTS, Random(0))
    scene = Scene((Thing(CAT, 3, 1, 3),), 1, 7)
    said = {(kind, zh): questions.ask(kind, scene, speaker, zh) for kind in questions.KINDS for zh in (False, True)}
    assert said["name", False].answer == "A red cat."
    assert said["name", True].answer == "一只红色的猫。"
    assert said["colour", False].answer == "Red."
    assert said["background", True].answer == "蓝色。"
    assert said["place", False].answer == "On the right."
    assert said["place", True].answer == "在右边。"
    assert said["present", False].answer == "Yes, there is a cat."
    assert said["count", False].truth == "1"
    absent = questions.ask("present", scene, speaker, False, other=ROSE)
    assert (absent.answer, absent.truth) == ("No, there is no rose.", "no")
    none = questions.ask("count", scene, speaker, True, other=ROSE)
    assert (none.answer, none.truth) == ("没有玫瑰。", "0")
    many = questions.ask("count", Scene((Thing(CAT),), 4, 0), Describer(CONCEPTS, Random(3)), False)
    assert many.answer.startswith(NUMBERS[4].capitalize())


def test_what_cannot_be_known_is_answered_with_doubt() -> None:
    speaker = Describer(CONCEPTS, Random(0))
    noise, blank = (Scene((), 0, 7, kind=kind) for kind in ("noise", "blank"))
    assert questions.ask("name", noise, speaker, False).answer == "I am not sure what this is."
    assert questions.ask("present", noise, speaker, True, other=CAT).answer == "我不确定。"
    assert questions.ask("name", blank, speaker, False).answer == "Nothing but a blue background."
    assert questions.ask("present", blank, speaker, False, other=CAT).answer == "No, there is no cat."


def test_a_caption_that_says_less_is_true_of_more() -> None:
    """The same thing on another background is a wrong picture for a caption that names the background."""
    truths = torch.tensor([[CAT, 7, -1, 1], [CAT, 3, -1, 1], [ROSE, 7, -1, 1]])
    said = torch.tensor([[CAT, 7, -1, 1], [CAT, -1, -1, 1], [-1, 7, -1, -1]])
    assert clip.matches(truths, said).tolist() == [[True, True, True], [False, True, False], [False, False, True]]


def test_tokens_of_a_name_are_the_same_wherever_it_stands_and_the_eyes_words_come_back_as_written() -> None:
    captions = tokens.for_captions(CONCEPTS)
    ids = captions("Red apple", add_special_tokens=False).input_ids
    inside = captions("two RED APPLE", add_special_tokens=False).input_ids
    assert inside[-len(ids) :] == ids
    whole = captions("红苹果，蓝色背景", padding="max_length", truncation=True).input_ids
    assert (whole[0], whole[-1], len(whole)) == (tokens.BOS, tokens.EOS, tokens.LONGEST)
    written = tokens.for_eyes(CONCEPTS)
    for text in ("A red cat, and 两只猫。", "Is there a rose?", "  Spaces  kept"):
        assert written.decode(written(text, add_special_tokens=False).input_ids) == text


def test_latents_are_the_principal_components_of_patches() -> None:
    torch.manual_seed(0)
    model = autoencoder.autoencoder().eval()
    mixing = torch.randn(40, 3 * 64) * torch.logspace(0, -2, 40)[:, None]
    patches = torch.randn(6 * 64, 40) @ mixing * 0.1
    pictures = functional.fold(patches.view(6, 64, 192).transpose(1, 2), (64, 64), 8, stride=8)
    autoencoder.encode_by_components(model.encoder, pictures)
    with torch.no_grad():
        latents = model.encode(pictures).latents
    rows = latents.permute(0, 2, 3, 1).flatten(0, 2)
    spread = autoencoder.SPREAD
    assert rows.mean(0).abs().max() < 1e-4
    assert rows.std(0).tolist() == pytest.approx([spread] * autoencoder.CHANNELS, rel=1e-2)
    middle = patches - patches.mean(0)
    strengths = torch.linalg.svdvals(middle)
    rest = middle - rows @ torch.linalg.lstsq(rows, middle).solution
    assert rest.norm() == pytest.approx(float(strengths[autoencoder.CHANNELS :].norm()), rel=1e-3)


def test_questions_about_one_picture_do_not_see_each_other() -> None:
    tokenizer = tokens.for_eyes(CONCEPTS)
    talk = [
        questions.PictureQuestion("name", "What is this?", "A cat.", "cat"),
        questions.PictureQuestion("count", "几个？", "两个。", "2"),
    ]
    ids, answers, texts, places = eyes.encoded(tokenizer, [talk], Random(3))
    learnt = [ids[0][(texts[0] == number) & answers[0]].tolist() for number in (1, 2)]
    assert [tokenizer.decode(each[:-1]) for each in learnt] == ["A cat.", "两个。"]
    assert all(each[-1] == tokens.EOS for each in learnt)
    mask = eyes.seen_by(texts, torch.float32)[0, 0] == 0
    second = eyes.PREFIX + (texts[0] == 2).nonzero()[:, 0]
    assert mask[second[-1]].nonzero()[:, 0].tolist() == [*range(eyes.PREFIX), *second.tolist()]
    assert places[0][texts[0] == 2].tolist() == list(range(eyes.PREFIX, eyes.PREFIX + len(second)))


def test_the_brush_learns_everyday_things_first_and_by_what_people_call_them() -> None:
    known = (*CONCEPTS, Concept("deciduous tree", "落叶树"), Concept("ox", "牛"), Concept("nerd face", "书呆子脸"))
    names = [(each.en, each.zh) for each in repertoire.called(known)[-3:]]
    assert names == [("tree", "树"), ("ox", "牛"), ("nerd face", "书呆子脸")]
    empty = torch.zeros(len(known), 4, 128, 128, dtype=torch.uint8)
    numbers = list(range(len(known)))
    whole = Pack(empty, empty, numbers, ["twemoji"] * len(known), known, numbers)
    first = repertoire.drawn(whole, repertoire.Repertoire(64, 5, ("twemoji",)))
    assert {known[at].en for at in first} == {"cat", "red apple", "rose", "deciduous tree", "ox"}
