"""Chinese script conversion (``convert_script``): simplified or traditional (OpenCC), full-width punctuation."""

from __future__ import annotations

import functools
import itertools
import re

import opencc

WIDE = str.maketrans(",?!:;.", "，？！：；。")
WIDE_AFTER_HAN = re.compile(r"(?<=[\u3400-\u9fff》”])[,?!:;.](?!\d)")


def convert_script(texts: list[str], script: str) -> list[str]:
    """Words of one sentence in ``script`` (``simplified`` or ``traditional``), as many as were given."""
    if not texts:
        return []
    whole = WIDE_AFTER_HAN.sub(lambda found: found[0].translate(WIDE), _converter(script).convert("".join(texts)))
    ends = list(itertools.accumulate(len(text) for text in texts))
    if len(whole) != ends[-1]:  # a phrase that is longer in the other script
        return [_converter(script).convert(text) for text in texts]
    return [whole[end - len(text) : end] for text, end in zip(texts, ends, strict=True)]


@functools.cache
def _converter(script: str) -> opencc.OpenCC:
    import opencc

    return opencc.OpenCC("s2t" if script == "traditional" else "t2s")
