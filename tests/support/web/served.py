"""The app in a process of its own, on a port and a data folder of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.store.store import Store

ROOT = Path(__file__).resolve().parents[3]
# a small model, always the same answers, and long ones in seconds
QUICK = {"PARLOR_CHAT": "smollm2-135m-instruct", "PARLOR_TEMPERATURE": "0", "PARLOR_MAX_TOKENS": "500"}
Serving = Callable[..., "Served"]
_left: list[int] = []  # ports of apps that have ended


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Served:
    """The app on a port of its own, with a data folder of its own."""

    def __init__(self, home: Path, host: str = "127.0.0.1", **environment: str) -> None:
        self.home = home
        self.host = host
        self.environment = environment
        self.port = _left.pop() if _left else free_port()
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

    def end(self) -> None:
        """Stop for good: the next app has its port, so that a browser knows its scripts already."""
        self.stop()
        _left.append(self.port)

    def store(self) -> Store:
        """The server's own conversations, from another process."""
        return Store(self.home / "parlor.db", self.home / "media")


def link_models(models: Path, home: Path) -> Path:
    (home / "models").mkdir(parents=True)
    for model in models.iterdir():
        if model.is_dir() and not model.name.startswith("."):
            (home / "models" / model.name).symlink_to(model, target_is_directory=True)
    return home


@contextlib.contextmanager
def serving_from(models: Path, folder: Callable[[str], Path]) -> Iterator[Serving]:
    """Starts apps whose data folders hold the starter models (and, for ``painter``, a tiny one) and ends them."""
    started: list[Served] = []

    def serve(painter: bool = False, **environment: str) -> Served:
        home = link_models(models, folder("parlor") / "home")
        if painter:
            from tests.support.own_models import with_tiny_painter

            with_tiny_painter(home)
        started.append(Served(home, **environment))
        return started[-1]

    try:
        yield serve
    finally:
        for served in started:
            served.end()
