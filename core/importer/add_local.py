"""Import from this machine: a model recognised, hashed, taken into the models folder, noted in the catalogue.

Weights are hard-linked where the disk allows it; small files, which people edit, and the rest are copied. They come to
``<models>/.partial/<id>/`` first, then the entry is written, then they move to their place: what fails or is stopped
half-way leaves nothing, and what a killed process leaves does not keep the model from being added again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core.catalogue import spec as catalogue
from core.catalogue import user_file as usercatalogue
from core.catalogue.load import load, stays_inside
from core.catalogue.spec import File, Folder, ModelSpec, installed
from core.errors import BadInput, DiskFull
from core.host.disk import is_full, no_room, pieces
from core.importer.found import Detected, FileEntry
from core.importer.local_files import look
from core.importer.to_spec import adapter_base, check_id, for_task, free_id, model_spec
from core.l10n.text import both, l10n
from core.settings import Settings
from core.text.sizes import size_text
from core.types.events import Progress

LARGE = 1_000_000  # bytes from which on a file is linked: no person edits one of that size
TICK = 0.1  # seconds between two Progress


def inspect(path: Path) -> Detected:
    """What the model in ``path``, a file or a folder, is and which files belong to it; hashes nothing.

    Raises BadInput when it is nothing that Parlor understands, damaged, or in a format that can run code.
    """
    return look(path)[0]


def adopt(
    path: Path, settings: Settings, task: str = "", id: str = "", base: str = "", file: str = ""
) -> Generator[Progress, None, ModelSpec]:
    """Take in the model in ``path`` and return its entry; a LoRA adapter joins the model ``base``, which is returned.

    ``task`` overrides what it is recognised as, ``id`` names it, ``file`` is which of several GGUF files in a folder is
    meant. Files that a known model asks for, hash by hash, become that model. Raises BadInput, DiskFull.
    """
    _check_name(str(path))
    yield Progress("download", 0.0, l10n("Looking at {name}", name=path.name))
    found, root = look(path, file)
    for each in found.files:
        _check_name(str(root / each.source), each.name)
    known = load(usercatalogue.file_of(settings))
    if found.adapter:
        spec = adapter_base(found, known, settings, base)
        target = settings.models / spec.id / "adapters" / found.id
        with _staging(settings.models, f"{spec.id}-{found.id}") as staging:
            yield from _take(found, root, staging, target)
            _settle(staging, target)
        return spec
    found = for_task(found, task)
    check_id(id, known)
    name = id or free_id(found.id, known, settings.models, root)
    with _staging(settings.models, name) as staging:
        files = yield from _take(found, root, staging, settings.models / name)
        twin = None if id else _twin(files, found, known)
        if twin:
            _become(twin, files, staging, settings)
            yield Progress("download", 1.0, l10n("It is {name}, now installed", name=twin.name))
            return twin
        spec = model_spec(found, name, f"sha256-{_weights(files).sha256[:12]}", files)
        _keep(spec, staging, settings)
    yield Progress("download", 1.0, l10n("{name} is installed", name=spec.name))
    return spec


def _check_name(path: str, name: str = "model") -> None:
    """Raises BadInput for a path, or a name in the model's folder, that no catalogue can hold: it is UTF-8."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _rename(path.encode("utf-8", "replace").decode("utf-8")) from error
    if not stays_inside(name):
        raise _rename(name)


def _rename(name: str) -> BadInput:
    return BadInput(
        l10n(
            "{name} cannot be taken in: its name has characters that not every system can read. Rename the file or "
            "folder, then add it again.",
            name=name,
        )
    )


def _keep(spec: ModelSpec, staging: Path, settings: Settings) -> None:
    """Write the entry and move the files to their place, in this order: an id is never taken by a folder alone."""
    usercatalogue.write(spec, settings)
    try:
        _settle(staging, settings.models / spec.id)
    except OSError:
        usercatalogue.forget(spec.id, settings)
        raise


@contextmanager
def _staging(models: Path, name: str) -> Iterator[Path]:
    """An empty folder for what is not whole yet, this process's own, gone at the end. Raises DiskFull, BadInput."""
    staging = models / ".partial" / name
    try:
        staging.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{staging}.lock", timeout=0):
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            try:
                yield staging
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except Timeout as error:
        raise BadInput(l10n("{name} is being added already. Wait for that.", name=name)) from error
    except OSError as error:
        if is_full(error):
            raise _disk_full(name, models, 0) from error
        raise BadInput(
            l10n(
                "{name} cannot be taken in: {error}. Check that the file can be read and {models} written.",
                name=name,
                error=error,
                models=models,
            )
        ) from error


def _take(found: Detected, root: Path, staging: Path, target: Path) -> Generator[Progress, None, tuple[File, ...]]:
    """Link or copy every file to ``staging``, hashing it on the way. Raises DiskFull before anything is copied."""
    files, done, last = [], 0, time.monotonic()
    for take in found.files:
        (staging / take.name).parent.mkdir(parents=True, exist_ok=True)
    linked = [take.bytes >= LARGE and _link(root / take.source, staging / take.name) for take in found.files]
    copied = sum(take.bytes for take, there in zip(found.files, linked, strict=True) if not there)
    if copied > shutil.disk_usage(staging).free:
        raise _disk_full(found.name, staging, copied)
    for take, there in zip(found.files, linked, strict=True):
        digest, size = hashlib.sha256(), 0
        for piece in pieces(root / take.source, None if there else staging / take.name):
            digest.update(piece)
            size += len(piece)
            if time.monotonic() - last >= TICK:
                last = time.monotonic()
                yield _progress(found, take, done + size)
        if size != take.bytes:
            raise BadInput(
                l10n("{source} changed while it was read. Add it again when it is complete.", source=take.source)
            )
        done += size
        files.append(File(take.name, size, digest.hexdigest(), (Folder(str(root / take.source)),)))
    return tuple(files)


def _link(source: Path, copy: Path) -> bool:
    """Whether ``copy`` could be made another name of the file ``source``."""
    try:
        os.link(source.resolve(), copy)
    except OSError:  # another disk, or one without hard links
        return False
    return True


def _progress(found: Detected, take: FileEntry, done: int) -> Progress:
    have, all_ = size_text(done), size_text(found.bytes)
    said = l10n("{name}: {have} of {all} taken in", name=take.name, have=have, all=all_)
    return Progress("download", min(1.0, done / max(1, found.bytes)), said)


def _settle(staging: Path, target: Path) -> None:
    """Move what is whole to its place: in one step, or file by file over an older one."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        staging.rename(target)
        return
    for path in sorted(path for path in staging.rglob("*") if path.is_file()):
        place = target / path.relative_to(staging)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)


def _weights(files: tuple[File, ...]) -> File:
    return max(files, key=lambda file: file.bytes)


def _twin(files: tuple[File, ...], found: Detected, known: catalogue.Catalogue) -> ModelSpec | None:
    """The known model that consists of exactly these files."""
    hashes = sorted(file.sha256 for file in files)
    alike = (spec for spec in known.models if sorted(file.sha256 for file in spec.files) == hashes)
    return next((spec for spec in alike if spec.task == found.task and len(set(hashes)) == len(hashes)), None)


def _become(spec: ModelSpec, files: tuple[File, ...], staging: Path, settings: Settings) -> None:
    """Put the files in place under the names that ``spec`` gives them, unless it is installed."""
    if installed(spec, settings.models):
        return
    names = {file.sha256: file.name for file in files}
    for file in spec.files:
        place = settings.models / spec.id / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        (staging / names[file.sha256]).replace(place)


def _disk_full(name: str, folder: Path, need: int) -> DiskFull:
    return no_room(both(name, f" {name}"), folder, need, l10n("Make room, or move the models folder."))
