"""The suite's one plugin: the lane of every test, and the fixtures that files share.

``--lane NAME`` runs one lane: ``browser`` drives Chromium, ``engines`` runs models or takes more than ten seconds, and
``values`` is all else: it imports no ML library and takes less than a minute on two cores. ``tests.lanes`` runs them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core import settings
from core.errors import ParlorError
from core.manage import starter
from tests.support.web.served import QUICK, Served, Serving, link_models, serving_from

if TYPE_CHECKING:  # a lane without a browser does not load one
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

    from tests.sound.microphone import Microphone
    from tests.support.web.browser import Watch

TESTS = Path(__file__).parent
LANES = ("values", "engines", "browser")
FOLDERS = {"browser": "browser", "models": "engines"}  # every test in them
MARKS = ("engines", "models", "slow")  # of a file or a test elsewhere, which then belongs to the engines
MARKED_FILE = re.compile(rf"^pytestmark = (?:\[[^\]]*|.*)\bmark\.(?:{'|'.join(MARKS)})\b", re.MULTILINE)
ML = ("torch", "transformers", "diffusers", "llama_cpp", "ctranslate2", "onnxruntime", "TTS")


# ── lanes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def lane_of_file(path: Path) -> str:
    """The lane of all that is in a folder or file, if it says one: by where it stands or by its ``pytestmark``."""
    for top, lane in FOLDERS.items():
        if path.is_relative_to(TESTS / top):
            return lane
    if path.suffix == ".py" and path.name.startswith("test_") and MARKED_FILE.search(path.read_text("utf-8")):
        return "engines"
    return ""


def lane_of(item: pytest.Item) -> str:
    marked = any(item.get_closest_marker(name) for name in MARKS)
    return lane_of_file(item.path) or ("engines" if marked else "values")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lane", choices=LANES, help="run the tests of one lane only")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what is all of another lane; the browser's has a folder of its own."""
    if not (wanted := config.getoption("lane")):
        return None
    mixed = wanted != "browser" or collection_path.is_dir()
    return None if lane_of_file(collection_path) in ((wanted, "") if mixed else (wanted,)) else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if wanted := config.getoption("lane"):
        config.hook.pytest_deselected(items=[item for item in items if lane_of(item) != wanted])
        items[:] = [item for item in items if lane_of(item) == wanted]


def pytest_collection_finish(session: pytest.Session) -> None:
    loaded = [name for name in ML if name in sys.modules]
    if session.config.getoption("lane") == "values" and loaded:
        raise pytest.UsageError(f"the lane of values must load no ML library, and a file of it loads {loaded}")


# ── the starter models ───────────────────────────────────────────────────────────────────────────────────────────────


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
    folder = link_models(models_home, tmp_path / "home")
    monkeypatch.setenv("PARLOR_HOME", str(folder))
    return folder


# ── the app on a port of its own ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Iterator[Serving]:
    """Starts apps with the starter models and these variables, which end with the file's tests."""
    with serving_from(models_home, tmp_path_factory.mktemp) as serve:
        yield serve


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Iterator[Served]:
    """A running app with a small chat model, shared by all files that do not define one of their own."""
    with serving_from(models_home, tmp_path_factory.mktemp) as serve:
        yield serve(**QUICK)


@pytest.fixture
def fresh_app(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Iterator[Served]:
    """An app that nobody has visited yet."""
    with serving_from(models_home, tmp_path_factory.mktemp) as serve:
        yield serve(**QUICK)


# ── the browser ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def playing() -> Iterator[Playwright]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Microphone:
    """What the browser's microphones hear: a quiet room, until a test says something."""
    from tests.sound.microphone import Microphone

    return Microphone(tmp_path_factory.mktemp("microphone") / "heard.wav")


@pytest.fixture(autouse=True)
def quiet_room(request: pytest.FixtureRequest) -> None:
    """No test hears what the one before it said."""
    if "microphone" in request.fixturenames:
        request.getfixturevalue("microphone").hears()


@pytest.fixture(scope="module")
def chromium(playing: Playwright, microphone: Microphone) -> Iterator[Browser]:
    from tests.support.web.browser import browsing

    with browsing(playing, microphone.file) as browser:
        yield browser


@pytest.fixture
def watch() -> Watch:
    from tests.support.web.browser import Watch

    return Watch()


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A person's browser, whose cache saves every later test the 2 s that the page's scripts take to be compiled."""
    from tests.support.web.browser import browser_context

    with browser_context(chromium) as tabs:
        yield tabs


@pytest.fixture
def page(context: BrowserContext, watch: Watch, microphone: Microphone) -> Iterator[Page]:
    """A tab. What went wrong in it fails the test; nothing of it is left: no call, no other tab, nothing stored."""
    from tests.support.web.browser import tab

    microphone.hears()
    with tab(context, watch) as page:
        yield page
