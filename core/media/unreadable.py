"""Errors of files that cannot be decoded."""

from __future__ import annotations

import struct
import zlib

from core.errors import BadInput
from core.l10n.text import L10n, l10n

UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, struct.error, zlib.error)


def refused(name: str, reason: L10n, advice: L10n) -> BadInput:
    """The error of the file called ``name``: why it cannot be used, and what to do."""
    shown = name or l10n("The file")
    return BadInput(l10n("{name} {reason}. {advice}.", name=shown, reason=reason, advice=advice))
