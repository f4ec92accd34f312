"""One server for each data folder: where it listens, whether it answers, and showing it to the person."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse
import webbrowser
from collections.abc import Callable
from pathlib import Path

import filelock

from core.errors import BadInput, ParlorError
from core.l10n.text import l10n

PORT = 8510  # of the first server; browsers remember the microphone's permission by port, so it should not wander
HEALTH = "/_stcore/health"


def claim(home: Path) -> filelock.BaseFileLock | None:
    """Become this data folder's server for as long as the lock is held; None when another process is.

    The system lets go of the lock however its holder ends. Raises ParlorError when the folder cannot be written.
    """
    lock = filelock.FileLock(home / "server.lock")
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return None
    except OSError as error:
        raise ParlorError(
            l10n(
                "The data folder {home} cannot be written: {error}. Set PARLOR_HOME to a folder that can.",
                home=home,
                error=error.strerror,
            )
        ) from error
    (home / "server.json").unlink(missing_ok=True)
    return lock


def address(host: str, port: int, secure: bool = False) -> str:
    """The URL under which this very machine reaches a server that listens on ``host``."""
    name = {"0.0.0.0": "localhost", "127.0.0.1": "localhost", "::": "localhost"}.get(host, host)
    scheme = "https" if secure else "http"
    return f"{scheme}://[{name}]:{port}" if ":" in name else f"{scheme}://{name}:{port}"


def announce(home: Path, url: str) -> None:
    """Leave a note of where the claimed folder's server answers."""
    partial = home / "server.json.part"
    partial.write_text(json.dumps({"pid": os.getpid(), "url": url}), "utf-8")
    partial.replace(home / "server.json")


def find_running(home: Path, seconds: float = 60) -> str:
    """The URL of the server that holds ``home``, waiting while it starts. Raises ParlorError when it never answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            url = str(json.loads((home / "server.json").read_text("utf-8"))["url"])
        except (OSError, ValueError, KeyError, TypeError):
            url = ""
        if url and answers(url):
            return url
        if time.monotonic() > deadline:
            raise ParlorError(
                l10n(
                    "Another Parlor holds the data folder {home} but does not answer. End it and start again.",
                    home=home,
                )
            )
        time.sleep(0.1)


def wait_until_answering(url: str, alive: Callable[[], bool], seconds: float = 120) -> bool:
    """Whether the server came to answer, before it ended or time ran out."""
    deadline = time.monotonic() + seconds
    while alive() and time.monotonic() < deadline:
        if answers(url):
            return True
        time.sleep(0.05)
    return False


def answers(url: str) -> bool:
    """Whether the server at ``url`` says that it is well; asked directly, whatever proxy is configured.

    No certificate is checked: it is this machine's own server that is asked, and nothing is told to it.
    """
    parts = urllib.parse.urlsplit(url)
    name, port = parts.hostname or "localhost", parts.port
    if parts.scheme == "https":
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(name, port, timeout=2, context=anyone)
    else:
        connection = http.client.HTTPConnection(name, port, timeout=2)
    try:
        connection.request("GET", HEALTH)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def choose_port(host: str, wanted: int | None) -> int:
    """``wanted`` if it is free, else BadInput; without a wish, the first free port from ``PORT`` on."""
    if wanted is not None:
        if is_free(host, wanted):
            return wanted
        raise BadInput(
            l10n(
                "Port {wanted} on {host} cannot be used: it is taken or not allowed. Choose another, or leave out "
                "--port.",
                wanted=wanted,
                host=host,
            )
        )
    for port in range(PORT, PORT + 100):
        if is_free(host, port):
            return port
    raise BadInput(
        l10n(
            "Nothing can listen on {host}. Is it an address of this machine? Leave out --host for this machine only.",
            host=host,
        )
    )


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name != "nt":  # there it would share a port that is in use; elsewhere it forgives one just left
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return True
    except (OSError, OverflowError):
        return False


def show(url: str, window: bool) -> bool:
    """Open ``url`` in a window of its own, or in the default browser; False when there is no screen or browser."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    browser = find_chromium(sys.platform) if window else ""
    if browser:
        quiet = subprocess.DEVNULL
        subprocess.Popen([browser, f"--app={url}"], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
        return True
    return webbrowser.open(url)


def find_chromium(platform: str) -> str:
    """An installed Chrome, Edge or Chromium; empty when there is none."""
    if platform == "darwin":
        folders = [Path("/Applications"), Path.home() / "Applications"]
        names = ["Google Chrome", "Microsoft Edge", "Chromium"]
        places = [folder / f"{name}.app" / "Contents" / "MacOS" / name for name in names for folder in folders]
    elif platform == "win32":
        roots = [os.environ.get(key, "") for key in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
        names = ["Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe",
                 "Chromium/Application/chrome.exe"]  # fmt: skip
        places = [Path(root, name) for name in names for root in roots if root]
    else:
        commands = ["google-chrome", "google-chrome-stable", "microsoft-edge", "chromium", "chromium-browser"]
        return next((found for name in commands if (found := shutil.which(name))), "")
    return next((str(place) for place in places if place.is_file()), "")
