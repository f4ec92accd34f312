"""What the tests share: the real starter models, fetched once, and data folders that use them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import settings
from core.errors import ParlorError
from core.manage import starter


@pytest.fixture(scope="session")
def models_home() -> Path:
    """The folder of installed models (``<id>/<file>``), with the starter set in it."""
    chosen = settings.load()
    try:
        starter.fetch(chosen)
    except ParlorError as error:
        pytest.fail(f"The starter models are needed and could not be fetched: {error}", pytrace=False)
    return chosen.models


@pytest.fixture
def home(tmp_path: Path, models_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own with the starter models in it; ``core.settings.load()`` finds it."""
    for name in [name for name in os.environ if name.startswith("PARLOR_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    (folder / "models").mkdir(parents=True)
    for model in models_home.iterdir():
        if model.is_dir() and not model.name.startswith("."):
            (folder / "models" / model.name).symlink_to(model, target_is_directory=True)
    monkeypatch.setenv("PARLOR_HOME", str(folder))
    return folder
