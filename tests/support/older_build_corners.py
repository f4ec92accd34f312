"""The second data folder of build 547b5fd: what its README names, as plain values and as a copy to be written to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "data" / "build-547b5fd-corners"
_READ = json.loads((FOLDER / "expected.json").read_text("utf-8"))
IDS: dict[str, str] = _READ["ids"]
LISTED: list[str] = _READ["listed"]  # ids, the most recently used first
EXPECTED: dict[str, dict[str, Any]] = _READ["conversations"]
VISIBLE = [name for name in IDS if name != "deleted"]


def copied(to: Path) -> Path:
    """A copy of its data folder, to be opened and written to."""
    shutil.copytree(FOLDER / "home", to)
    return to


def export(name: str) -> bytes:
    return (FOLDER / "exports" / name).read_bytes()
