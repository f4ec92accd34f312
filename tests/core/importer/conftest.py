"""A folder of each kind of model, and a data folder to take them into."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.settings import Settings
from tests.tiny.tiny_gguf import write_tiny_gguf


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of each kind, never changed."""
    from tests.tiny.tiny_clip import write_tiny_chinese_clip, write_tiny_clip
    from tests.tiny.tiny_diffusion import write_tiny_diffusion
    from tests.tiny.tiny_llava import write_tiny_llava
    from tests.tiny.tiny_mmproj import write_tiny_vision_gguf
    from tests.tiny.tiny_vits import write_tiny_vits
    from tests.tiny.tiny_whisper import write_tiny_whisper

    folder = tmp_path_factory.mktemp("originals")
    write_tiny_diffusion(folder / "Tiny SD")
    write_tiny_llava(folder / "tiny-llava", trained=False)
    (folder / "eyes").mkdir()
    write_tiny_vision_gguf(folder / "eyes", folder / "tiny-llava")
    write_tiny_clip(folder / "clip", trained=False)
    write_tiny_chinese_clip(folder / "chinese-clip", trained=False)
    write_tiny_vits(folder / "voices", speakers=("Ada", "李明"))
    (folder / "ears").mkdir()
    write_tiny_whisper(folder / "ears")
    (folder / "talk").mkdir()
    write_tiny_gguf(folder / "talk" / "Tiny-Talk-F32.gguf")
    return folder


@pytest.fixture
def copied(originals: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(originals, tmp_path / "mine"))
