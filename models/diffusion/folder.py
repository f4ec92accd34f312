"""A diffusers pipeline folder (``contents``): which pipeline it is, which weight files, how big they are.

Only JSON and the heads of safetensors files are read here: a folder with nothing but pickles, a cut-off file or a
pipeline that this engine does not know is refused before anything loads.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import EngineFailed
from core.formats.safetensors import read_tensors

PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline", "LatentConsistencyModelPipeline")
LIBRARIES = ("diffusers", "transformers")  # a model_index.json may name any module; these two are all we import from
LEFT_OUT = ("safety_checker", "feature_extractor", "image_encoder")
WEIGHTS = ("text_encoder", "text_encoder_2", "unet", "vae")
PICKLES = (".bin", ".ckpt", ".pt", ".pth")
HALF = "fp16"  # how the hub names the files in half precision: diffusion_pytorch_model.fp16.safetensors


@dataclass(frozen=True, slots=True)
class Contents:
    """``parts`` names each component with weights and its number of parameters.

    ``plain`` and ``half`` say whether all of them are there without, and with, the ``fp16`` in their files' names.
    ``configs`` are the components' JSON files.
    """

    pipeline: str
    parts: tuple[tuple[str, int], ...]
    plain: bool
    half: bool
    configs: dict[str, dict[str, Any]]

    @property
    def parameters(self) -> int:
        return sum(count for _, count in self.parts)

    @property
    def largest(self) -> int:
        """Parameters of the largest component."""
        return max(count for _, count in self.parts)


def contents(folder: Path) -> Contents:
    """Look into ``folder``. Raises EngineFailed naming the file that is missing, cut off or of the wrong kind."""
    index = _json(folder / "model_index.json")
    pipeline = str(index.get("_class_name", ""))
    if pipeline not in PIPELINES:
        raise EngineFailed(
            f"The folder {folder.name} holds a {pipeline or 'model'} that this painter does not know. It paints with "
            f"{', '.join(PIPELINES)}: Stable Diffusion 1 and 2, SDXL, Turbo and LCM. Choose one of those.",
            f"文件夹 {folder.name} 中是本画师不支持的模型（{pipeline or '未知'}）。支持的有 {'、'.join(PIPELINES)}，"
            "即 Stable Diffusion 1 和 2、SDXL、Turbo 与 LCM。请选择其中之一。",
        )
    components = {name: value for name, value in index.items() if isinstance(value, list) and value[0] is not None}
    for name, (library, *_) in components.items():
        if name not in LEFT_OUT and library not in LIBRARIES:
            raise EngineFailed(
                f"The folder {folder.name} wants code of its own for its {name} ({library}), which is never run. "
                "Choose a model that needs none.",
                f"文件夹 {folder.name} 的 {name} 需要自带代码（{library}），本程序从不运行这类代码。请选择其他模型。",
            )
    names = [name for name in WEIGHTS if name in components]
    files = {name: _weights(folder / name) for name in names}
    plain = all(any(HALF not in path.name.split(".") for path in each) for each in files.values())
    half = all(any(HALF in path.name.split(".") for path in each) for each in files.values())
    parts = tuple((name, _parameters(each)) for name, each in files.items())
    configs = {name: _json(folder / name / "config.json") for name in names}
    configs["scheduler"] = _json(folder / "scheduler" / "scheduler_config.json")
    configs["index"] = index
    return Contents(pipeline, parts, plain, half, configs)


def broken(path: Path, why: str, why_zh: str) -> EngineFailed:
    """The error for a file that is not what it should be."""
    name = f"{path.parent.name}/{path.name}"
    return EngineFailed(
        f"The painter's file {name} {why}. Check the model with `python start.py models verify` and get it again.",
        f"画师的文件 {name} {why_zh}。请用 `python start.py models verify` 校验该模型并重新获取。",
    )


def _weights(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.safetensors"))
    if found:
        return found
    if any(path.suffix in PICKLES for path in folder.glob("*")):
        raise EngineFailed(
            f"The folder {folder.parent.name}/{folder.name} has its weights only in files that can run code "
            f"({', '.join(PICKLES)}), which are never opened. Get the model in safetensors.",
            f"文件夹 {folder.parent.name}/{folder.name} 的权重只有可执行代码的格式（{'、'.join(PICKLES)}），"
            "本程序从不打开这类文件。请获取 safetensors 格式的模型。",
        )
    raise broken(folder / "*.safetensors", "is missing", "缺失")


def _parameters(files: list[Path]) -> int:
    """Numbers in one component, counted once when it lies there in two precisions."""
    counts = {True: 0, False: 0}
    for path in files:
        counts[HALF in path.name.split(".")] += parameters(path)
    return max(counts.values())


def parameters(path: Path) -> int:
    """Numbers in a safetensors file. Raises EngineFailed when it is shorter or longer than its head says."""
    try:
        return sum(read_tensors(path).values())
    except (ValueError, OSError) as error:
        raise broken(path, "is damaged or incomplete", "已损坏或不完整") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise broken(path, "is missing", "缺失") from error
    except (ValueError, OSError) as error:
        raise broken(path, "cannot be read", "无法读取") from error
    if not isinstance(value, dict):
        raise broken(path, "cannot be read", "无法读取")
    return value
