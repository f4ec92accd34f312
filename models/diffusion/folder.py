"""What lies in a diffusers pipeline folder: which pipeline it is, which weight files, how big they are.

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
from core.l10n.text import L10n, l10n, listed

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
            l10n(
                "The folder {name} holds a {pipeline} that this painter does not know. It paints with "
                "{pipelines}: Stable Diffusion 1 and 2, SDXL, Turbo and LCM. Choose one of those.",
                name=folder.name,
                pipeline=pipeline or l10n("pipeline of no name"),
                pipelines=listed(PIPELINES),
            )
        )
    components = {name: value for name, value in index.items() if isinstance(value, list) and value[0] is not None}
    for name, (library, *_) in components.items():
        if name not in LEFT_OUT and library not in LIBRARIES:
            raise EngineFailed(
                l10n(
                    "The folder {name} wants code of its own for its {name_} ({library}), which is never run. "
                    "Choose a model that needs none.",
                    name=folder.name,
                    name_=name,
                    library=library,
                )
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


def broken(path: Path, why: L10n) -> EngineFailed:
    """The error for a file that is not what it should be."""
    name = f"{path.parent.name}/{path.name}"
    return EngineFailed(
        l10n(
            "The painter's file {name} {why}. Check the model with `python start.py models verify` and get it again.",
            name=name,
            why=why,
        )
    )


def _weights(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.safetensors"))
    if found:
        return found
    if any(path.suffix in PICKLES for path in folder.glob("*")):
        raise EngineFailed(
            l10n(
                "The folder {parent}/{name} has its weights only in files that can run code "
                "({pickles}), which are never opened. Get the model in safetensors.",
                parent=folder.parent.name,
                name=folder.name,
                pickles=listed(PICKLES),
            )
        )
    raise broken(folder / "*.safetensors", l10n("is missing"))


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
        raise broken(path, l10n("is damaged or incomplete")) from error


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise broken(path, l10n("is missing")) from error
    except (ValueError, OSError) as error:
        raise broken(path, l10n("cannot be read")) from error
    if not isinstance(value, dict):
        raise broken(path, l10n("cannot be read"))
    return value
