"""A tiny random llama, which shows the machinery, and a tiny LLaVA that has learnt its colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.llama import engine as llama
from models.llama.engine import Llama
from tests.models.llama.helpers import spec
from tests.models.llama.vision_helpers import vision_spec
from tests.tiny.tiny_gguf import write_tiny_gguf
from tests.tiny.tiny_llava import write_tiny_llava
from tests.tiny.tiny_mmproj import write_tiny_vision_gguf


@pytest.fixture(scope="package")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_gguf(folder / "model.gguf")
    return folder


@pytest.fixture
def engine(tiny: Path) -> Iterator[Llama]:
    engine = llama.load(spec(context_tokens=1024, threads=1), tiny)
    yield engine
    engine.close()


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vision")
    write_tiny_vision_gguf(folder, write_tiny_llava(tmp_path_factory.mktemp("llava")))
    return folder


@pytest.fixture
def seeing(files: Path) -> Iterator[Llama]:
    seeing = llama.load(vision_spec(context_tokens=1024, threads=1), files)
    yield seeing
    seeing.close()
