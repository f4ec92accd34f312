"""What a person hands over is made safe to use or refused with a reason that names the file and what to do."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import pytest
from PIL import Image as Pillow

from core.media import images as media
from core.media.files import open_file
from core.types.messages import Image
from tests.core.media.samples import RED, refused, saved
from tests.support import screens


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def giant_png(wide: int, high: int) -> bytes:
    """A PNG whose header promises ``wide`` x ``high`` pixels: a decompression bomb in a few bytes."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_the_common_kinds_of_picture_are_opened(kind: str) -> None:
    image = open_file(saved(RED, kind), "picture")
    assert isinstance(image, Image)
    assert image.mime == ("image/jpeg" if kind == "JPEG" else "image/png")
    red, green, blue = screens.opened(image).convert("RGB").getpixel((30, 20))  # type: ignore[misc]
    assert red > 180 > 80 > max(green, blue)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_that_was_cut_short_is_refused(kind: str) -> None:
    whole = saved(screens.opened(screens.invoice("en").image), kind)
    assert "cut short" in str(refused(whole[: len(whole) // 2], "shot.png"))


def test_a_picture_of_a_hundred_megapixels_is_refused_before_it_is_decoded() -> None:
    tracemalloc.start()
    error = refused(giant_png(10_000, 10_000), "huge.png")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert "100 megapixels" in str(error)
    assert "请缩小图片" in error.said("zh")


def test_a_decompression_bomb_is_refused() -> None:
    assert "megapixels" in str(refused(giant_png(200_000, 200_000), "bomb.png"))


def test_a_photograph_of_a_hundred_megapixels_is_made_smaller() -> None:
    data = saved(Pillow.new("RGB", (12_000, 9_000), "#2244aa"), "JPEG", quality=30)
    picture = screens.opened(media.open_image(data, "photo.jpg"))
    assert picture.width * picture.height <= media.KEPT
    assert picture.width / picture.height == pytest.approx(4 / 3, abs=0.01)


def test_an_animation_gives_its_first_picture() -> None:
    data = saved(RED, "GIF", save_all=True, append_images=[Pillow.new("RGB", (60, 40), "blue")] * 3)
    picture = screens.opened(media.open_image(data, "moving.gif")).convert("RGB")
    assert picture.getpixel((5, 5))[0] > 180  # type: ignore[index]


def test_a_phone_photo_stands_upright_and_tells_no_place() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera of Ada"
    exif.get_ifd(0x8825)[1] = "N"
    picture = Pillow.new("RGB", (60, 40), "white")
    picture.paste("black", (0, 0, 30, 40))
    image = media.open_image(saved(picture, "JPEG", exif=exif, quality=95), "phone.jpg")
    upright = screens.opened(image)
    assert upright.size == (40, 60)
    assert upright.convert("L").getpixel((20, 10)) < 50 < 200 < upright.convert("L").getpixel((20, 50))  # type: ignore[operator]
    assert not upright.getexif()
    assert b"Ada" not in image.data


def test_text_in_a_picture_file_is_left_behind() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Author", "Ada Lovelace")
    assert b"Ada" not in media.open_image(saved(RED, "PNG", pnginfo=info), "a.png").data


def test_what_is_transparent_becomes_white() -> None:
    picture = Pillow.new("RGBA", (10, 10), (0, 0, 0, 0))
    assert screens.opened(media.open_image(saved(picture, "PNG"), "a.png")).getpixel((5, 5)) == (255, 255, 255)


def test_grey_of_sixteen_bits_keeps_its_shades() -> None:
    picture = Pillow.new("I;16", (10, 10), 0x8000)
    assert screens.opened(media.open_image(saved(picture, "PNG"), "scan.png")).convert("L").getpixel((5, 5)) == 128


def test_a_screen_of_four_thousand_pixels_keeps_its_small_letters() -> None:
    assert screens.opened(media.open_image(saved(Pillow.new("RGB", (3840, 2160)), "PNG"), "a")).size == (3840, 2160)


def test_a_picture_from_an_iphone_is_named_as_such() -> None:
    assert "HEIC" in str(refused(b"\0\0\0\x18ftypheic" + bytes(40), "IMG_1.HEIC"))
