"""File and memory sizes as people read them: 98 MB, 1.1 GB."""

from __future__ import annotations

import math


def size_text(size: float) -> str:
    """``size`` bytes as a person says it, in decimal units: ``98 MB``, ``1.1 GB``."""
    if size < 1e6:
        return f"{math.ceil(size / 1e3)} kB"
    return f"{size / 1e6:.0f} MB" if size < 999.5e6 else f"{size / 1e9:.1f} GB"
