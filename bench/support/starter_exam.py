"""What the starter models are examined on: the styles of the art sets, 200 things, pictures as files. A part of
``bench/starter.py``.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image as Pillow
from torch import Tensor

from core.catalogue.spec import ModelSpec, Task
from core.types.messages import Image
from models.starter.data.pack import Pack, load
from models.starter.train import clip

WEIGHTS = Path(__file__).resolve().parents[2] / "models" / "starter" / "weights"
SIDE = 192  # pixels of a picture that the eyes are shown
UNSEEN = "emojione"
Figures = dict[str, Any]


def spec(task: Task, engine: str) -> ModelSpec:
    name = f"starter-{engine}"
    return ModelSpec(name, name, task, engine, "Apache-2.0", ("en", "zh"), 0, "1", (), defaults=(("device", "cpu"),))


def png(pixels: Tensor) -> Image:
    """A picture [3, h, w] from 0 to 1 as a file."""
    held: Any = (pixels.permute(1, 2, 0) * 255).round().byte().numpy()
    file = io.BytesIO()
    Pillow.fromarray(held).save(file, "PNG")
    return Image(file.getvalue(), "image/png")


@dataclass(frozen=True, slots=True)
class Exam:
    """The pictures of one style: ``names`` are the 200 concepts, ``shown`` those of them that the style has."""

    pack: Pack
    names: list[int]
    style: str

    @property
    def shown(self) -> dict[int, int]:
        """A picture's index for each concept."""
        at = {self.pack.concept[i]: i for i in range(len(self.pack.concept)) if self.pack.style[i] == self.style}
        return {concept: at[concept] for concept in self.names if concept in at}

    def pictures(self) -> Tensor:
        """On white, [n, 3, 128, 128] from 0 to 1."""
        held = self.pack.pictures[list(self.shown.values())].float() / 255
        return held[:, :3] + 1 - held[:, 3:]


def exams(folder: Path) -> list[Exam]:
    """One for each style, the unseen one last; all of the same 200 concepts, which the unseen style has."""
    icons, unseen = (load(folder / f"{name}.safetensors") for name in ("icons", "unseen"))
    names = clip.examined(unseen)
    return [*(Exam(icons, names, style) for style in sorted({*icons.style})), Exam(unseen, names, UNSEEN)]
