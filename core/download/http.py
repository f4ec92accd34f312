"""HTTP download of one file: resumed where it stopped, hashed as it comes, renamed into place last.

A resumed part whose server ignores Range (RFC 9110, section 14) starts again; one whose hash turns out wrong is fetched
once more from its first byte, so no ETag has to be remembered.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3

from core.download.transfer_state import TransferState
from core.errors import DownloadFailed, Offline
from core.l10n.text import L10n, l10n

CHUNK = 1 << 18  # bytes
TIMEOUT = (6.0, 15.0)  # seconds: to connect, and between two pieces
TRIES = 4  # in a row without a single new byte
PATIENCE = 10.0  # seconds a server may ask to wait


@dataclass(frozen=True, slots=True)
class Remote:
    """Where bytes are: ``size`` in bytes is None when not announced, ``sha256`` empty when not known."""

    url: str
    size: int | None
    sha256: str
    headers: dict[str, str] = field(default_factory=dict)


class TryAgain(DownloadFailed):
    """A cut or a busy server: another attempt may do, after ``asked`` seconds if the server named a time."""

    def __init__(self, text: L10n, asked: float | None = None) -> None:
        super().__init__(text)
        self.asked = asked

    def wait(self, failures: int, flow: TransferState) -> None:
        """Pause before the next attempt, longer after every failure in a row. Raises itself when it is no use."""
        seconds = 2.0**failures / 4 if self.asked is None else self.asked
        if failures >= TRIES or seconds > PATIENCE:
            raise self
        flow.pause(seconds)


class Part:
    """``<target>.part``, open for writing at its end, and the sha256 of what it holds."""

    def __init__(self, target: Path, flow: TransferState, fresh: bool = False) -> None:
        self.target = target
        self.path = target.with_name(target.name + ".part")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w+b" if fresh else "a+b", buffering=0)
        self._file.seek(0)
        self._digest = hashlib.sha256()
        self.length = 0
        while piece := self._file.read(CHUNK):
            flow.check()
            self._digest.update(piece)
            self.length += len(piece)

    def write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self.length += len(piece)
        rest = memoryview(piece)
        while rest:  # an unbuffered write may take only some of it
            rest = rest[self._file.write(rest) :]

    def restart(self) -> None:
        self._file.truncate(0)
        self._digest = hashlib.sha256()
        self.length = 0

    def matches(self, sha256: str) -> bool:
        return sha256 in ("", self._digest.hexdigest())

    def accept(self, sha256: str) -> None:
        """Move the part to its target. Raises DownloadFailed, and leaves nothing, when it is not what it should be."""
        if not self.matches(sha256):
            self._file.close()
            self.path.unlink()
            came, wanted, name = self._digest.hexdigest()[:12], sha256[:12], self.target.name
            raise DownloadFailed(
                l10n(
                    "{name} arrived with the wrong content (sha256 {came}…, expected {wanted}…) and was deleted",
                    name=name,
                    came=came,
                    wanted=wanted,
                )
            )
        os.fsync(self._file.fileno())
        self._file.close()
        self.path.replace(self.target)

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def fill(target: Path, pieces: Iterable[bytes], sha256: str, flow: TransferState, key: str, label: str) -> None:
    """Write ``pieces`` to ``target`` from its first byte, check the hash, rename. No part stays: it could not go on."""
    part = Part(target, flow, fresh=True)
    try:
        with part:
            for piece in pieces:
                flow.check()
                part.write(piece)
                flow.advance(key, part.length, label)
            part.accept(sha256)
    finally:
        part.path.unlink(missing_ok=True)


def transfer(remote: Remote, target: Path, flow: TransferState, key: str, label: str) -> None:
    """Fetch ``remote`` to ``target``, going on from an earlier part.

    Raises Offline when its host cannot be reached, DownloadFailed for everything else that the server is to blame for,
    OSError when the disk is, and Stopped.
    """
    with Part(target, flow) as part:
        resumed = part.length > 0
        _receive(remote, part, flow, key, label)
        if resumed and not part.matches(remote.sha256):
            part.restart()
            _receive(remote, part, flow, key, label)
        part.accept(remote.sha256)


def _receive(remote: Remote, part: Part, flow: TransferState, key: str, label: str) -> None:
    """Pour until the part is whole, reconnecting after a cut while new bytes keep coming."""
    if remote.size is not None and part.length > remote.size:
        part.restart()
    failures, furthest = 0, part.length
    while part.length != remote.size:
        try:
            _pour(remote, part, flow, key, label)
            if remote.size is None:
                return
            problem = _broken_off(remote.url)
        except requests.RequestException as error:
            flow.check()
            problem = explained(error, remote.url, flow)
        except urllib3.exceptions.HTTPError:
            problem = _broken_off(remote.url)
        except TryAgain as error:
            problem = error
        flow.check()
        if part.length == remote.size:
            return
        failures = 0 if part.length > furthest else failures + 1
        furthest = max(furthest, part.length)
        problem.wait(failures, flow)


def _pour(remote: Remote, part: Part, flow: TransferState, key: str, label: str) -> None:
    """One request: append what it brings."""
    flow.check()
    host = urlsplit(remote.url).netloc
    if host in flow.unreachable:
        raise unreachable(host)
    headers = {**remote.headers, "Accept-Encoding": "identity"}
    if part.length:
        headers["Range"] = f"bytes={part.length}-"
    with (
        flow.session.get(remote.url, headers=headers, stream=True, timeout=TIMEOUT) as response,
        flow.interruptible(response),
    ):
        flow.reached |= {host, urlsplit(response.url).netloc}
        if response.status_code == 416:
            part.restart()
        check_status(response.status_code, response.headers, remote.url)
        if not response.headers.get("Content-Range", "").startswith(f"bytes {part.length}-"):
            part.restart()
        length = response.headers.get("Content-Length", "")
        if remote.size is not None and length.isdigit() and part.length + int(length) != remote.size:
            raise DownloadFailed(l10n("{host} has a file of another size", host=host))
        while piece := response.raw.read1(CHUNK, decode_content=False):  # what has come, so that a cut loses nothing
            flow.check()
            part.write(piece)
            flow.advance(key, part.length, label)
            if remote.size is not None and part.length > remote.size:
                part.restart()
                raise DownloadFailed(l10n("{host} sent more than the file's size", host=host))


def check_status(status: int, headers: Mapping[str, str], url: str) -> None:
    """What an answer's status means. Raises TryAgain when trying again may help, DownloadFailed when it will not."""
    if status < 400:
        return
    host = urlsplit(url).netloc
    if headers.get("X-Error-Code") == "GatedRepo":
        raise gated(url.partition("/resolve/")[0])
    if status in (401, 403):
        raise DownloadFailed(
            l10n(
                "{host} asks for permission ({status}): for the model hub, log in with `hf auth login` and accept the "
                "model's terms; for a package mirror, check its user name and password",
                host=host,
                status=status,
            )
        )
    if status in (404, 410):
        raise DownloadFailed(l10n("{host} does not have the file ({status})", host=host, status=status))
    if status == 429:
        wait = _asked_wait(headers)
        when = l10n("in {wait} s", wait=wait) if wait else l10n("later")
        raise TryAgain(
            l10n("{host} has had too many requests (429): try again {when}", host=host, when=when),
            float(wait) if wait else None,
        )
    if status == 416 or status >= 500:
        raise TryAgain(l10n("{host} answered {status}", host=host, status=status))
    raise DownloadFailed(l10n("{host} refused with status {status}", host=host, status=status))


def gated(page: str) -> DownloadFailed:
    """``page`` is the address of a model whose owner wants to know who takes it."""
    name = urlsplit(page).path.strip("/")
    return DownloadFailed(
        l10n(
            "{name} is given only to who accepts its conditions: do that on the model's page, {page}, with an account "
            "of yours, then log in here with `hf auth login`",
            name=name,
            page=page,
        )
    )


def _asked_wait(headers: Mapping[str, str]) -> str:
    """Seconds that a busy server names: Retry-After (RFC 9110), or ``t=`` of RateLimit (as the model hub sends it)."""
    after = headers.get("Retry-After", "")
    reset = re.search(r"\bt=(\d+)", headers.get("RateLimit", ""))
    return after if after.isdigit() else reset[1] if reset else ""


def explained(error: requests.RequestException, url: str, flow: TransferState) -> TryAgain:
    """What ``error`` means to a person. Raises DownloadFailed instead when trying again is no use."""
    asked = error.request.url if error.request is not None else None  # after a redirect, another host's
    host = urlsplit(str(asked or url)).netloc
    if isinstance(error, requests.exceptions.SSLError):
        raise untrusted(host, "REQUESTS_CA_BUNDLE") from error
    no_connection = bool(error.args) and isinstance(error.args[0], urllib3.exceptions.MaxRetryError)
    if no_connection and host not in flow.reached:
        flow.unreachable.add(host)
        raise unreachable(host) from error
    if isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError):
        return _broken_off(url)
    raise DownloadFailed(l10n("{host}: {error}", host=host, error=error)) from error


def untrusted(host: str, variable: str) -> DownloadFailed:
    """``variable`` names the CA file to trust beside the system's own."""
    return DownloadFailed(
        l10n(
            "the certificate of {host} is not trusted: if a company proxy stands between, name its CA file in "
            "{variable}",
            host=host,
            variable=variable,
        )
    )


def unreachable(host: str) -> Offline:
    return Offline(l10n("{host} cannot be reached", host=host))


def _broken_off(url: str) -> TryAgain:
    host = urlsplit(url).netloc
    return TryAgain(l10n("the connection to {host} broke off", host=host))
