"""Kokoro's voices by language."""

from __future__ import annotations

import pytest

from core.catalogue.kokoro_voices import VOICES, default_voice, find, fitting, voices_for


def test_voices_by_language() -> None:
    assert len(VOICES) == 54
    assert len(voices_for("en")) == 28
    assert len(voices_for("zh")) == 8
    assert find("bf_emma").accent == "en-GB"
    assert default_voice("zh").language == "zh"


@pytest.mark.parametrize(
    ("chosen", "language", "voice"),
    [
        (("bm_george", "zf_xiaoyi"), "en", "bm_george"),
        (("bm_george", "zf_xiaoyi"), "zh", "zf_xiaoyi"),
        (("bm_george",), "zh", "zm_yunxi"),
        (("bf_emma",), "zh", "zf_xiaoxiao"),
        (("zm_yunxi",), "en", "am_michael"),
        ((), "en", "af_heart"),
        (("", ""), "zh", "zm_yunxi"),
    ],
)
def test_a_language_without_a_chosen_voice_gets_one_of_the_same_gender(
    chosen: tuple[str, ...], language: str, voice: str
) -> None:
    assert fitting(chosen, language).id == voice
