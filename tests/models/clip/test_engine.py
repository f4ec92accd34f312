"""Words and pictures in one space: CLIP and Chinese-CLIP, small, of the real architectures, in the hub's files."""

from __future__ import annotations

import io
import json
import math
import shutil
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoProcessor, CLIPTextConfig, CLIPTextModel

from core.catalogue.spec import ModelSpec
from core.errors import BadInput, EngineFailed
from core.runtime.protocols import open_engine
from core.runtime.worker import Worker
from core.settings import Settings
from core.types.generation import Embedding
from core.types.messages import Image
from models.clip import engine as clip
from models.clip.engine import Clip
from tests.support.own_models import own
from tests.tiny.tiny_clip import BERT_TOKENS, NAMED, TOKENS, WIDTH, write_tiny_chinese_clip, write_tiny_clip
from tests.tiny.tiny_llava import CHINESE, picture

SPEC = ModelSpec(
    "tiny", "Tiny CLIP", "embed", "clip", "MIT", ("en",), 0, "1", (), defaults=(("device", "cpu"), ("threads", 1))
)
PICTURES = tuple(picture(name) for name in NAMED)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of an English and a Chinese model."""
    folder = tmp_path_factory.mktemp("clips")
    write_tiny_clip(folder / "english")
    write_tiny_chinese_clip(folder / "chinese")
    return folder


@pytest.fixture(scope="module")
def english(taught: Path) -> Iterator[Clip]:
    engine = clip.load(SPEC, taught / "english")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def chinese(taught: Path) -> Iterator[Clip]:
    engine = clip.load(SPEC, taught / "chinese")
    yield engine
    engine.close()


@pytest.fixture
def copied(taught: Path, tmp_path: Path) -> Path:
    """The English one, to be changed."""
    return Path(shutil.copytree(taught / "english", tmp_path / "mine"))


def text(engine: Clip, words: str) -> Embedding:
    return next(engine.embed_texts((words,)))


def nearest(to: Embedding, among: dict[str, Embedding]) -> str:
    return max(among, key=lambda name: to.cosine(among[name]))


def numbers(embedding: Embedding) -> tuple[float, ...]:
    return struct.unpack(f"<{len(embedding)}f", embedding.vector)


# meaning


def test_it_names_the_colour_of_a_picture(english: Clip) -> None:
    texts = english.embed_texts(tuple(f"a photo of something {name}" for name in NAMED))
    words = dict(zip(NAMED, texts, strict=True))
    assert [nearest(seen, words) for seen in english.embed_images(PICTURES)] == list(NAMED)


def test_it_finds_the_picture_that_chinese_words_describe(chinese: Clip) -> None:
    seen = dict(zip(NAMED, chinese.embed_images(PICTURES), strict=True))
    asked = chinese.embed_texts(tuple(f"一张照片，上面是{CHINESE[name]}" for name in NAMED))
    assert [nearest(each, seen) for each in asked] == list(NAMED)


@pytest.mark.parametrize("language", ["english", "chinese"])
def test_a_text_and_a_picture_are_as_alike_as_the_library_itself_finds_them(taught: Path, language: str) -> None:
    engine, folder = clip.load(SPEC, taught / language), taught / language
    model, processor = AutoModel.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    words = ["red", "a green picture"] if language == "english" else ["红色", "绿色的图片"]
    with Pillow.open(io.BytesIO(PICTURES[0].data)) as red, torch.inference_mode():
        given = processor(text=words, images=[red], return_tensors="pt", padding=True)
        expected = (model(**given).logits_per_image[0] / model.logit_scale.exp()).tolist()
    (seen,) = engine.embed_images(PICTURES[:1])
    assert [seen.cosine(each) for each in engine.embed_texts(tuple(words))] == pytest.approx(expected, abs=1e-5)


# vectors


def test_a_vector_has_the_models_width_and_length_one(english: Clip, chinese: Clip) -> None:
    for engine, words in ((english, ("a red picture", "")), (chinese, ("红色的图片", ""))):
        found = [*engine.embed_texts(words), *engine.embed_images(PICTURES)]
        assert len(found) == len(words) + len(PICTURES)
        for each in found:
            assert len(each) == WIDTH == len(numbers(each))
            assert math.hypot(*numbers(each)) == pytest.approx(1, abs=1e-6)
            assert each.cosine(each) == pytest.approx(1, abs=1e-6)


def test_a_vector_depends_on_nothing_but_what_it_is_of(english: Clip) -> None:
    alone = [next(english.embed_images((each,))) for each in PICTURES]
    assert list(english.embed_images(PICTURES)) == alone
    words = ("red", "a photo of something blue", "a green picture")
    assert list(english.embed_texts(words)) == [text(english, each) for each in words]


def test_of_a_long_text_its_beginning_counts(english: Clip, chinese: Clip) -> None:
    assert (english.longest, chinese.longest) == (TOKENS, 52)
    assert BERT_TOKENS > 52, "the Chinese model has room for more than it was trained on"
    for engine, word, other in ((english, "red ", "blue"), (chinese, "红", "蓝色")):
        said = engine.longest - 2  # and a token at either end
        full = text(engine, word * said)
        assert text(engine, word * 1000 + other) == full == text(engine, word * said + other)
        assert text(engine, word * (said - 1) + other) != full


def test_a_stream_can_be_left_at_any_item(english: Clip) -> None:
    stream = english.embed_images(PICTURES)
    first = next(stream)
    stream.close()
    assert next(english.embed_images(PICTURES)) == first


# pictures


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("size", [(300, 20), (1, 1), (3, 1), (1, 3), (3, 48)])
def test_any_common_kind_and_shape_of_picture_is_seen(english: Clip, kind: str, size: tuple[int, int]) -> None:
    words = dict(zip(NAMED, english.embed_texts(tuple(NAMED)), strict=True))
    (seen,) = english.embed_images((picture("green", *size, kind),))
    assert nearest(seen, words) == "green"


def test_a_picture_that_cannot_be_opened_is_told_after_those_before_it(english: Clip) -> None:
    broken = (Image(PICTURES[0].data[:40], "image/png"), Image(b"no picture", "image/png"), Image(b"", "image/png"))
    for each in broken:
        stream = english.embed_images((*PICTURES[:2], each, PICTURES[2]))
        assert [next(stream), next(stream)] == list(english.embed_images(PICTURES[:2]))
        with pytest.raises(BadInput, match="cannot be opened") as caught:
            next(stream)
        assert caught.value.said("zh") != str(caught.value)
    assert next(english.embed_images(PICTURES)), "and the engine lives"


# opening


def test_what_transformers_saves_today_opens_too(english: Clip, taught: Path, tmp_path: Path) -> None:
    for save in (AutoModel, AutoProcessor):
        save.from_pretrained(taught / "english").save_pretrained(tmp_path)
    assert not (tmp_path / "preprocessor_config.json").exists()
    assert list(clip.load(SPEC, tmp_path).embed_images(PICTURES)) == list(english.embed_images(PICTURES))


@pytest.mark.parametrize("left", [0, 5, 1000, -1])
def test_weights_that_are_cut_off_are_refused(copied: Path, left: int) -> None:
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:left])
    with pytest.raises(EngineFailed, match=r"Tiny CLIP cannot be opened.*models verify") as caught:
        clip.load(SPEC, copied)
    assert caught.value.said("zh") != str(caught.value)


def test_weights_that_are_not_all_there_are_refused(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, copied / "model.safetensors", {"format": "pt"})
    with pytest.raises(EngineFailed, match=r"1 weights are missing, visual_projection"):
        clip.load(SPEC, copied)


def test_pickled_weights_are_never_opened(copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(EngineFailed, match=r"no \*.safetensors file"):
        clip.load(SPEC, copied)


@pytest.mark.parametrize("language", ["english", "chinese"])
@pytest.mark.parametrize(
    "names", [("config.json",), ("preprocessor_config.json",), ("vocab.json", "merges.txt", "vocab.txt")]
)
def test_a_folder_that_is_incomplete_is_refused(
    taught: Path, tmp_path: Path, language: str, names: tuple[str, ...]
) -> None:
    folder = shutil.copytree(taught / language, tmp_path / language, ignore=shutil.ignore_patterns(*names))
    with pytest.raises(EngineFailed, match="Tiny CLIP cannot be opened"):
        clip.load(SPEC, folder)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_settings_that_cannot_be_read_are_refused(copied: Path, name: str) -> None:
    (copied / name).write_text("{", "utf-8")
    with pytest.raises(EngineFailed, match="Tiny CLIP cannot be opened"):
        clip.load(SPEC, copied)


def test_a_model_of_another_family_is_refused(tmp_path: Path) -> None:
    CLIPTextModel(CLIPTextConfig(vocab_size=9, hidden_size=8, num_attention_heads=1)).save_pretrained(tmp_path)
    with pytest.raises(EngineFailed, match="a model of the kind clip_text_model"):
        clip.load(SPEC, tmp_path)


def test_code_in_the_folder_is_never_run(copied: Path) -> None:
    (copied / "mine.py").write_text(f"open({str(copied / 'ran')!r}, 'w')\nclass Mine: pass\n", "utf-8")
    auto = {f"Auto{name}": "mine.Mine" for name in ("Config", "Model", "Processor", "Tokenizer", "ImageProcessor")}
    for name in ("config.json", "preprocessor_config.json", "tokenizer_config.json"):
        path = copied / name
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"auto_map": auto}), "utf-8")
    clip.load(SPEC, copied).close()
    assert not (copied / "ran").exists()


# in the app


def test_a_folder_that_was_added_works_in_a_process_of_its_own(taught: Path, tmp_path: Path, english: Clip) -> None:
    spec = own(tmp_path, taught / "english", "colours")
    assert (spec.task, spec.engine) == ("embed", "clip")
    worker = Worker(replace(spec, defaults=SPEC.defaults), Settings(tmp_path).models / spec.id, tmp_path / "log")
    try:
        list(worker.opening())
        for method, given in (("embed_texts", ("red", "a blue picture")), ("embed_images", PICTURES)):
            with worker.call(method, given) as call:
                heard = [item for item in call if isinstance(item, Embedding)]
            assert heard == list(getattr(english, method)(given))
        broken = Image(b"", "image/png")
        with worker.call("embed_images", (broken,)) as call, pytest.raises(BadInput):
            list(call)
        assert worker.alive
        assert worker.gpu_peak == 0 < worker.peak
    finally:
        worker.kill()


def test_the_engine_is_found_by_its_name_and_says_what_it_is_built_with(taught: Path) -> None:
    engine = open_engine(SPEC, taught / "chinese")
    assert isinstance(engine, Clip)
    engine.close()
    assert {"transformers", "torch", "GPU"} <= clip.build().keys()
