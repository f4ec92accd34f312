"""Import from the hub: ``look_up`` recognises a repository by name and notes it pinned; ``pin`` pins a known one.

What the repository holds is recognised by the same eyes as a folder on this machine (``core.importer.detect_folder``);
only its small files are fetched for that, into the folder where the download goes on from them.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import psutil

from core.catalogue import spec as catalogue
from core.catalogue import user_file as usercatalogue
from core.catalogue.load import load
from core.catalogue.spec import File, ModelSpec, Repository
from core.download.lock import alone
from core.download.transfer_state import Stopped, TransferState
from core.errors import BadInput, DownloadFailed, ParlorError
from core.host.background import Background
from core.importer.detect_folder import classify
from core.importer.hub_files import Repo, look_at
from core.importer.to_spec import check_id, for_task, free_id, model_spec
from core.l10n.text import L10n, l10n, listed
from core.settings import Settings
from core.types.events import Progress

TICK = 0.1  # seconds between two Progress
PATIENCE = 120.0  # seconds for everything that is asked of the hub before a download begins
_NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^:@\s]+))?(:(?P<file>\S+))?")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HubName:
    """A repository as a person names it: ``owner/name[@revision][:file]``, or the address of its page."""

    repo: str
    revision: str = ""
    file: str = ""


def named(text: str) -> HubName | None:
    """``text`` as the name of a repository, None when it is none."""
    if text.startswith(("http://", "https://")):
        owner, name, *rest = [*unquote(urlsplit(text).path).strip("/").split("/"), ""]
        inside = len(rest) > 2 and rest[0] in ("tree", "blob", "resolve")
        return HubName(f"{owner}/{name}", rest[1] if inside else "", "/".join(rest[2:]).strip("/") if inside else "")
    found = _NAME.fullmatch(text.strip())
    return HubName(found["repo"], found["revision"] or "", found["file"] or "") if found else None


def resolve(
    repository: Repository, settings: Settings, keep: Path, flow: TransferState
) -> tuple[str, tuple[File, ...]]:
    """The commit that the repository's revision stands for, and its files that ``include`` names, with their hashes.

    A file that the hub gives no sha256 of is small: it is fetched into ``keep`` under its own name, checked against
    its git hash. Raises Offline, DownloadFailed.
    """
    repo = look_at(repository.repo, repository.revision, settings, keep, flow)
    names = repo.matching(repository.include)
    if not names:
        raise DownloadFailed(
            l10n("{repo} has no files like {include}", repo=repository.repo, include=listed(repository.include))
        )
    files = (repo.file(name) for name in names)
    return repo.commit, tuple(replace(file, name=re.sub(r"\.pth\.tar$", ".pth", file.name)) for file in files)


def from_hub(
    name: str, settings: Settings, flow: TransferState, task: str = "", id: str = "", file: str = ""
) -> ModelSpec:
    """Look ``owner/name[@revision][:file]`` up, recognise it, and write it, pinned, to the person's catalogue.

    ``file`` names a GGUF file (or its quantisation) where there are several; otherwise Q4_K_M is taken. Raises
    BadInput when it is nothing that Parlor understands, Offline and DownloadFailed when the hub does not tell. Once
    ``flow`` is stopped nothing is written.
    """
    wanted = named(name)
    if wanted is None:
        raise BadInput(
            l10n(
                "{name!r} is no repository on the hub. Write it as owner/name, owner/name@revision or owner/name:file.",
                name=name,
            )
        )
    known = load(usercatalogue.file_of(settings))
    check_id(id, known)
    with _look_folder(settings.models) as keep:
        repo = look_at(wanted.repo, wanted.revision, settings, keep, flow)
        found = for_task(classify(repo, file or wanted.file, choose=True), task)
        if found.adapter:
            raise BadInput(
                l10n("{repo} is a LoRA adapter. Download it to a folder and add that with --for ID.", repo=wanted.repo)
            )
        files = tuple(replace(repo.file(take.source), name=take.name) for take in found.files)
        same = next((spec for spec in known.models if not id and _alike(spec, files)), None)
        if same:
            return same
        spec = model_spec(found, id or free_id(found.id, known, settings.models, keep), repo.commit, files)
        flow.check()
        usercatalogue.write(spec, settings)
        _keep(repo, spec, settings.models / ".partial" / spec.id)
        return spec


@contextmanager
def _look_folder(models: Path) -> Iterator[Path]:
    """For the small files of one look-up, gone at its end; those that processes which died have left go first."""
    partial = models / ".partial"
    for path in partial.glob(".look-*-*"):
        owner = path.name.split("-")[1]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(path, ignore_errors=True)
    folder = partial / f".look-{os.getpid()}-{threading.get_ident()}"
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def look_up(
    name: str, settings: Settings, task: str = "", id: str = "", file: str = ""
) -> Generator[Progress, None, ModelSpec]:
    """``from_hub``, told on the way; closing it ends what is under way."""
    said = l10n("Looking {name} up", name=name)
    return (yield from _aside(lambda flow: from_hub(name, settings, flow, task, id, file), said))


def pin(spec: ModelSpec, settings: Settings) -> Generator[Progress, None, ModelSpec]:
    """``spec`` with the files that its repository holds now, written with their commit to the person's catalogue."""

    def work(flow: TransferState) -> ModelSpec:
        keep = settings.models / ".partial" / spec.id
        keep.parent.mkdir(parents=True, exist_ok=True)
        with alone(keep, flow):
            known = load(usercatalogue.file_of(settings)).models
            now = next((each for each in known if each.id == spec.id), spec)
            if now.repository is None:  # another program has done it
                return now
            commit, files = resolve(now.repository, settings, keep, flow)
            flow.check()
            pinned = replace(now, revision=commit, files=files, repository=None, download=0)
            usercatalogue.write(pinned, settings)
            return pinned

    return (yield from _aside(work, l10n("Looking {name} up", name=spec.name)))


def _alike(spec: ModelSpec, files: tuple[File, ...]) -> bool:
    return bool(spec.files) and {file.sha256 for file in spec.files} == {file.sha256 for file in files}


def _keep(repo: Repo, spec: ModelSpec, staging: Path) -> None:
    """Move the small files that were fetched to where the download looks for them."""
    for file in spec.files:
        source = file.sources[0]
        if isinstance(source, catalogue.Hub) and (fetched := repo.fetched(source.path)):
            (staging / file.name).parent.mkdir(parents=True, exist_ok=True)
            fetched.replace(staging / file.name)


def _aside(work: Callable[[TransferState], T], note: L10n) -> Generator[Progress, None, T]:
    """Do ``work`` on a thread of its own, so that nobody waits for a hub that hangs. Raises what it raises."""
    flow, done = TransferState(), list[T]()
    errors: list[ParlorError | None] = []

    def look() -> None:
        try:
            with suppress(Stopped):  # nobody waits for it any more
                done.append(work(flow))
        except OSError as error:
            raise DownloadFailed(l10n("{note}: {error}", note=note, error=error)) from error

    thread = Background("hub", DownloadFailed(l10n("{note}: it failed", note=note)))
    thread.run(look, errors.append)
    give_up = time.monotonic() + PATIENCE
    try:
        while thread.alive:
            yield Progress("download", None, note)
            thread.join(TICK)
            if time.monotonic() > give_up:
                raise DownloadFailed(l10n("{note}: the hub is too slow. Try again later.", note=note))
    finally:
        flow.stop()
    for error in filter(None, errors):
        raise error
    return done[0]
