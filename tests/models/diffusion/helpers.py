"""How the tests of this engine paint: the same settings on one CPU thread, and what comes of them."""

from __future__ import annotations

import io

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import numpy as np
import PIL.Image
import pytest
import torch

from core.catalogue.spec import ModelSpec
from core.types.generation import ImageResult
from core.types.image_request import ImageRequest
from models.diffusion import engine as diffusion
from tests.tiny.tiny_diffusion import Kind

KINDS: tuple[Kind, ...] = ("sd", "turbo", "lcm", "sdxl", "sdxl-lcm")
ALONE = (("device", "cpu"), ("dtype", "float32"), ("preview_share", 1.0), ("threads", 1))
CAT = ImageRequest("a red cat", seed=7, steps=4)


def spec(**defaults: str | int | float) -> ModelSpec:
    settings = tuple((dict(ALONE) | defaults).items())
    return ModelSpec("tiny", "Tiny painter", "paint", "diffusion", "MIT", ("en",), 0, "", (), defaults=settings)


def painted(engine: diffusion.Diffusion, painting: ImageRequest) -> list[ImageResult]:
    return [item for item in engine.paint(painting) if isinstance(item, ImageResult)]


def file(engine: diffusion.Diffusion, painting: ImageRequest) -> bytes:
    (picture,) = painted(engine, painting)
    return picture.image.data


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(data)))


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
