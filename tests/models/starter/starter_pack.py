"""A pack of three things for the tests of the starter models' data and training: a disc in one colour each."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from models.starter.data import words
from models.starter.data.words import Concept

CONCEPTS = (
    Concept("cat", "猫", ("animal",), ("动物",), "只"),
    Concept("red apple", "红苹果", (), (), coloured=True),
    Concept("rose", "玫瑰", ("flower",), (), "朵"),
)


def write_pack(file: Path, styles: Sequence[str] = ("noto",)) -> Path:
    """The discs gray, red and green, once in each style."""
    webps = [_disc(shade) for shade in ("gray", "red", "green")] * len(styles)
    told = [
        {"slug": each.en, "en": each.en, "zh": each.zh, "tags_en": each.tags_en, "tags_zh": each.tags_zh, "group": 3,
         "people": False, "confusable": False} for each in CONCEPTS
    ]  # fmt: skip
    tensors = {
        "webp": torch.frombuffer(bytearray(b"".join(webps)), dtype=torch.uint8),
        "ends": torch.tensor(np.cumsum([len(each) for each in webps])),
        "concept": torch.tensor([0, 1, 2] * len(styles), dtype=torch.int16),
        "style": torch.arange(len(styles), dtype=torch.int16).repeat_interleave(3),
    }
    save_file(tensors, file, {"concepts": json.dumps(told), "styles": json.dumps(list(styles)), "licences": "{}"})
    return file


def _disc(shade: str) -> bytes:
    pixels = np.zeros((128, 128, 4), np.uint8)
    rows, columns = np.mgrid[:128, :128]
    pixels[(rows - 63.5) ** 2 + (columns - 63.5) ** 2 < 60**2] = (*words.COLOURS[shade][1], 255)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True)
    return file.getvalue()
