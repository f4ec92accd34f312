"""Reading: the words of a screenshot come out line by line, a label with its value, in English and in Chinese."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from core.catalogue.spec import ModelSpec
from core.errors import BadInput, EngineFailed
from core.media.images import open_image
from core.types.messages import Image, Reading
from models.ocr import engine as reader
from models.ocr.engine import Box
from tests.sound.scoring import cer
from tests.support import screens

RAPID = ModelSpec("rapidocr", "RapidOCR", "read", "ocr", "Apache-2.0", ("en", "zh"), 0, "", ())
SCREENS = {
    "English settings": screens.settings("en"),
    "Chinese settings": screens.settings("zh"),
    "dark Chinese settings": screens.settings("zh", dark=True),
    "English settings in small letters": screens.settings("en", size=12),
    "dark English settings in small letters": screens.settings("en", dark=True, size=12),
    "an English invoice": screens.invoice("en"),
    "a Chinese invoice": screens.invoice("zh"),
    "a Chinese invoice in small letters": screens.invoice("zh", size=12),
}


@pytest.fixture(scope="module")
def eye(models_home: Path) -> Iterator[reader.PictureReader]:
    engine = reader.load(RAPID, models_home / RAPID.id)
    yield engine
    engine.close()


def read(eye: reader.PictureReader, image: Image) -> Reading:
    [reading] = eye.read(image)
    return reading


def plain(text: str) -> str:
    return text.replace("|", "").replace(" ", "").replace("（", "(").replace("）", ")").replace("×", "x").lower()


@pytest.mark.models
@pytest.mark.parametrize("name", SCREENS)
def test_it_reads(eye: reader.PictureReader, name: str) -> None:
    screen = SCREENS[name]
    reading = read(eye, screen.image)
    assert cer(screen.text, reading.text) <= 0.02
    assert (reading.width, reading.height) == screens.opened(screen.image).size


@pytest.mark.models
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_label_and_its_value_stand_on_one_line(eye: reader.PictureReader, language: str) -> None:
    screen = screens.invoice(language)
    assert [plain(line.text) for line in read(eye, screen.image).lines] == [plain("".join(row)) for row in screen.rows]


@pytest.mark.models
def test_boxes_lie_around_the_words_inside_the_picture(eye: reader.PictureReader) -> None:
    reading = read(eye, screens.settings("en").image)
    brightness = next(line for line in reading.lines if "Brightness" in line.text)
    left, top, right, bottom = brightness.box
    assert 30 <= left <= 42 < 670 <= right <= 695  # 36 and 684 are drawn
    assert 70 <= top < bottom <= 110
    assert all(0 <= line.box[0] < line.box[2] <= reading.width for line in reading.lines)


@pytest.mark.models
def test_a_sideways_phone_photo_is_read_upright(eye: reader.PictureReader) -> None:
    upright = screens.opened(screens.invoice("en").image)
    exif = Pillow.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn right to see it so
    file = io.BytesIO()
    upright.transpose(Pillow.Transpose.ROTATE_90).save(file, "JPEG", quality=95, exif=exif)
    reading = read(eye, open_image(file.getvalue(), "photo.jpg"))
    assert (reading.width, reading.height) == upright.size
    assert cer(screens.invoice("en").text, reading.text) <= 0.02


@pytest.mark.models
def test_an_upside_down_page_is_read(eye: reader.PictureReader) -> None:
    turned = screens.opened(screens.invoice("en").image).rotate(180)
    text = read(eye, Image(screens.png(turned), "image/png")).text
    assert "INV-2026-0417" in text
    assert "729.00" in text


@pytest.mark.models
def test_a_large_picture_is_read(eye: reader.PictureReader) -> None:
    large = ImageOps.contain(screens.opened(screens.invoice("zh").image), (3800, 3000))
    page = Pillow.new("RGB", (3840, 2160), "white")
    page.paste(large.resize((1260, 900)), (2400, 1100))
    reading = read(eye, open_image(screens.png(page), "4k.png"))
    assert "海港书店有限公司" in reading.text
    assert "686.48" in reading.text


@pytest.mark.models
def test_a_long_scrolled_page_is_read_to_its_end_and_no_line_twice(eye: reader.PictureReader) -> None:
    screen = screens.settings("en")
    page = Pillow.new("RGB", (1080, 4900), "#fbfbfc")
    for number in range(11):
        page.paste(screens.opened(screen.image), (20, 20 + 443 * number))
    assert cer("\n".join([screen.text] * 11), read(eye, Image(screens.png(page), "image/png")).text) <= 0.02


@pytest.mark.models
def test_a_picture_without_words_gives_an_empty_reading(eye: reader.PictureReader) -> None:
    for picture in (Pillow.new("RGB", (400, 300), "white"), Pillow.linear_gradient("L"), Pillow.new("RGB", (1, 1))):
        assert read(eye, Image(screens.png(picture), "image/png")).lines == ()


@pytest.mark.models
def test_it_says_nothing_of_its_own(eye: reader.PictureReader, capfd: pytest.CaptureFixture[str]) -> None:
    read(eye, Image(screens.png(Pillow.new("RGB", (400, 300))), "image/png"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.models
def test_bytes_that_are_no_picture_are_refused(eye: reader.PictureReader) -> None:
    with pytest.raises(BadInput, match="Save it again"):
        next(eye.read(Image(b"no picture", "image/png")))


def test_a_missing_network_is_named_and_nothing_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="install it again"):
        reader.load(RAPID, tmp_path)
    assert not list(tmp_path.iterdir())


def test_columns_are_read_from_left_to_right_and_lines_from_the_top() -> None:
    boxes = [Box("5", 200, 32, 210, 50, 1), Box("Lamp", 0, 30, 50, 50, 1), Box("Item", 0, 0, 50, 20, 1)]
    boxes += [Box("Qty", 195, 1, 230, 21, 1)]
    assert [[box.text for box in row] for row in reader.rows(boxes)] == [["Item", "Qty"], ["Lamp", "5"]]


def test_doctor_learns_what_the_engine_was_built_with() -> None:
    assert "CPUExecutionProvider" in reader.build()["providers"]
