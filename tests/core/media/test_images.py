"""What a person hands over is made safe to use or refused with a reason that names the file and what to do."""

from __future__ import annotations

import io
import struct
import tracemalloc
import wave
import zlib

import pytest
from PIL import Image as Pillow

from core.errors import BadInput
from core.media import audio as media_audio
from core.media import images as media
from core.media.audio import open_audio, resampled, wav
from core.media.files import open_file, open_text
from core.types.messages import Audio, Image, Text
from tests.support import screens, sounds
from tests.support.recordings import recording


def saved(picture: Pillow.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def giant_png(wide: int, high: int) -> bytes:
    """A PNG whose header promises ``wide`` x ``high`` pixels: a decompression bomb in a few bytes."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def wav_of(seconds: int, rate: int = 1000) -> bytes:
    """A silent 8-bit WAV file: two hours of it are 7 MB."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 1, rate, 0, "NONE", "NONE"))
        writer.writeframes(b"\x80" * (seconds * rate))
    return file.getvalue()


def refused(data: bytes, name: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        open_file(data, name)
    assert name in str(caught.value)
    assert name in caught.value.said("zh")
    return caught.value


RED = Pillow.new("RGB", (60, 40), "#cc2222")


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


def test_recordings_in_a_container_become_plain_sound() -> None:
    audio = open_file(recording("en_young_man").data, "voice.ogg")
    assert isinstance(audio, Audio)
    assert (audio.rate, round(audio.seconds)) == (16_000, 3)
    assert sounds.level_of(audio) > -35


def test_a_stereo_recording_at_44100_hz_becomes_16000_hz_mono() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(44_100)
        writer.writeframes(b"\x10\x10" * 2 * 44_100)
    audio = open_audio(file.getvalue(), "stereo.wav")
    assert (audio.rate, audio.seconds) == (16_000, pytest.approx(1.0, abs=0.01))


def test_a_wav_file_comes_back_as_it_went() -> None:
    sound = sounds.tone(1)
    assert open_audio(wav(sound), "tone.wav") == sound


@pytest.mark.parametrize("data", [wav(Audio(b"", 16_000)), wav_of(1)[:20], b""], ids=["wave", "header", "nothing"])
def test_a_recording_of_zero_seconds_is_refused(data: bytes) -> None:
    assert "recor" in str(refused(data, "empty.wav")).lower()


def test_two_hours_are_refused_from_the_header_alone() -> None:
    data = wav_of(7200)
    tracemalloc.start()
    error = refused(data, "lecture.wav")
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert "longer than 60 minutes" in str(error)
    assert "60 分钟" in error.said("zh")


def test_two_hours_are_refused_when_no_header_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_audio, "LONGEST", 2.0)
    data = recording("en_leisure").data
    assert "longer" in str(refused(data, "stream.ogg"))


def test_a_text_file_renamed_wav_is_refused() -> None:
    assert "not a recording" in str(refused(b"Dear diary, today I spoke to nobody.\n" * 50, "diary.wav"))
    assert "不是录音" in refused("亲爱的日记".encode(), "diary.mp3").said("zh")


def test_a_playlist_cannot_make_parlor_open_another_file() -> None:
    for text in (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n", b"ffconcat version 1.0\nfile /etc/hostname\n"):
        assert "not a recording" in str(refused(text, "list.wav"))


@pytest.mark.parametrize("name", ["voice.ogg", "voice.wav"])
def test_of_a_recording_cut_short_the_beginning_is_kept(name: str) -> None:
    clip = recording("en_leisure")
    whole = clip.data if name.endswith("ogg") else wav(clip.audio)
    audio = open_audio(whole[: len(whole) // 2], name)
    assert 2 < audio.seconds < 5


def test_a_sound_keeps_its_length_and_pitch_at_another_rate() -> None:
    tone = resampled(sounds.tone(2, hz=1000), 24_000)
    assert tone.seconds == pytest.approx(2, abs=0.01)
    back = sounds.samples(resampled(tone, 16_000))
    crossings = int(((back[:-1] < 0) & (back[1:] >= 0)).sum())
    assert crossings == pytest.approx(2000, abs=10)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030"])
def test_chinese_text_is_read_whatever_wrote_it(encoding: str) -> None:
    said = "第一章：春天来了，花都开了。\nprint('hello')\n" * 20
    assert open_file(said.encode(encoding), "notes.txt") == Text(said)


def test_western_text_is_read_whatever_wrote_it() -> None:
    assert open_text("Café Zürich, naïve – 5 €\r\n".encode("cp1252"), "a.txt") == Text("Café Zürich, naïve – 5 €\n")


def test_a_text_above_a_megabyte_is_refused_with_its_size() -> None:
    assert "1.2 MB" in str(refused(b"words " * 200_000, "long.txt"))


@pytest.mark.parametrize("data", [bytes(range(256)) * 8, b"PK\x03\x04" + bytes(500), b"%PDF-1.7\n\xff\xfe\0\x01" * 9])
def test_what_is_none_of_these_is_refused(data: bytes) -> None:
    assert "neither a picture nor a recording" in str(refused(data, "thing.bin"))


def test_a_file_is_judged_by_what_it_holds_and_not_by_its_name() -> None:
    assert isinstance(open_file(saved(RED, "PNG"), "picture.txt"), Image)
    assert isinstance(open_file(wav(sounds.tone(1)), "sound.png.txt"), Audio)
