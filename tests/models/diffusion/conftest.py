"""Tiny pipelines of each kind, written once for all tests of this engine."""

from __future__ import annotations

from pathlib import Path

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import pytest

from models.diffusion import engine as diffusion
from tests.models.diffusion.helpers import KINDS, spec
from tests.tiny.tiny_diffusion import Kind, write_tiny_diffusion


@pytest.fixture(scope="package")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    top = tmp_path_factory.mktemp("painters")
    return {kind: write_tiny_diffusion(top / kind, kind=kind) for kind in KINDS}


@pytest.fixture(scope="package")
def painters(folders: dict[Kind, Path]) -> dict[Kind, diffusion.Diffusion]:
    return {kind: diffusion.load(spec(), folder) for kind, folder in folders.items()}


@pytest.fixture
def painter(painters: dict[Kind, diffusion.Diffusion]) -> diffusion.Diffusion:
    return painters["sd"]
