"""Every stage of the starter models' training, two steps of each: what one writes the next begins with, and in the end
the app's engines open it. A run that was cut off goes on.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from PIL import Image as Pillow
from safetensors.torch import load_file

from core.catalogue.spec import ModelSpec, Task
from core.types.generation import Embedding, ImageResult, Sampling
from core.types.image_request import ImageRequest
from core.types.messages import Message, Text
from models.clip import engine as clip_engine
from models.diffusion import engine as diffusion
from models.llava import engine as llava
from models.starter.train import autoencoder, blend, brush, clip, eyes, eyes_begin, judge, loop, tokens
from tests.models.starter.test_models import shown
from tests.support.starter_pack import CONCEPTS, write_pack

pytestmark = pytest.mark.slow
ON_CPU = (("device", "cpu"), ("threads", 1))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every stage's."""
    folder = tmp_path_factory.mktemp("starter")
    data = write_pack(folder / "icons.safetensors", ("noto", "twemoji"))
    usual = ["--data", str(data), "--steps", "2", "--batch", "4", "--threads", "1", "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "EXAM", 16)
        judge.main([*usual, "--out", str(folder / "judge")])
    clip.main([*usual, "--out", str(folder / "clip"), "--judge", str(folder / "judge/judge")])
    clip.main([*usual, "--out", str(folder / "colours"), "--before", str(folder / "clip/clip")])
    eyes.main([*usual, "--out", str(folder / "eyes"), "--clip", str(folder / "colours/clip")])
    dyed = ["--before", str(folder / "eyes/eyes")]
    eyes.main([*usual, "--out", str(folder / "dyes"), "--clip", str(folder / "colours/clip"), *dyed])
    of = ["--of", str(folder / "eyes/eyes"), "--of", str(folder / "dyes/eyes")]
    blend.main([*usual, "--out", str(folder / "blend"), *of])
    autoencoder.main([*usual, "--out", str(folder / "autoencoder")])
    latents = ["--vae", str(folder / "autoencoder/vae"), "--clip", str(folder / "clip/clip")]
    brush.main([*usual, "--out", str(folder / "brush"), *latents])
    return folder


def spec(task: Task, engine: str) -> ModelSpec:
    return ModelSpec(engine, engine, task, engine, "MIT", ("en", "zh"), 0, "1", (), defaults=ON_CPU)


@pytest.mark.parametrize("stage", ["judge", "clip", "colours", "eyes", "dyes", "autoencoder", "brush"])
def test_a_stage_leaves_its_loss_curve_and_a_state_to_go_on_from(trained: Path, stage: str) -> None:
    rows = (trained / stage / "loss.csv").read_text("utf-8").splitlines()
    assert rows[0].startswith("step,seconds,")
    assert rows[-1].startswith("2,")
    assert (trained / stage / "loss.png").stat().st_size
    assert (trained / stage / loop.STATE).stat().st_size


def test_clip_is_opened_by_its_engine(trained: Path) -> None:
    engine = clip_engine.load(spec("embed", "clip"), trained / "colours/clip")
    made = [*engine.embed_texts(("a cat", "一只猫")), *engine.embed_images((shown(Pillow.new("RGB", (90, 70))),))]
    engine.close()
    assert [len(each) for each in made if isinstance(each, Embedding)] == [256] * 3


def test_the_eyes_are_opened_by_their_engine(trained: Path) -> None:
    engine = llava.load(spec("see", "llava"), trained / "blend/eyes")
    asked = Message("user", (shown(Pillow.new("RGB", (90, 70), "red")), Text("What is this?")))
    said = list(engine.reply((asked,), Sampling(temperature=0.0, max_tokens=4)))
    engine.close()
    assert said


def test_the_brush_is_opened_by_its_engine(trained: Path) -> None:
    engine = diffusion.load(spec("paint", "diffusion"), trained / "brush/brush")
    made = [item for item in engine.paint(ImageRequest(prompt="a red apple", steps=2)) if isinstance(item, ImageResult)]
    engine.close()
    assert (made[0].painting.width, made[0].painting.height) == (64, 64)


def test_the_brush_begins_with_the_words_of_clip_and_the_eyes_with_its_sight(trained: Path) -> None:
    library = transformers.VisionTextDualEncoderModel
    learnt = library.from_pretrained(trained / "colours/clip").vision_model.embeddings.backbone.state_dict()
    seen = transformers.LlavaForConditionalGeneration.from_pretrained(trained / "eyes/eyes")
    kept = seen.model.vision_tower.embeddings.backbone.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in learnt.items())


def test_the_second_training_of_the_eyes_moves_their_convolutions(trained: Path) -> None:
    library = transformers.LlavaForConditionalGeneration
    first, second = (
        library.from_pretrained(trained / name / "eyes").model.vision_tower.embeddings.backbone.state_dict()
        for name in ("eyes", "dyes")
    )
    assert any(not torch.equal(value, second[name]) for name, value in first.items())


def test_a_blend_is_the_mean_of_the_trainings(trained: Path) -> None:
    first, second, mean = (
        load_file(trained / name / "eyes/model.safetensors")["language_model.model.norm.weight"].float()
        for name in ("eyes", "dyes", "blend")
    )
    assert torch.allclose(mean, (first + second) / 2, atol=1e-3)


def test_the_eyes_keep_the_vectors_that_clip_has_of_names_and_tell_languages_apart(trained: Path) -> None:
    known = eyes_begin.ways()
    learnt = transformers.VisionTextDualEncoderModel.from_pretrained(trained / "colours/clip")
    words = transformers.AutoTokenizer.from_pretrained(trained / "colours/clip")
    seen = transformers.LlavaForConditionalGeneration.from_pretrained(trained / "eyes/eyes", dtype=torch.float32)
    pieces = transformers.AutoTokenizer.from_pretrained(trained / "eyes/eyes")
    for concept in CONCEPTS:
        places = pieces.convert_tokens_to_ids(list(tokens.names(concept)))
        vectors = clip.vectors(learnt, words, [concept.en, concept.en, concept.zh])
        expected = eyes_begin.NAMED * vectors + eyes_begin.SORTED * known.sorts
        assert torch.allclose(seen.get_input_embeddings().weight[places], expected, atol=2e-3)


def test_a_run_that_was_cut_off_goes_on_where_it_stood(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "EXAM", 16)
    usual = ["--data", str(trained / "icons.safetensors"), "--batch", "4", "--threads", "1", "--device", "cpu"]
    judge.main([*usual, "--out", str(trained / "judge"), "--steps", "3"])
    assert "step 3 100%" in capsys.readouterr().out
