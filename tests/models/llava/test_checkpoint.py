"""Folders that are damaged, incomplete or of another kind are refused with what to do."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import pytest
from safetensors.torch import load_file, save_file

from core.errors import EngineFailed
from models.llava import engine as llava
from tests.models.llava.helpers import spec

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),  # peft, while it wraps a model
]


@pytest.mark.parametrize("kept", [0, 7, 3_000, -100])
def test_weights_cut_short_are_refused_with_what_to_do(taught: Path, tmp_path: Path, kept: int) -> None:
    folder = shutil.copytree(taught, tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(EngineFailed, match=r"start\.py models verify") as caught:
        llava.load(spec(), folder)
    assert "无法打开" in pickle.loads(pickle.dumps(caught.value)).said("zh")  # noqa: S301


def test_weights_that_are_missing_are_not_made_up(taught: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(taught, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    gone = next(name for name in weights if "projector" in name)
    save_file({name: each for name, each in weights.items() if name != gone}, folder / "model.safetensors")
    with pytest.raises(EngineFailed, match="1 weights are missing"):
        llava.load(spec(), folder)


@pytest.mark.parametrize("gone", ["config.json", "tokenizer.json", "processor_config.json"])
def test_a_folder_with_a_file_missing_is_refused(taught: Path, tmp_path: Path, gone: str) -> None:
    folder = shutil.copytree(taught, tmp_path / "model")
    (folder / gone).unlink()
    with pytest.raises(EngineFailed, match="cannot be opened"):
        llava.load(spec(), folder)


def test_pickled_weights_are_not_opened(taught: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(taught, tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EngineFailed, match="safetensors"):
        llava.load(spec(), folder)


def test_a_model_of_another_kind_is_refused_by_name(taught: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(taught, tmp_path / "model")
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2_vl"}))
    with pytest.raises(EngineFailed, match="of the kind qwen2_vl"):
        llava.load(spec(), folder)
