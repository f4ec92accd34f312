"""Scripts: which characters are Chinese. ``has_han`` is the question "is it Chinese?" everywhere in this app.

``HAN``, ``KANA`` and ``HANGUL`` go into character classes of regular expressions. HAN are the CJK ideographs, extension
A and the compatibility ideographs; extension B and up (rare names) are left out, as no model here reads or says them.
Whoever needs more says why there: 〇 (a numeral, not an ideograph) is read aloud, and the search index and the width of
a line know all of East Asia.

Written as escapes: a literal U+F900 becomes U+8C48 wherever a file is normalised, and the range then holds Hangul, too.
"""

from __future__ import annotations

import re

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
KANA = "\u3040-\u30ff"
HANGUL = "\uac00-\ud7a3"

_HAN = re.compile(f"[{HAN}]")


def has_han(text: str) -> bool:
    """Whether there is a Chinese character in ``text``."""
    return _HAN.search(text) is not None


def is_han(text: str) -> bool:
    """Whether ``text``, a character or more, begins with a Chinese one."""
    return _HAN.match(text) is not None
