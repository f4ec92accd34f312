"""The app over HTTPS from another address of this machine: the browser gives it the microphone and its socket."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from core.server import launch
from tests.support.web.browser import CHROMIUM, FLAGS, PATIENCE, Watch, settle
from tests.support.web.served import QUICK, ROOT, free_port, link_models
from ui.serve import names

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.slow]


@pytest.fixture
def served(tmp_path: Path, models_home: Path) -> Iterator[tuple[str, str]]:
    """The app started by ``start.py --https --host 0.0.0.0``: its address for this machine, and what it printed."""
    home = link_models(models_home, tmp_path / "home")
    port = free_port()
    given = {key: value for key, value in os.environ.items() if not key.startswith("PARLOR_")}
    given |= {"PARLOR_PREPARED": str(ROOT), "PARLOR_HOME": str(home), "LANG": "en_GB.UTF-8"} | QUICK
    command = [sys.executable, ROOT / "start.py", "--no-browser", "--https", "--host", "0.0.0.0", "--port", str(port)]
    with (tmp_path / "said").open("w") as said:
        server = subprocess.Popen(command, env=given, stderr=said, stdout=said)
    while not (home / "server.json").exists():
        assert server.poll() is None, (tmp_path / "said").read_text("utf-8")
        time.sleep(0.05)
    yield launch.find_running(home), (tmp_path / "said").read_text("utf-8")
    server.terminate()
    server.wait(60)


def test_the_app_over_https_has_a_microphone_and_its_socket(
    served: tuple[str, str], playing: Playwright, watch: Watch
) -> None:
    url, said = served
    assert url.startswith("https://localhost:")
    host = next(name for name in names("0.0.0.0") if name.count(".") == 3 and not name.startswith("127."))
    browser = playing.chromium.launch(executable_path=CHROMIUM, args=FLAGS, ignore_default_args=["--headless"])
    context = browser.new_context(locale="en-GB", permissions=["microphone"], ignore_https_errors=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    watch.hosts = (host,)
    watch.over(page)
    with page.expect_response(lambda answer: answer.url.startswith("https://")) as answer:
        page.goto(url.replace("localhost", host))
    details = answer.value.security_details()
    assert details is not None
    settle(page)
    assert page.evaluate("isSecureContext")
    assert page.evaluate("navigator.mediaDevices.getUserMedia({ audio: true }).then((sound) => sound.active)")
    closed = page.evaluate(
        """() => new Promise((done) => {
             const socket = new WebSocket(`wss://${location.host}/live/none`);
             socket.onmessage = ({ data }) => done(data);
             socket.onclose = ({ code }) => done(`closed ${code}`);
           })"""
    )
    assert '"end": true' in closed, "the app's own socket knows its page"
    box = page.get_by_test_id("stChatInputTextArea")
    expect(box).to_be_visible()
    browser.close()
    assert "SHA-256" in said
    assert not watch.outside
    # Chromium gives up on a connection that it began before this certificate was let pass, on a machine at work.
    assert not [error for error in watch.errors if "ERR_TOO_MANY_RETRIES" not in error]
