"""The app whose calls these tests hold: one for all of them, so that its models are loaded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.app.app import App
from core.settings import load
from core.types.messages import Audio
from tests.sound.talk import spoken
from tests.support.held_call import CALM
from tests.support.served import link_models


@pytest.fixture(scope="package")
def calling(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Iterator[App]:
    home = link_models(models_home, tmp_path_factory.mktemp("call") / "home")
    app = App(load({"PARLOR_HOME": str(home)} | CALM))
    yield app
    app.close()


@pytest.fixture
def app(calling: App) -> Iterator[App]:
    """No call and no changed setting is left to the next test."""
    settings = calling.settings
    yield calling
    calling.settings = settings
    if call := calling.calls.current():
        call.hang_up()
        assert call.wait(20.0)


@pytest.fixture(scope="session")
def say(models_home: Path) -> Callable[[str], Audio]:
    return lambda text: spoken(models_home, text)[0]
