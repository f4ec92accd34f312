"""Errors of files that cannot be decoded."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from core.errors import BadInput

if TYPE_CHECKING:
    pass


UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, struct.error, zlib.error)


def refused(name: str, en: str, do: str, zh: str, do_zh: str) -> BadInput:
    shown = name or "The file"
    return BadInput(f"{shown} {en}. {do}.", f"{name or '文件'} {zh}。{do_zh}。")
