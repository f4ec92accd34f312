"""Character encoding detection: ``decoded`` reads UTF-8, UTF-16, GB18030 (Chinese Windows) or Windows-1252."""

from __future__ import annotations


def decoded(data: bytes) -> str | None:
    """``data`` as text, or None when it is none."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return _strict(data, encoding)
    if b"\0" in data:
        evens, odds = data[::2].count(0), data[1::2].count(0)
        return _strict(data, "utf-16-le" if odds > evens else "utf-16-be") if max(evens, odds) > len(data) / 5 else None
    return _strict(data, "utf-8") or _strict(data, "gb18030" if _is_gb(data) else "cp1252")


def _strict(data: bytes, encoding: str) -> str | None:
    """``data`` decoded, or None when it does not decode or holds control characters that no text has."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if any(letter < " " and letter not in "\t\n\r\f\x1b" for letter in text) else text


def _is_gb(data: bytes) -> bool:
    """Whether most of the high bytes stand in pairs as in GB2312, which all Chinese text is mostly made of."""
    high = pairs = at = 0
    while at < len(data):
        if data[at] < 0x80:
            at += 1
            continue
        high += 1
        paired = 0xA1 <= data[at] <= 0xF7 and data[at + 1 : at + 2] >= b"\xa1"
        pairs += paired
        at += 1 + paired
    return pairs > 0.7 * high
