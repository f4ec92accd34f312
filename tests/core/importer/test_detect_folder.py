"""What a folder holds: recognised by its files, and refused with the reason when it cannot be used."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest

from core.errors import BadInput
from core.importer.add_local import inspect
from core.settings import Settings
from tests.core.importer.importing import take, taken

pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the libraries that write and open the models
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def test_of_a_llava_folder_all_that_is_needed_is_taken(originals: Path, settings: Settings) -> None:
    spec = take(originals / "tiny-llava", settings)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {file.name for file in spec.files}
    assert str(spec.about).endswith("M")


def test_voices_and_languages_are_read(originals: Path) -> None:
    voices, ears = inspect(originals / "voices"), inspect(originals / "ears")
    assert inspect(originals / "chinese-clip").languages == ("zh", "en")
    assert voices.voices == ("Ada", "李明")
    assert {"en", "zh", "yue"} <= set(ears.languages)


def test_a_task_the_files_cannot_do_is_refused(originals: Path, settings: Settings) -> None:
    for name, task, reason in [("ears", "speak", "made for hear"), ("talk", "see", "without its mmproj"),
                               ("talk", "sing", "no task 'sing'")]:  # fmt: skip
        with pytest.raises(BadInput, match=reason):
            take(originals / name, settings, task=task)
    assert taken(settings) == []


def test_half_precision_is_taken_only_where_there_is_no_full(tmp_path: Path, originals: Path) -> None:
    from tests.tiny.tiny_diffusion import write_tiny_diffusion

    half = write_tiny_diffusion(tmp_path / "half", variant="fp16")
    names = {each.source: each.name for each in inspect(half).files}
    assert names["unet/diffusion_pytorch_model.fp16.safetensors"] == "unet/diffusion_pytorch_model.safetensors"
    full = Path(shutil.copytree(originals / "Tiny SD", tmp_path / "both"))
    for path in half.rglob("*.fp16.safetensors"):
        shutil.copy(path, full / path.relative_to(half))
    assert not any("fp16" in each.source for each in inspect(full).files)


def test_of_a_painter_only_what_paints_in_safe_formats_is_taken(copied: Path, settings: Settings) -> None:
    folder = copied / "Tiny SD"
    for name in ("unet/diffusion_pytorch_model.bin", "unet/model.onnx", "vae/diffusion_flax_model.msgpack", "sd.ckpt"):
        (folder / name).write_bytes(b"x" * 100)
    (folder / "safety_checker").mkdir()
    (folder / "safety_checker" / "model.safetensors").write_bytes(b"x")
    spec = take(folder, settings)
    kinds = {Path(file.name).suffix for file in spec.files}
    assert kinds <= {".json", ".txt", ".safetensors"}
    assert not any(file.name.startswith("safety_checker") for file in spec.files)


def single_file(path: Path, tensor: str) -> Path:
    head = json.dumps({tensor: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"1234")
    return path


def test_what_cannot_be_used_says_why_and_what_to_do(tmp_path: Path) -> None:
    single = single_file(tmp_path / "sd15.safetensors", "model.diffusion_model.input_blocks.0.0.weight")
    other = single_file(tmp_path / "other.safetensors", "weight")
    (tmp_path / "model.ckpt").write_bytes(b"x")
    (tmp_path / "weights.pt").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("hello", "utf-8")
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "config.json").write_text('{"model_type": "llama"}', "utf-8")
    (tmp_path / "hf-whisper").mkdir()
    (tmp_path / "hf-whisper" / "config.json").write_text('{"model_type": "whisper"}', "utf-8")
    (tmp_path / "empty").mkdir()
    reasons = {
        single: "from_single_file",
        other: "nothing that Parlor understands",
        tmp_path / "model.ckpt": "it can run code",
        tmp_path / "weights.pt": "can run code",
        tmp_path / "notes.txt": "nothing that Parlor understands",
        tmp_path / "llm": "get the GGUF",
        tmp_path / "hf-whisper": "ct2-transformers-converter",
        tmp_path / "empty": "nothing that Parlor understands",
        tmp_path / "nowhere": "no file or folder",
    }
    for path, reason in reasons.items():
        with pytest.raises(BadInput, match=reason) as caught:
            inspect(path)
        assert caught.value.said("zh") != str(caught.value)
        assert path.name in str(caught.value)


def test_pickled_weights_are_refused(copied: Path) -> None:
    (copied / "tiny-llava" / "model.safetensors").rename(copied / "tiny-llava" / "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"pytorch_model.bin: files of that kind can run code"):
        inspect(copied / "tiny-llava")
    unet = copied / "Tiny SD" / "unet"
    next(unet.glob("*.safetensors")).rename(unet / "diffusion_pytorch_model.bin")
    with pytest.raises(BadInput, match=r"diffusion_pytorch_model.bin"):
        inspect(copied / "Tiny SD")


@pytest.mark.parametrize("left", [0, 5, 100, -1])
def test_safetensors_that_are_cut_off_are_refused(copied: Path, left: int) -> None:
    path = copied / "tiny-llava" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(BadInput, match=r"model.safetensors cannot be used"):
        inspect(copied / "tiny-llava")


@pytest.mark.parametrize(
    "header",
    [
        "[" * 100_000,
        '{"x": {"shape": [1], "data_offsets": [0, 1e999]}}',
        '{"x": {"shape": [1e999], "data_offsets": [0, 4]}}',
        '{"x": {"shape": ["many"], "data_offsets": [0, 4]}}',
        '{"x": {"shape": [' + "9" * 400 + '], "data_offsets": [0, 4]}}',
        '{"x": {"shape": [-1], "data_offsets": [0, 4]}}',
    ],
)
def test_a_safetensors_header_that_lies_is_refused(copied: Path, header: str) -> None:
    path = copied / "tiny-llava" / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + b"1234")
    with pytest.raises(BadInput, match=r"model.safetensors cannot be used"):
        inspect(copied / "tiny-llava")


def test_a_kind_that_is_no_name_is_refused(copied: Path) -> None:
    (copied / "clip" / "config.json").write_text('{"model_type": ["clip"]}', "utf-8")
    with pytest.raises(BadInput, match="which Parlor does not load"):
        inspect(copied / "clip")


def test_a_model_bin_that_is_no_whisper_is_refused(copied: Path) -> None:
    (copied / "ears" / "model.bin").write_bytes(b"\x80\x04pickle" * 10)
    with pytest.raises(BadInput, match="no Whisper model of CTranslate2"):
        inspect(copied / "ears")
