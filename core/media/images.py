"""Image decoding: ``open_image`` gives a picture upright, opaque, PNG or JPEG, of bounded size, without metadata.

A file is judged by its content, never by its name. Neither place nor camera of a photograph is kept.
"""

from __future__ import annotations

import io

from PIL import Image as Pillow
from PIL import ImageOps

from core.l10n.text import l10n
from core.media.unreadable import UNREADABLE, refused
from core.types.messages import Image

# A picture is decoded to at most DECODED pixels (150 MB as RGB). JPEG alone can be decoded at 1/2, 1/4 or 1/8 of its
# size, so a photograph may have HEADER of them. Kept is a 4K screen or a long scrolled page at full size.
DECODED = 50_000_000
HEADER = 250_000_000
KEPT = 12_600_000
KEPT_SIDE = 12_000

PICTURES = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
PICTURE_SIGNS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
PICTURE_NAMES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")

# Pillow's own limit only warns, by process; every size is checked in open_image before a pixel is decoded.
Pillow.MAX_IMAGE_PIXELS = None


def open_image(data: bytes, name: str) -> Image:
    """A PNG, JPEG, WebP, GIF or TIFF (their first picture) or BMP, upright, on white, at most 12.6 megapixels.

    A photograph stays JPEG, all else becomes PNG. Raises BadInput when it is broken, cut short or too large.
    """
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif", b"ftypheim"):
        raise refused(
            name,
            l10n("is a HEIC or AVIF picture, which Parlor cannot open"),
            l10n("Save it as JPEG or PNG"),
        )
    try:
        with Pillow.open(io.BytesIO(data), formats=PICTURES) as picture:
            _bounded(picture, name)
            photograph = picture.format == "JPEG"
            upright = ImageOps.exif_transpose(picture)
            return _encoded(_fitted(_opaque(upright)), photograph)
    except UNREADABLE as error:
        raise refused(
            name,
            l10n("is not a whole picture: it is broken, was cut short, or is something else"),
            l10n("Open it in a picture viewer to check, and save or copy it again as PNG or JPEG"),
        ) from error


def is_picture(data: bytes) -> bool:
    return data.startswith(PICTURE_SIGNS) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def _bounded(picture: Pillow.Image, name: str) -> None:
    """Refuse what would decode to too many pixels; a JPEG is first asked to decode at a fraction of its size."""
    wide, high = picture.size
    if wide * high <= HEADER and not picture.info.get("progressive"):
        picture.draft("RGB", (4096, 4096))
    if picture.width * picture.height > DECODED:
        raise refused(
            name,
            l10n(
                "has {wide} x {high} pixels ({megapixels:.0f} megapixels), and {most} may be",
                wide=wide,
                high=high,
                megapixels=wide * high / 1e6,
                most=DECODED // 10**6,
            ),
            l10n("Make it smaller, or cut out the part that matters"),
        )


def _opaque(picture: Pillow.Image) -> Pillow.Image:
    """Grey or RGB; what is transparent becomes white, 16-bit grey becomes 8-bit."""
    if picture.mode.startswith("I;16"):
        picture = picture.point(lambda value: value / 256).convert("L")
    if picture.mode in ("L", "RGB"):
        return picture.copy()
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    white = Pillow.new("RGBA", layer.size, "white")
    return Pillow.alpha_composite(white, layer).convert("RGB")


def _fitted(picture: Pillow.Image) -> Pillow.Image:
    """No larger than what is kept, in the same proportions."""
    wide, high = picture.size
    scale = min(1.0, (KEPT / (wide * high)) ** 0.5, KEPT_SIDE / max(wide, high))
    if scale == 1.0:
        return picture
    return picture.resize((max(1, int(wide * scale)), max(1, int(high * scale))), Pillow.Resampling.LANCZOS)


def _encoded(picture: Pillow.Image, photograph: bool) -> Image:
    file = io.BytesIO()
    picture.info.clear()
    if photograph:
        picture.save(file, "JPEG", quality=92, subsampling=0)
        return Image(file.getvalue(), "image/jpeg")
    picture.save(file, "PNG")
    return Image(file.getvalue(), "image/png")
