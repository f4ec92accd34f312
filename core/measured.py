"""What each model has really cost on this machine: highest memory and load time, kept in a small JSON file."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

Figures = dict[str, float]


class Measured:
    """Figures by key: ``peak`` in bytes, of the last process that ran the model, and ``load_seconds``."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._figures: dict[str, Figures] = {}
        try:
            kept = json.loads(file.read_text("utf-8"))
            self._figures = {key: dict(value) for key, value in kept.items()}
        except (OSError, ValueError, AttributeError, TypeError):  # none yet, or damaged: they are measured again
            return

    def known(self, key: str) -> Figures:
        """What was measured; empty when nothing was yet."""
        return self._figures.get(key, {})

    def keep(self, key: str, **figures: float) -> None:
        """Take note of new figures, in memory and in the file."""
        with self._lock:
            if self._figures.get(key, {}) | figures == self._figures.get(key):
                return
            self._figures[key] = self._figures.get(key, {}) | figures
            partial = self._file.with_suffix(f".{os.getpid()}.part")
            try:
                partial.write_text(json.dumps(self._figures, indent=1), "utf-8")
                partial.replace(self._file)
            except OSError:  # a full disk must not stop a turn
                return
