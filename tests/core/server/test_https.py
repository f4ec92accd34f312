"""HTTPS for other machines: a certificate of Parlor's own, or the person's, and a server that answers with it."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from playwright.sync_api import Playwright, expect

import start
from core.errors import BadInput
from core.server import certificate, launch
from tests.support.browser import CHROMIUM, FLAGS, PATIENCE, QUICK, ROOT, Watch, link_models, playing, settle, watch
from ui.serve import names

__all__ = ["playing", "watch"]

LAN = "192.168.7.9"
NAMES = ["127.0.0.1", "localhost", "parlor-test.local", LAN, "fe80::1%eth0", "02:fc:00:00:00:01"]


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_certificate_names_the_machine_and_its_addresses_and_lasts_as_long_as_browsers_accept(
    tmp_path: Path,
) -> None:
    made, key = certificate.own(tmp_path, NAMES)
    held = read(made).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(held.get_values_for_type(x509.DNSName)) == {"localhost", "parlor-test.local"}
    assert {str(address) for address in held.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", LAN, "fe80::1"}
    now = datetime.datetime.now(datetime.UTC)
    assert read(made).not_valid_before_utc <= now
    assert read(made).not_valid_after_utc - read(made).not_valid_before_utc <= datetime.timedelta(days=825)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(made, key)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a folder of the person's own closed by itself")
def test_only_its_owner_can_read_the_key(tmp_path: Path) -> None:
    _, key = certificate.own(tmp_path, NAMES)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_same_certificate_serves_again_so_that_browsers_warn_once(tmp_path: Path) -> None:
    first = certificate.fingerprint(certificate.own(tmp_path, NAMES)[0])
    assert certificate.fingerprint(certificate.own(tmp_path, NAMES)[0]) == first
    assert certificate.fingerprint(certificate.own(tmp_path, ["127.0.0.1", "localhost"])[0]) == first


def test_a_new_address_a_lost_key_or_a_broken_file_makes_a_new_one(tmp_path: Path) -> None:
    made, key = certificate.own(tmp_path, NAMES)
    prints = {certificate.fingerprint(made)}
    prints.add(certificate.fingerprint(certificate.own(tmp_path, [*NAMES, "192.168.7.10"])[0]))
    key.unlink()
    prints.add(certificate.fingerprint(certificate.own(tmp_path, NAMES)[0]))
    made.write_text("broken")
    prints.add(certificate.fingerprint(certificate.own(tmp_path, NAMES)[0]))
    assert len(prints) == 4


def test_one_that_is_about_to_end_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = certificate.fingerprint(certificate.own(tmp_path, NAMES)[0])
    later = datetime.datetime.now(datetime.UTC) + certificate.LASTS - datetime.timedelta(days=29)
    monkeypatch.setattr(certificate, "_now", lambda: later)
    assert certificate.fingerprint(certificate.own(tmp_path, NAMES)[0]) != before


def test_the_fingerprint_is_the_one_browsers_show(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import hashes

    made, _ = certificate.own(tmp_path, NAMES)
    assert certificate.fingerprint(made).replace(":", "").lower() == read(made).fingerprint(hashes.SHA256()).hex()


def test_the_names_of_this_machine_make_a_certificate(tmp_path: Path) -> None:
    made, key = certificate.own(tmp_path, names("0.0.0.0"))
    assert certificate.checked(made, key) == (made, key)


@pytest.mark.parametrize("spoilt", ["missing", "text", "another key"])
def test_a_certificate_that_cannot_be_used_is_told_before_anything_is_served(tmp_path: Path, spoilt: str) -> None:
    made, key = certificate.own(tmp_path, NAMES)
    if spoilt == "missing":
        key.unlink()
    elif spoilt == "text":
        made.write_text("no certificate")
    else:
        (tmp_path / "other").mkdir()
        _, key = certificate.own(tmp_path / "other", NAMES)
    with pytest.raises(BadInput, match="cannot be used for https"):
        certificate.checked(made, key)


def test_a_certificate_and_its_key_may_lie_in_one_file(tmp_path: Path) -> None:
    made, key = certificate.own(tmp_path, NAMES)
    both = tmp_path / "both.pem"
    both.write_bytes(made.read_bytes() + key.read_bytes())
    options = start.parse(["--cert", str(both)])
    assert start.choose_certificate(options, tmp_path, NAMES) == (both, both)


def test_without_a_word_of_it_there_is_no_https_and_a_key_alone_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start.choose_certificate(start.parse([]), tmp_path, NAMES) is None
    with pytest.raises(SystemExit):
        start.parse(["--key", "x.pem"])
    assert "--cert" in capsys.readouterr().err


def test_whoever_lets_others_in_without_https_is_told_that_they_have_no_microphone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start.warn("0.0.0.0", secure=False)
    assert "--https" in capsys.readouterr().err
    start.warn("0.0.0.0", secure=True)
    assert "--https" not in capsys.readouterr().err
    start.warn("127.0.0.1", secure=False)
    assert not capsys.readouterr().err


@pytest.fixture
def served(tmp_path: Path, models_home: Path) -> Iterator[tuple[str, str]]:
    """The app started by ``start.py --https --host 0.0.0.0``: its address for this machine, and what it printed."""
    home = link_models(models_home, tmp_path / "home")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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


@pytest.mark.models
@pytest.mark.browser
@pytest.mark.slow
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
