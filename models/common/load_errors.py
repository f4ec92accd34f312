"""Errors of a model that cannot be opened, in both languages.

``install_again`` is for models that Parlor itself fetches whole, ``check_files`` for folders that may be the person's.
"""

from __future__ import annotations

from core.errors import EngineFailed
from core.l10n.text import l10n


def install_again(name: str, error: Exception) -> EngineFailed:
    return EngineFailed(
        l10n("{name} cannot be opened: {error}. Remove the model and install it again.", name=name, error=error)
    )


def check_files(name: str, error: Exception) -> EngineFailed:
    return EngineFailed(
        l10n(
            "{name} cannot be opened: {error}. Check its files with `python start.py models verify`.",
            name=name,
            error=error,
        )
    )
