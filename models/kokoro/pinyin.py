"""Grapheme to phoneme for Chinese (``phonemes``): jieba's words, pypinyin's readings, misaki's rules (MIT, Apache-2.0).

These are misaki's first rules (``ZHG2P()``), which version 1.0 of the model was trained with: tones as they stand in
the dictionary, and the model makes the sandhi itself. What is added: the readings of characters that stand alone, where
a dictionary cannot know the word, and a way around characters without a reading.
"""

from __future__ import annotations

import functools
import logging
import re
from typing import Any

from core import settings
from core.text.script import HAN

_SEGMENTS = re.compile(f"[{HAN}〇]+|[^{HAN}〇]+")
_ALONE = {"地": "de5", "得": "de5", "长": "chang2"}
_AFTER = {  # read so at the end of a word, after one of these characters
    "行": ("一二三四五六七八九十百千两几每第这那整多单哪各", "hang2"),
    "得": ("我你他她它您们咱就还总都也", "dei3"),
    "长": ("很更太最较多这那么", "chang2"),
}
_PHRASES = {
    "行数": "háng shù",
    "数一数": "shǔ yi shǔ",
    "还书": "huán shū",
    "还钱": "huán qián",
    "还款": "huán kuǎn",
    "东西": "dōng xi",
    "长时间": "cháng shí jiān",
}


def phonemes(text: str) -> str:
    """``text`` (Chinese characters and punctuation) as Kokoro's phonemes; what has no reading is left out."""
    g2p, cut = _rules()
    said = []
    for segment in _SEGMENTS.findall(g2p.map_punctuation(text)):
        if segment[0].isalpha():
            words = cut(segment)
            said.append(
                " ".join(_word_phonemes(word, before) for before, word in zip(["", *words], words, strict=False))
            )
        else:
            said.append(segment)
    return "".join(said)


def _word_phonemes(word: str, before: str) -> str:
    from pypinyin import Style, lazy_pinyin

    readings = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)
    signs, reading = _AFTER.get(word[-1], ("", ""))
    if (before + word)[-2:-1] and (before + word)[-2] in signs:
        readings[-1] = reading
    elif word in _ALONE:
        readings = [_ALONE[word]]
    return "".join(map(_syllable_phonemes, readings))


@functools.lru_cache(4096)
def _syllable_phonemes(reading: str) -> str:
    """One syllable such as ``hao3``; empty for what is none."""
    try:
        return str(_rules()[0].py2ipa(reading)).replace("\N{COMBINING INVERTED BREVE BELOW}", "")
    except (ValueError, AssertionError, KeyError, IndexError):
        return ""


@functools.cache
def _rules() -> tuple[Any, Any]:
    """misaki's rules and jieba's cutter, whose cache is kept in the data folder: others can write to the system's."""
    import jieba
    import pypinyin
    from misaki.zh import ZHG2P

    jieba.setLogLevel(logging.ERROR)
    cache = settings.data_folder() / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    jieba.dt.tmp_dir = str(cache)
    pypinyin.load_phrases_dict({word: [[one] for one in said.split()] for word, said in _PHRASES.items()})
    for word in _PHRASES:
        jieba.add_word(word)
    return ZHG2P, jieba.lcut
