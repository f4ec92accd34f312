"""What lies in a pipeline folder: precisions, and files that are missing, damaged or could run code."""

from __future__ import annotations

import json
from pathlib import Path

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import pytest

from core.errors import EngineFailed
from models.diffusion import engine as diffusion
from tests.models.diffusion.helpers import CAT, file, painted, pixels, spec
from tests.tiny.tiny_diffusion import Kind, write_tiny_diffusion

pytestmark = [  # diffusers' schedulers hand torch's tensors to numpy's functions
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning"),
]


def test_files_in_half_precision_are_taken_when_there_are_no_others(tmp_path: Path) -> None:
    folder = write_tiny_diffusion(tmp_path / "half", variant="fp16")
    assert pixels(file(diffusion.load(spec(), folder), CAT)).shape == (64, 64, 3)


def test_a_safety_checker_that_the_folder_names_is_not_missed(tmp_path: Path) -> None:
    folder = write_tiny_diffusion(tmp_path / "named")
    index = json.loads((folder / "model_index.json").read_text())
    index |= {
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    assert painted(diffusion.load(spec(), folder), CAT)


@pytest.mark.parametrize(
    "name", ["unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors", "model_index.json"]
)
def test_a_cut_off_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write_tiny_diffusion(tmp_path / "cut")
    path = folder / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(EngineFailed, match=f"{path.parent.name}/{path.name}.*models verify"):
        diffusion.load(spec(), folder)


@pytest.mark.parametrize("name", ["vae/diffusion_pytorch_model.safetensors", "unet/config.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write_tiny_diffusion(tmp_path / "gone")
    (folder / name).unlink()
    with pytest.raises(EngineFailed, match=f"{name.partition('/')[0]}.*missing"):
        diffusion.load(spec(), folder)


def test_weights_of_another_model_are_refused(tmp_path: Path, folders: dict[Kind, Path]) -> None:
    folder = write_tiny_diffusion(tmp_path / "mixed")
    name = "unet/diffusion_pytorch_model.safetensors"
    (folder / name).write_bytes((folders["sdxl"] / name).read_bytes())
    with pytest.raises(EngineFailed, match="cannot be opened"):
        diffusion.load(spec(), folder)


def test_weights_that_could_run_code_are_not_opened(tmp_path: Path) -> None:
    folder = write_tiny_diffusion(tmp_path / "pickled")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(EngineFailed, match="can run code"):
        diffusion.load(spec(), folder)


@pytest.mark.parametrize("change", [{"_class_name": "FluxPipeline"}, {"unet": ["my_unet", "MyUNet"]}])
def test_code_of_the_folders_own_and_strange_pipelines_are_refused(
    tmp_path: Path, change: dict[str, str | list[str]]
) -> None:
    folder = write_tiny_diffusion(tmp_path / "foreign")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | change))
    (folder / "unet" / "my_unet.py").write_text("raise SystemExit('this ran')")
    with pytest.raises(EngineFailed, match=r"FluxPipeline|my_unet"):
        diffusion.load(spec(), folder)
