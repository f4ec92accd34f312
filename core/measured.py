"""What each model has really cost on this machine: highest memory and load time, kept in a small JSON file."""

from __future__ import annotations

import json
from pathlib import Path

from core.catalogue import ModelSpec

READ_SPEED = 0.4e9  # bytes a second: what a load is expected to cost before it has been measured


class Measured:
    """Peak bytes and load seconds by model id; unmeasured models answer with the catalogue's figure and a guess."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, dict[str, float]] = {}
        if file.exists():
            try:
                self._known = json.loads(file.read_text("utf-8"))
            except ValueError:  # a half-written file costs nothing but the measurements
                self._known = {}

    def peak(self, spec: ModelSpec, seen: int = 0) -> int:
        """The highest peak so far in bytes, after taking note of ``seen``."""
        known = int(self._known.get(spec.id, {}).get("peak", 0))
        if seen > known:
            self._note(spec, "peak", seen)
        return max(seen, known) or spec.memory

    def load_seconds(self, spec: ModelSpec) -> float:
        return self._known.get(spec.id, {}).get("load_seconds") or 0.5 + spec.bytes / READ_SPEED

    def loaded(self, spec: ModelSpec, seconds: float) -> None:
        self._note(spec, "load_seconds", round(seconds, 2))

    def _note(self, spec: ModelSpec, key: str, value: float) -> None:
        self._known.setdefault(spec.id, {})[key] = value
        partial = self._file.with_suffix(".part")
        try:
            partial.write_text(json.dumps(self._known, indent=1), "utf-8")
            partial.replace(self._file)
        except OSError:  # a full disk must not stop a turn
            return
