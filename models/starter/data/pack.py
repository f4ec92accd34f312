"""The packed pictures: opened once, with each concept's words and each picture's main colour."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional

from models.starter.data.words import COLOUR_NAMES, COLOURS, Concept, measure

TONES = torch.tensor([rgb for _, rgb in COLOURS.values()], dtype=torch.float32) / 255


@dataclass(frozen=True, slots=True)
class Pack:
    """``pictures`` [n, 4, 128, 128] uint8, colour times alpha; ``small`` the same at 64 px.

    ``shades``: for each picture the colour that most of it shows, -1 where none does.
    """

    pictures: Tensor
    small: Tensor
    concept: list[int]
    style: list[str]
    concepts: tuple[Concept, ...]
    shades: list[int]

    def to(self, device: str) -> Pack:
        return replace(self, pictures=self.pictures.to(device), small=self.small.to(device))


@lru_cache(maxsize=1)
def load(file: Path) -> Pack:
    """Open what ``models.starter.data`` wrote. Raises OSError or SafetensorError when it is not there or damaged."""
    with safe_open(file, "pt") as held:
        webp, ends = held.get_tensor("webp").numpy().tobytes(), held.get_tensor("ends").tolist()
        concept, style = held.get_tensor("concept").tolist(), held.get_tensor("style").tolist()
        told = held.metadata()
    known, styles = json.loads(told["concepts"]), json.loads(told["styles"])
    with ThreadPoolExecutor() as pool:
        files = [webp[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        pictures = torch.from_numpy(np.stack(list(pool.map(_opened, files)))).permute(0, 3, 1, 2).contiguous()
    for part in torch.split(pictures, 512):
        part[:, :3] = (part[:, :3].float() * (part[:, 3:].float() / 255)).round().byte()
    small = torch.cat([functional.avg_pool2d(part.float(), 2).round().byte() for part in torch.split(pictures, 512)])
    named = [styles[number] for number in style]
    return Pack(pictures, small, concept, named, tuple(map(_concept, known)), _shades(small[:, :, ::2, ::2]))


def _shades(small: Tensor) -> list[int]:
    """The nearest colour of more than half of what is opaque in each picture, [n, 4, h, w]; -1 without such a one."""
    found = []
    for part in torch.split(small, 512):
        alpha = part[:, 3:].float().clamp_min(1) / 255
        rgb = (part[:, :3].float() / 255 / alpha).permute(0, 2, 3, 1)
        near = torch.cdist(rgb.flatten(1, 2), TONES[None].expand(len(part), -1, -1)).argmin(-1)
        opaque = part[:, 3].flatten(1) > 128
        counts = (functional.one_hot(near, len(TONES)) * opaque[..., None]).sum(1).float()
        share, most = (counts / opaque.sum(1, keepdim=True).clamp_min(1)).max(1)
        found += torch.where(share > 0.55, most, -1).tolist()
    return found


def _opened(webp: bytes) -> npt.NDArray[np.uint8]:
    """[128, 128, 4], straight alpha."""
    with Image.open(io.BytesIO(webp)) as image:
        return np.asarray(image.convert("RGBA"))


def _concept(told: dict[str, object]) -> Concept:
    english, tags = str(told["en"]), tuple(map(str, told["tags_en"]))  # type: ignore[call-overload]
    mandarin = tuple(map(str, told["tags_zh"]))  # type: ignore[call-overload]
    coloured = bool({*english.split()} & {*COLOUR_NAMES, "grey", "golden", "rainbow"})
    return Concept(
        english,
        str(told["zh"]),
        tags,
        mandarin,
        measure(tags),
        bool(told["people"]),
        bool(told["confusable"]),
        coloured,
    )
