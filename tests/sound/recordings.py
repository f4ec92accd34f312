"""Real and synthetic speech with what is said in it: ``tests/data/speech.toml`` and the Ogg file beside each entry."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from core.media.audio import open_audio
from core.types.messages import Audio

FOLDER = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Recording:
    name: str
    language: str
    text: str

    @property
    def data(self) -> bytes:
        return (FOLDER / f"{self.name}.ogg").read_bytes()

    @property
    def audio(self) -> Audio:
        return open_audio(self.data, self.name)


def recordings(language: str) -> list[Recording]:
    """All clean recordings in ``language`` (en or zh)."""
    entries = tomllib.loads((FOLDER / "speech.toml").read_text("utf-8"))
    return [Recording(name, **entry) for name, entry in entries.items() if entry["language"] == language]


def recording(name: str) -> Recording:
    return next(one for language in ("en", "zh") for one in recordings(language) if one.name == name)
