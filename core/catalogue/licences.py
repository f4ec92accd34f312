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
    sense, sense_zh = meaning(spec.licence)
    raise BadInput(
        f"{spec.name} is under the licence {spec.licence}: {spec.terms}{sense}. Read it, and if you agree run: {get}",
        f"{spec.name} 的许可证为 {spec.licence}：{spec.terms}{sense_zh}。请阅读；若同意，请运行：{get}",
    )


def meaning(licence: str) -> tuple[str, str]:
    """What the licence's name says about its use, as the rest of a sentence."""
    name = licence.lower()
    if any(word in name for word in ("cpml", "coqui-public", "-nc", "non-commercial", "noncommercial")):
        return " (for non-commercial use only, and so is what the model makes)", "（仅限非商业用途，其生成内容亦然）"
    return "", ""


def _file(settings: Settings) -> Path:
    return settings.home / "accepted.toml"


def _read(settings: Settings) -> dict[str, Any]:
    """By model; a file that cannot be read counts as empty, so that the person is asked again."""
    try:
        return tomllib.loads(_file(settings).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
