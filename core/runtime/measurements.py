"""Measurements: each model's peak memory and load time on this machine, kept in a small JSON file."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Literal

from core.catalogue.spec import ModelSpec
from core.runtime.memory import Memory

Figures = dict[str, float]
Device = Literal["cpu", "cuda"]

READ_SPEED = 0.4e9  # bytes a second: what a load is expected to cost before it has been measured
BESIDE_GPU = 1_500_000_000  # bytes of RAM beside a model on the GPU, likewise: libraries, and weights on their way
SINK = 0.1  # an estimate rises at once to a new peak, and sinks by this share a turn towards what is really taken


def key(spec: ModelSpec, device: Device, context_tokens: int) -> str:
    """What a measurement holds for: the device, and for what chats and sees the length of its context."""
    context = f"@{context_tokens}" if spec.task in {"chat", "see"} else ""
    return f"{spec.id}{context}" + (f"@{device}" if device != "cpu" else "")


def settled(estimate: Memory, peak: Memory) -> Memory:
    """The estimate after a turn whose process had ``peak``."""
    sunk = Memory(
        estimate.ram - round((estimate.ram - peak.ram) * SINK), estimate.gpu - round((estimate.gpu - peak.gpu) * SINK)
    )
    return sunk | peak


class Measured:
    """Figures by key: ``peak`` and ``gpu_peak`` in bytes, of the last process that ran the model, ``load_seconds``."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._figures = self._stored()

    def known(self, key: str) -> Figures:
        """What was measured; empty when nothing was yet."""
        return self._figures.get(key, {})

    def need(self, spec: ModelSpec, device: Device, context_tokens: int) -> Memory:
        """Room that a model takes: as measured, or the catalogue's figures until it was."""
        known = self.known(key(spec, device, context_tokens))
        if device == "cpu":
            return Memory(int(known.get("peak", spec.memory)))
        beside = min(spec.memory, BESIDE_GPU)
        return Memory(int(known.get("peak", beside)), int(known.get("gpu_peak", spec.gpu_memory)))

    def load_seconds(self, spec: ModelSpec, device: Device, context_tokens: int) -> float:
        return self.known(key(spec, device, context_tokens)).get("load_seconds", 0.5 + spec.bytes / READ_SPEED)

    def keep(self, key: str, **figures: float) -> None:
        """Take note of new figures, in memory and in the file, beside what another process wrote there meanwhile."""
        with self._lock:
            mine = self._figures.get(key, {}) | figures
            if mine == self._figures.get(key):
                return
            self._figures = self._figures | self._stored() | {key: mine}
            partial = self._file.with_suffix(f".{os.getpid()}.part")
            try:
                partial.write_text(json.dumps(self._figures, indent=1), "utf-8")
                partial.replace(self._file)
            except OSError:  # a full disk must not stop a turn
                return

    def _stored(self) -> dict[str, Figures]:
        try:
            stored = json.loads(self._file.read_text("utf-8"))
            return {key: {name: float(value) for name, value in kept.items()} for key, kept in stored.items()}
        except (OSError, ValueError, AttributeError, TypeError):  # none yet, or damaged: they are measured again
            return {}
