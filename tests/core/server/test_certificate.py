"""HTTPS for other machines: a certificate of Parlor's own, or the person's, and a server that answers with it."""

from __future__ import annotations

import datetime
import os
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

import start
from core.errors import BadInput
from core.server import certificate
from ui.serve import names

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
