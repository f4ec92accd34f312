"""A store of the test's own, and another one elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "parlor.db", tmp_path / "media")
    yield store
    store.close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "other" / "parlor.db", tmp_path / "other" / "media")
    yield store
    store.close()
