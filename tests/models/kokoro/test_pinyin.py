"""Chinese characters with several readings."""

from __future__ import annotations

import pytest

from models.kokoro import pinyin


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("银行", "yin2 hang2"),
        ("行走", "xing2 zou3"),
        ("重庆很重要", "chong2 qing4 hen3 zhong4 yao4"),
        ("快乐的音乐", "kuai4 le4 de5 yin1 yue4"),
        ("长大了头发很长", "zhang3 da4 le5 tou2 fa4 hen3 chang2"),
        ("慢慢地走", "man4 man4 de5 zou3"),
        ("跑得很快", "pao3 de5 hen3 kuai4"),
        ("你得去", "ni3 dei3 qu4"),
        ("第三行", "di4 san1 hang2"),
        ("执行一行代码", "zhi2 xing2 yi1 hang2 dai4 ma3"),
        ("数一数数据", "shu3 yi5 shu3 shu4 ju4"),
        ("还有书要还给他", "hai2 you3 shu1 yao4 huan2 gei3 ta1"),
    ],
)
def test_a_character_with_two_readings_is_read_by_its_word(text: str, readings: str) -> None:
    said = "".join(pinyin._syllable(reading) for reading in readings.split())
    assert pinyin.phonemes(text).replace(" ", "") == said
