"""Small models of the LLaVA family, trained once for all tests of this engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import pytest

from models.llava import engine as llava
from models.llava.engine import Llava
from tests.models.llava.helpers import spec
from tests.tiny.tiny_llava import (
    write_tiny_llava,
    write_tiny_lora,
)


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows colours, and an adapter that makes it say them in Chinese."""
    folder = write_tiny_llava(tmp_path_factory.mktemp("llava"))
    write_tiny_lora(folder / "adapters" / "chinese", folder)
    return folder


@pytest.fixture(scope="package")
def opened(taught: Path) -> Iterator[Llava]:
    engine = llava.load(spec(), taught)
    yield engine
    engine.close()


@pytest.fixture
def engine(taught: Path) -> Iterator[Llava]:
    """One of the test's own, which nothing has been asked yet."""
    engine = llava.load(spec(), taught)
    yield engine
    engine.close()
