"""Picture decoding for the engines that see: ``open_picture`` gives Pillow's image, upright and in RGB."""

from __future__ import annotations

import io

from PIL import Image as Pillow
from PIL import ImageOps

from core.errors import BadInput
from core.l10n.text import l10n
from core.types.messages import Image


def open_picture(image: Image) -> Pillow.Image:
    """Raises BadInput when the bytes are no picture, or one of more pixels than Pillow decodes."""
    try:
        with Pillow.open(io.BytesIO(image.data)) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError) as error:
        raise BadInput(l10n("The picture cannot be opened. Save it again as PNG or JPEG.")) from error
