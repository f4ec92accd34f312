"""TLS certificate: ``own`` makes Parlor's, so that browsers on other machines let it hear their microphones.

They give the microphone to pages with https only. Nobody vouches for this certificate: the browser warns once, and the
fingerprint that start.py prints is what to compare.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import ssl
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import BadInput
from core.l10n.text import l10n

if TYPE_CHECKING:
    from cryptography import x509

LASTS = datetime.timedelta(days=825)  # what Apple's browsers accept at most
RENEWED = datetime.timedelta(days=30)  # before its end


def own(folder: Path, names: Collection[str]) -> tuple[Path, Path]:
    """The certificate and key in ``folder``, good for ``names`` (host names and addresses); made anew where needed."""
    certificate, key = folder / "certificate.pem", folder / "certificate.key"
    if not (key.exists() and _good(certificate, names)):
        _make(certificate, key, names)
    return certificate, key


def checked(certificate: Path, key: Path) -> tuple[Path, Path]:
    """Both as they are. Raises BadInput when a server could not use them."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(
            l10n(
                "{certificate} and {key} cannot be used for https: {reason}. They must be PEM files that belong "
                "together, the key without a password.",
                certificate=certificate,
                key=key,
                reason=reason,
            )
        ) from error
    return certificate, key


def fingerprint(certificate: Path) -> str:
    """SHA-256 of the first certificate in a PEM file, as browsers show it."""
    text = certificate.read_text("ascii")
    end = "-----END CERTIFICATE-----"
    der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE-----") : text.index(end) + len(end)])
    return hashlib.sha256(der).digest().hex(":").upper()


def _good(certificate: Path, names: Collection[str]) -> bool:
    """Whether it can be read, names all of ``names`` and lasts a while yet."""
    from cryptography import x509

    try:
        made = x509.load_pem_x509_certificate(certificate.read_bytes())
        held = set(made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    return set(_general(names)) <= held and made.not_valid_after_utc > _now() + RENEWED


def _make(certificate: Path, key: Path, names: Collection[str]) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    secret = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Parlor on this machine")])
    since = _now() - datetime.timedelta(hours=1)  # clocks of other machines differ
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + LASTS)
        .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .sign(secret, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    _write(key, secret.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    _write(certificate, made.public_bytes(pem))


def _general(names: Collection[str]) -> list[x509.GeneralName]:
    """Names and addresses as a certificate holds them; what is neither (a network card's own number) is left out."""
    from cryptography import x509

    found: list[x509.GeneralName] = []
    for name in sorted(names):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name.partition("%")[0])))
        except ValueError:
            if name.isascii() and ":" not in name:
                found.append(x509.DNSName(name))
    return found


def _write(path: Path, data: bytes) -> None:
    """Readable by its owner only from the first moment on."""
    partial = path.with_name(path.name + ".part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    partial.replace(path)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
