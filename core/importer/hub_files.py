"""File listing of a Hugging Face repository at one commit."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core.catalogue.load import stays_inside
from core.catalogue.spec import File, Hub
from core.download.http import Remote, TryAgain, check_status, gated, transfer, unreachable, untrusted
from core.download.sources import on_hub
from core.download.transfer_state import TransferState
from core.errors import DownloadFailed, Offline
from core.formats.gguf import Header
from core.importer.found import SMALL, Card, damaged, languages_of
from core.l10n.text import l10n
from core.settings import Settings

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

TIMEOUT = 15.0  # seconds: to connect, and between two pieces of an answer


class Repo:
    """``commit`` and the files of ``name``; small ones are fetched into ``keep`` when they are read."""

    def __init__(self, info: ModelInfo, keep: Path, flow: TransferState) -> None:
        self.repo = info.id
        self.name = info.id.rsplit("/", 1)[-1]
        self.commit = info.sha or ""
        self._files = {file.rfilename: file for file in info.siblings or () if stays_inside(file.rfilename)}
        self.sizes = {name: _size(file) for name, file in self._files.items() if not name.startswith(".")}
        self._info, self._keep, self._flow = info, keep, flow
        self._hashes: dict[str, str] = {}

    def matching(self, patterns: tuple[str, ...]) -> list[str]:
        """The files that any of ``patterns`` (fnmatch) names, hidden ones left out."""
        return [name for name in self.sizes if any(fnmatch(name, pattern) for pattern in patterns)]

    def read(self, path: str) -> bytes:
        self._fetch(path)
        return (self._keep / path).read_bytes()

    def folder(self, paths: Iterable[str]) -> Path:
        for path in paths:
            self._fetch(path)
        return self._keep

    def header(self, path: str) -> Header:
        """What the hub has read out of the repository's GGUF files; its figures are of the first one.

        Where that is the part that sees (``clip``), the others are models of which nothing is known.
        """
        if "mmproj" in PurePosixPath(path).name.lower():
            return Header({"general.architecture": "clip"}, 0)
        told: dict[str, Any] = getattr(self._info, "gguf", None) or {}
        if told.get("architecture") == "clip":
            told = {}
        architecture = str(told.get("architecture", ""))
        values: dict[str, Any] = {"general.architecture": architecture}
        values[f"{architecture}.context_length"] = int(told.get("context_length") or 0)
        return Header(values, int(told.get("total") or 0))

    def tensors(self, path: str) -> dict[str, int]:
        return {}

    def card(self) -> Card:
        told: dict[str, Any] = vars(self._info.card_data) if self._info.card_data else {}
        licence = str(told.get("license_name") or told.get("license") or "")
        link = str(told.get("license_link") or "")
        page = f"{_endpoint()}/{self.repo}"
        binding = bool(self._info.gated) or (told.get("license") == "other" and _binding(licence))
        terms = (link if link.startswith("http") else page) if binding else ""
        return Card(licence, languages_of(told.get("language")), terms)

    def file(self, path: str) -> File:
        """The entry of a file. Raises DownloadFailed for a large one of which the hub tells no sha256."""
        listed = self._files[path]
        sha256 = listed.lfs.sha256 if listed.lfs else self._fetch(path)
        return File(path, self.sizes[path], sha256, (Hub(self.repo, self.commit, path),))

    def fetched(self, path: str) -> Path | None:
        """Where a small file lies that was fetched on the way."""
        return self._keep / path if path in self._hashes else None

    def _fetch(self, path: str) -> str:
        """Fetch a small file once; its sha256. Its git hash is what the commit vouches for."""
        if path in self._hashes:
            return self._hashes[path]
        size, listed, place = self.sizes[path], self._files[path], self._keep / path
        if size > SMALL:
            raise DownloadFailed(
                l10n("the hub tells no sha256 of {path}, and it is too large to be read first", path=path)
            )
        if not (place.is_file() and place.stat().st_size == size):
            remote = on_hub(Hub(self.repo, self.commit, path), File(path, size, "", ()))
            transfer(Remote(remote.url, size, "", remote.headers), place, self._flow, path, path)
        body = place.read_bytes()
        if listed.blob_id and not listed.lfs and _git_hash(body) != listed.blob_id:
            place.unlink()
            raise damaged(path, l10n("it arrived with the wrong content"))
        if listed.lfs and hashlib.sha256(body).hexdigest() != listed.lfs.sha256:
            place.unlink()
            raise damaged(path, l10n("it arrived with the wrong content"))
        self._hashes[path] = hashlib.sha256(body).hexdigest()
        return self._hashes[path]


def look_at(repo: str, revision: str, settings: Settings, keep: Path, flow: TransferState) -> Repo:
    """Ask the hub for the commit and the files of ``repo``. Raises Offline, DownloadFailed."""
    if settings.offline:
        raise Offline(
            l10n(
                "{repo} cannot be looked up: the offline switch is on. Turn it off in Settings (or unset "
                "PARLOR_OFFLINE).",
                repo=repo,
            )
        )
    failures = 0
    while True:
        flow.check()
        try:
            return Repo(_ask(repo, revision), keep, flow)
        except TryAgain as problem:
            failures += 1
            problem.wait(failures, flow)


def _ask(repo: str, revision: str) -> ModelInfo:
    """One request, its failure said in our words."""
    import httpx2  # the hub client's own HTTP client
    from huggingface_hub import HfApi, constants  # 0.3 s: only when the hub is asked
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    constants.HF_HUB_DISABLE_TELEMETRY = True  # else it asks for a list of coding agents first, and tells our torch
    host = urlsplit(_endpoint()).netloc
    try:
        return HfApi(_endpoint()).model_info(repo, revision=revision or None, files_metadata=True, timeout=TIMEOUT)
    except HFValidationError as error:
        raise DownloadFailed(l10n("{repo} is no name of a repository", repo=repo)) from error
    except OfflineModeIsEnabled as error:
        raise Offline(l10n("HF_HUB_OFFLINE is set: unset it")) from error
    except HfHubHTTPError as error:
        raise _refused(error.response.status_code, error.response.headers, repo, revision, host) from error
    except httpx2.ConnectError as error:
        if "CERTIFICATE" in str(error):
            raise untrusted(host, "SSL_CERT_FILE") from error
        raise unreachable(host) from error
    except httpx2.HTTPError as error:
        raise TryAgain(l10n("the connection to {host} broke off", host=host)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadFailed(l10n("{host} does not answer as a model hub does", host=host)) from error


def _refused(status: int, headers: Mapping[str, str], repo: str, revision: str, host: str) -> DownloadFailed:
    code = headers.get("X-Error-Code", "")
    if code == "GatedRepo":
        return gated(f"{_endpoint()}/{repo}")
    if "Invalid credentials" in headers.get("X-Error-Message", ""):
        return DownloadFailed(
            l10n("{host} does not know your token: log in again with `hf auth login`, or unset HF_TOKEN", host=host)
        )
    if code == "RevisionNotFound":
        return DownloadFailed(l10n("{repo} has no revision {revision}", repo=repo, revision=revision))
    if code == "RepoNotFound" or status in (401, 404):
        return DownloadFailed(
            l10n(
                "{host} has no {repo}, or it is private: check the name, or log in with `hf auth login`",
                host=host,
                repo=repo,
            )
        )
    try:
        check_status(status, headers, f"{_endpoint()}/{repo}")
    except DownloadFailed as error:
        return error
    return DownloadFailed(l10n("{host} answered {status}", host=host, status=status))


def _endpoint() -> str:
    """The hub's address: ``HF_ENDPOINT``, or the client's own."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _size(file: RepoSibling) -> int:
    return (file.lfs.size if file.lfs else file.size) or 0


def _git_hash(body: bytes) -> str:
    """Git's name for a file's content (Pro Git, "Git Internals - Git Objects")."""
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


def _binding(licence: str) -> bool:
    """Whether a licence of its own (``other`` on the hub) forbids something that its reader must know."""
    name = licence.lower()
    return any(word in name for word in ("coqui", "cpml", "-nc", "noncommercial", "non-commercial", "research"))
