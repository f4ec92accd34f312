"""Licence agreements: licences that ask for more than being named, agreed to once, noted in ``accepted.toml``."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomli_w
from filelock import FileLock

from core.catalogue.spec import ModelSpec
from core.errors import BadInput
from core.l10n.text import NOTHING, L10n, l10n
from core.settings import Settings


def accepted(spec: ModelSpec, settings: Settings) -> bool:
    """Whether ``spec`` asks for nothing, or its licence has been agreed to; another licence is asked for anew."""
    noted = _read(settings).get(spec.id)
    return not spec.terms or (isinstance(noted, dict) and noted.get("terms") == spec.terms)


def accept(spec: ModelSpec, settings: Settings) -> None:
    """Note that the person agrees to the licence of ``spec`` now."""
    if accepted(spec, settings):
        return
    file, time = _file(settings), datetime.now(UTC).isoformat(timespec="seconds")
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".toml.lock")):
        noted = _read(settings) | {spec.id: {"licence": spec.licence, "terms": spec.terms, "time": time}}
        partial = file.with_suffix(".toml.part")
        partial.write_text(tomli_w.dumps(noted), "utf-8")
        partial.replace(file)


def must_accept(spec: ModelSpec, settings: Settings) -> None:
    """Raises BadInput with the licence's name, address and meaning when it has not been agreed to."""
    if accepted(spec, settings):
        return
    get = f"python start.py models get {spec.id} --accept"
    raise BadInput(
        l10n(
            "{name} is under the licence {licence}: {terms}{sense}. Read it, and if you agree run: {get}",
            name=spec.name,
            licence=spec.licence,
            terms=spec.terms,
            sense=meaning(spec.licence),
            get=get,
        )
    )


def meaning(licence: str) -> L10n:
    """What the licence's name says about its use, as the rest of a sentence."""
    name = licence.lower()
    if any(word in name for word in ("cpml", "coqui-public", "-nc", "non-commercial", "noncommercial")):
        return l10n(" (for non-commercial use only, and so is what the model makes)")
    return NOTHING


def _file(settings: Settings) -> Path:
    return settings.home / "accepted.toml"


def _read(settings: Settings) -> dict[str, Any]:
    """By model; a file that cannot be read counts as empty, so that the person is asked again."""
    try:
        return tomllib.loads(_file(settings).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
