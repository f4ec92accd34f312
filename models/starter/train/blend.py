"""The mean of several trainings' weights: ``python -m models.starter.train.blend --of DIR --of DIR --out DIR``.

Trainings that go on from each other lie in one valley, and what lies between them does better on pictures unlike those
that were trained on (arXiv:2203.05482). The folders hold models of one shape, as transformers saves them; from the last
one everything but the weights is taken.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

WEIGHTS = "model.safetensors"


def blend(folders: Sequence[Path], out: Path) -> None:
    """Write the mean, in the precision of the weights, to ``out``. Raises OSError when a folder has none."""
    held = [load_file(folder / WEIGHTS) for folder in folders]
    shutil.copytree(folders[-1], out, dirs_exist_ok=True)
    last = held[-1]
    mean = {
        name: torch.stack([each[name].float() for each in held]).mean(0).to(value.dtype)
        if value.is_floating_point()
        else value
        for name, value in last.items()
    }
    save_file(mean, out / WEIGHTS, {"format": "pt"})


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--of", type=Path, action="append", required=True, help="a model's folder; twice or more")
    parser.add_argument("--out", type=Path, required=True)
    told, _ = parser.parse_known_args(argv)  # the other stages' flags mean nothing here
    blend(told.of, told.out / "eyes")


if __name__ == "__main__":
    main()
