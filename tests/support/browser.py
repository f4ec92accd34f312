"""A real server and a real browser: fixtures for tests that see what a person sees.

Every error in the browser's console and every request that leaves this machine fails the test it happens in.
"""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from core.catalogue.load import load as load_catalogue
from core.media.audio import wav
from core.runtime.pool import Pool
from core.settings import Settings
from core.store.store import Store
from core.types.messages import Audio, Message, Text

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
# a small model, always the same answers, and long ones in seconds
QUICK = {"PARLOR_CHAT": "smollm2-135m-instruct", "PARLOR_TEMPERATURE": "0", "PARLOR_MAX_TOKENS": "500"}
LONG = "Write a very long story about a lighthouse keeper, with many chapters."
SPOKEN = "Please tell me a short story about a lighthouse."
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
# Streamlit's page asks below its own address first whether the server is there, and is told that it is not
EXPECTED = ("/_stcore/health", "/_stcore/host-config")
PATIENCE = 60_000  # milliseconds for anything a model does on a busy machine


class Served:
    """The app on a port of its own, with a data folder of its own."""

    def __init__(self, home: Path, host: str = "127.0.0.1", **environment: str) -> None:
        self.home = home
        self.host = host
        self.environment = environment
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home / "server.log"
        self.start()

    def start(self) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PARLOR_")}
        environment = kept | {"PARLOR_HOME": str(self.home), "PARLOR_OFFLINE": "1"} | self.environment
        command = [sys.executable, "-m", "ui.serve", "--port", str(self.port), "--host", self.host]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        until = time.monotonic() + 60
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"the server did not start:\n{self.log.read_text('utf-8')[-3000:]}")
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> None:
        """As a power cut would: no chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def store(self) -> Store:
        """The server's own conversations, from another process."""
        return Store(self.home / "parlor.db", self.home / "media")


@dataclass(slots=True)
class Watch:
    """What went wrong in the browser's eyes. ``outage`` is set by tests that take the server or the network away."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    outage: bool = False
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")

    def over(self, page: Page) -> None:
        page.on("console", lambda said: self._said(said.type, said.text, said.location.get("url", "")))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))
        page.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))

    def _said(self, kind: str, text: str, where: str) -> None:
        if kind == "error" and not urlsplit(where).path.endswith(EXPECTED):
            self.errors.append(f"{text} ({where})")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob", "about"} and parts.hostname not in self.hosts:
            self.outside.append(url)


def link_models(models: Path, home: Path) -> Path:
    (home / "models").mkdir(parents=True)
    for model in models.iterdir():
        if model.is_dir() and not model.name.startswith("."):
            (home / "models" / model.name).symlink_to(model, target_is_directory=True)
    return home


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Iterator[Served]:
    """A running server with the starter models and nothing said yet, shared by the tests of a file."""
    served = Served(
        link_models(models_home, tmp_path_factory.mktemp("parlor") / "home"),
        **QUICK,
    )
    yield served
    served.stop()


@pytest.fixture
def fresh_app(tmp_path: Path, models_home: Path) -> Iterator[Served]:
    """A server that nobody has visited yet."""
    served = Served(link_models(models_home, tmp_path / "home"), **QUICK)
    yield served
    served.stop()


@pytest.fixture(scope="session")
def spoken_wav(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Path:
    """A recording of SPOKEN, as a microphone gives it."""
    path = tmp_path_factory.mktemp("microphone") / "spoken.wav"
    path.write_bytes(recorded(models_home))
    return path


@functools.cache
def recorded(models: Path) -> bytes:
    """SPOKEN said by the starter voice, as a WAV file. Made once for all files of tests."""
    with tempfile.TemporaryDirectory() as folder:
        pool = Pool(Settings(home=link_models(models, Path(folder))))
        opening = pool.use(load_catalogue().by_task("speak")[0])
        while True:
            try:
                next(opening)
            except StopIteration as opened:
                lease = opened.value
                break
        with lease as worker:
            said = list(worker.call("speak", SPOKEN, ("af_heart", "zf_xiaobei"), "", 1.0))
        pool.close()
    sounds = [sound for sound in said if isinstance(sound, Audio)]
    return wav(Audio(b"".join(sound.pcm for sound in sounds), sounds[0].rate))


@pytest.fixture(scope="module")
def playing() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def chromium(playing: Playwright, spoken_wav: Path) -> Iterator[Browser]:
    """Debian's Chromium; its microphone hears ``spoken_wav`` once a recording."""
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={spoken_wav}"]
    browser = playing.chromium.launch(
        executable_path=CHROMIUM, args=flags, ignore_default_args=["--mute-audio", "--headless"]
    )
    yield browser
    browser.close()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(locale="en-GB", permissions=["microphone", "clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Iterator[Page]:
    """A tab. Console errors and requests to other machines fail the test, unless it takes the server away itself."""
    page = context.new_page()
    watch.over(page)
    yield page
    page.close()
    assert not watch.outside
    assert watch.outage or not watch.errors


def visit(page: Page, url: str) -> None:
    page.goto(url)
    settle(page)


def settle(page: Page) -> None:
    """Wait until the page has been drawn."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.get_by_test_id("stSidebar").wait_for(state="attached")


def conversation(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query)["c"][0]


def said(store: Store, *texts: str) -> str:
    """A conversation that is already there; returns its id."""
    id, parent = store.create(texts[0][:40]), None
    for number, text in enumerate(texts):
        parent = store.add(id, Message("assistant" if number % 2 else "user", (Text(text),)), parent)
    return id


def send(page: Page, text: str) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(text)
    page.locator('[data-testid="stChatInputSubmitButton"]:enabled').click()


def writing(page: Page) -> None:
    """Wait until the first words of an answer are on the page."""
    page.locator('[class*="st-key-writing"] [data-testid="stMarkdownContainer"]').first.wait_for()


def answered(page: Page) -> None:
    """Wait until nothing is being answered and the answer has its row of buttons."""
    page.locator('[class*="st-key-parlor-"]').last.wait_for()
    expect(page.locator(".st-key-stop")).to_have_count(0)
    settle(page)


def questions(page: Page) -> list[str]:
    return page.locator('[class*="st-key-bubble-"]').all_inner_texts()


def answers(page: Page) -> list[str]:
    return [text.strip() for text in page.locator('[class*="st-key-parlor-"]').all_inner_texts()]


def press(page: Page, name: str, which: int = -1) -> None:
    """Press one of the small buttons under a message, by what it says to a screen reader."""
    buttons = page.get_by_role("button", name=name, exact=True)
    (buttons.last if which == -1 else buttons.nth(which)).click()
