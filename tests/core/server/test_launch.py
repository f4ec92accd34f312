"""Where the app listens: a port of its own, one server for each data folder, and a browser to show it in."""

from __future__ import annotations

import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import BadInput, ParlorError
from core.server import launch

ROOT = Path(__file__).parents[3]


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_refused_when_asked_for_and_passed_over_otherwise(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match=f"Port {taken}"):
        launch.choose_port("127.0.0.1", taken)
    monkeypatch.setattr(launch, "PORT", taken)
    assert launch.choose_port("127.0.0.1", None) > taken


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(BadInput, match="address of this machine"):
        launch.choose_port("192.0.2.1", None)
    with pytest.raises(BadInput):
        launch.choose_port("127.0.0.1", 70000)


def test_the_address_is_one_that_this_machine_can_open() -> None:
    assert launch.address("0.0.0.0", 80) == launch.address("127.0.0.1", 80) == "http://localhost:80"
    assert launch.address("192.168.1.5", 80) == "http://192.168.1.5:80"
    assert launch.address("fe80::1", 80) == "http://[fe80::1]:80"


def test_a_browser_for_a_window_of_its_own_is_found_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launch.find_chromium("linux") == ""
    for name in ("chromium", "google-chrome"):
        (tmp_path / name).touch(mode=0o755)
    assert launch.find_chromium("linux") == str(tmp_path / "google-chrome")


def test_a_data_folder_has_one_server_and_others_find_it(tmp_path: Path) -> None:
    class Well(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == launch.HEALTH else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    lock = launch.claim(tmp_path)
    assert lock is not None
    code = "import sys, pathlib; from core.server import launch; print(launch.claim(pathlib.Path(sys.argv[1])))"
    second = subprocess.run(
        [sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert second.stdout == "None\n"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Well) as server:
        threading.Thread(target=server.serve_forever).start()
        url = launch.address("127.0.0.1", server.server_port)
        launch.announce(tmp_path, url)
        assert launch.find_running(tmp_path) == url
        server.shutdown()
    with pytest.raises(ParlorError, match="does not answer"):
        launch.find_running(tmp_path, seconds=0)
    lock.release()
    assert launch.claim(tmp_path) is not None


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ParlorError, match="PARLOR_HOME"):
        launch.claim(tmp_path / "file" / "home")
