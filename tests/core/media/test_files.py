"""Files by what they hold: texts in any encoding, and what is none of all these."""

from __future__ import annotations

import pytest

from core.media.audio import wav
from core.media.files import open_file, open_text
from core.types.messages import Audio, Image, Text
from tests.core.media.samples import RED, refused, saved
from tests.sound import sounds


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
