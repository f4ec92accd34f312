"""The starter models: ``fetch`` gets what is missing of them, with a bar in the terminal."""

from __future__ import annotations

import sys

from core.catalogue import spec as catalogue
from core.catalogue.load import load
from core.catalogue.spec import ModelSpec
from core.host.terminal import StatusLine, language, say
from core.l10n.text import l10n
from core.settings import Settings
from core.text.sizes import size_text


def fetch(settings: Settings) -> None:
    """Fetch what is missing of the starter set; milliseconds when nothing is. Raises DownloadFailed."""
    starter = load(settings.home / "catalogue.toml").starter()
    missing = [spec for spec in starter if not catalogue.installed(spec, settings.models)]
    for number, spec in enumerate(missing, 1):
        size = size_text(spec.bytes)
        say(
            l10n(
                "Fetching model {number} of {count}: {name} ({size}).",
                number=number,
                count=len(missing),
                name=spec.name,
                size=size,
            )
        )
        _fetch(spec, settings)


def _fetch(spec: ModelSpec, settings: Settings) -> None:
    from core.manage.get import get

    status = StatusLine(sys.stderr)
    try:
        for progress in get(spec, settings):
            status.show(f"{bar(progress.fraction)} {progress.note.into(language())}")
    finally:
        status.clear()


def bar(fraction: float | None, width: int = 16) -> str:
    """``[######------]  50 %``; without figures when the end is not known."""
    if fraction is None:
        return "[" + "·" * width + "]"
    filled = round(min(max(fraction, 0.0), 1.0) * width)
    return f"[{'#' * filled}{'-' * (width - filled)}] {fraction * 100:3.0f} %"
