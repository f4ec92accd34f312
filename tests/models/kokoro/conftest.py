"""The real voice, loaded once for all tests of this engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.catalogue.load import load
from core.runtime.protocols import TTS
from models.kokoro import engine as kokoro


@pytest.fixture(scope="package")
def speaker(models_home: Path) -> Iterator[TTS]:
    engine = kokoro.load(load().find("kokoro"), models_home / "kokoro")
    yield engine
    engine.close()
