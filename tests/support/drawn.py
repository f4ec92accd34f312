"""A picture and how it was made, for tests of what a picture's file says."""

from __future__ import annotations

import io

import PIL.Image

from core.types.image_request import ImageRequest
from core.types.messages import Image
from core.types.provenance import Provenance

FULL = ImageRequest("a red fox, wide shot", "blurry", 64, 64, 3, 7.5, "EulerDiscreteScheduler", 7, 1)
MAKER = Provenance("paint", "some-model", "1", "ab" * 32)


def png(width: int = 64, height: int = 64) -> Image:
    out = io.BytesIO()
    PIL.Image.new("RGB", (width, height), (200, 30, 30)).save(out, "PNG")
    return Image(out.getvalue(), "image/png")
