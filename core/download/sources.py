"""Download sources: a hub repository at a commit, packages on the Python index, a folder.

The ordinary clients say where to ask: huggingface_hub for the hub's address and token (``HF_ENDPOINT``, ``HF_TOKEN``),
pip's own configuration for the index (``PIP_INDEX_URL``, ``pip config``), pypi-simple to read its pages (PEP 503, 691).
"""

from __future__ import annotations

import ast
import itertools
import os
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from packaging.utils import canonicalize_name

from core.catalogue.spec import File, Hub, Member
from core.download.http import CHUNK, TIMEOUT, Remote, TryAgain, check_status, explained, unreachable
from core.download.transfer_state import TransferState
from core.errors import DownloadFailed
from core.l10n.text import l10n

if TYPE_CHECKING:
    from pypi_simple import DistributionPackage


@dataclass(frozen=True, slots=True)
class Archive:
    """One distribution file of a package: its sdist, or its wheel."""

    package: str
    version: str
    sdist: bool

    @property
    def name(self) -> str:
        return f"{self.package}-{self.version}.{'sdist' if self.sdist else 'whl'}"


@dataclass(frozen=True, slots=True)
class Index:
    """The package index as pip is configured to use it; ``cert`` is its CA bundle, empty for the system's."""

    endpoint: str
    cert: str


def archive_of(member: Member) -> Archive:
    """What holds ``member``: everything in an sdist lies under ``<name>-<version>/``, and nothing in a wheel does."""
    name, _, version = member.path.split("/")[0].rpartition("-")
    sdist = version == member.version and canonicalize_name(name) == canonicalize_name(member.package)
    return Archive(member.package, member.version, sdist)


def on_hub(source: Hub, file: File) -> Remote:
    """The address, with the person's token if they are logged in."""
    from huggingface_hub import get_token, hf_hub_url  # 0.3 s and httpx: only when the hub is asked

    token = get_token()
    endpoint = os.environ.get("HF_ENDPOINT") or None
    url = hf_hub_url(source.repo, source.path, revision=source.revision, endpoint=endpoint)
    return Remote(url, file.bytes, file.sha256, {"Authorization": f"Bearer {token}"} if token else {})


def configured_index() -> Index:
    """pip's variables, then pip's configuration files, then pypi-simple's default."""
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # half a second of imports: only when the index is asked

    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL).stdout
    pairs = (line.split("=", 1) for line in listed.splitlines() if line.startswith("global.") and "=" in line)
    stored = {key.removeprefix("global."): str(ast.literal_eval(value)) for key, value in pairs}
    endpoint = os.environ.get("PIP_INDEX_URL") or stored.get("index-url") or PYPI_SIMPLE_ENDPOINT
    return Index(endpoint, os.environ.get("PIP_CERT") or stored.get("cert", ""))


def on_index(archive: Archive, index: Index, flow: TransferState) -> Remote:
    """Look the distribution up on its project page. Raises DownloadFailed when it is not there."""
    packages = _project(archive.package, index, flow)
    kind = "sdist" if archive.sdist else "wheel"
    fitting = [each for each in packages if each.version == archive.version and each.package_type == kind]
    if not fitting:
        raise DownloadFailed(
            l10n(
                "the package index has no {kind} of {package} {version}",
                kind=kind,
                package=archive.package,
                version=archive.version,
            )
        )
    best = min(fitting, key=lambda each: (not each.filename.endswith("-none-any.whl"), each.filename))
    return Remote(best.url, best.size, best.digests.get("sha256", ""))


def _project(package: str, index: Index, flow: TransferState) -> list[DistributionPackage]:
    for failures in itertools.count(1):
        try:
            return _page(package, index, flow)
        except TryAgain as problem:
            problem.wait(failures, flow)
    raise AssertionError


def _page(package: str, index: Index, flow: TransferState) -> list[DistributionPackage]:
    from pypi_simple import NoSuchProjectError, PyPISimple, UnsupportedContentTypeError

    flow.check()
    host = urlsplit(index.endpoint).netloc.rpartition("@")[2]
    if host in flow.unreachable:
        raise unreachable(host)
    try:
        page = PyPISimple(index.endpoint, session=flow.session).get_project_page(package, timeout=TIMEOUT)
    except NoSuchProjectError as error:
        text = l10n("the package index has no {package}", package=package)
        raise DownloadFailed(text) from error
    except requests.RequestException as error:
        if error.response is not None:
            check_status(error.response.status_code, error.response.headers, index.endpoint)
        raise explained(error, index.endpoint, flow) from error
    except UnsupportedContentTypeError as error:
        raise DownloadFailed(l10n("{host} is not a package index: {error}", host=host, error=error)) from error
    flow.reached.add(host)
    return page.packages


class ArchiveReader:
    """The archives lying in ``folder``, opened when needed. Members are read as data, by name; nothing is extracted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[Archive, zipfile.ZipFile | tarfile.TarFile] = {}
        self._stack = ExitStack()

    def read(self, member: Member) -> Iterator[bytes]:
        """The member's bytes. Raises DownloadFailed for a damaged archive or one without it."""
        archive = archive_of(member)
        try:
            with self._member(archive, member.path) as stream:
                while piece := stream.read(CHUNK):
                    yield piece
        except KeyError as error:
            text = l10n("{name} does not contain {path}", name=archive.name, path=member.path)
            raise DownloadFailed(text) from error
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
            text = l10n("the package {name} is damaged: {error}", name=archive.name, error=error)
            raise DownloadFailed(text) from error

    def _member(self, archive: Archive, path: str) -> IO[bytes]:
        held: zipfile.ZipFile | tarfile.TarFile
        if archive not in self._open:
            file = self._folder / archive.name
            held = zipfile.ZipFile(file) if zipfile.is_zipfile(file) else tarfile.open(file)  # noqa: SIM115
            self._open[archive] = self._stack.enter_context(closing(held))
        held = self._open[archive]
        stream = held.open(path) if isinstance(held, zipfile.ZipFile) else held.extractfile(path)
        if stream is None:
            raise KeyError(path)
        return stream

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
