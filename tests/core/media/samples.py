"""Pictures and recordings as files."""

from __future__ import annotations

import io

import pytest
from PIL import Image as Pillow

from core.errors import BadInput
from core.media.files import open_file


def saved(picture: Pillow.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def refused(data: bytes, name: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        open_file(data, name)
    assert name in str(caught.value)
    assert name in caught.value.said("zh")
    return caught.value


RED = Pillow.new("RGB", (60, 40), "#cc2222")
