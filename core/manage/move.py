"""Moving the models folder: renamed on one disk; onto another copied, checked, and only then deleted here.

Whatever ends it before the new folder is in use, everything is as it was; a killed process may leave a ``.parlor-part``
in the new folder, which the next move there clears away. Links keep meaning what they meant.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import BadInput, DiskFull
from core.host.disk import absolute, is_full, no_room, pieces
from core.l10n.text import l10n
from core.settings import Settings
from core.text.sizes import size_text
from core.types.events import Progress

TICK = 0.1  # seconds between two Progress
PART = ".parlor-part"  # what is being copied, in the new folder


def move(
    folder: Path, settings: Settings, unload_all: Callable[[], None], use: Callable[[Path], None]
) -> Generator[Progress, None, None]:
    """Move all models to ``folder``, which is made when it is not there and has to be empty.

    ``unload_all`` gives the memory of every model back, ``use`` makes the settings name the new folder. Raises BadInput
    and DiskFull, with nothing changed. Closing the generator undoes what was copied.
    """
    old, new = settings.models.resolve(), absolute(folder)
    yield Progress("download", 0.0, l10n("Moving the models to {new}", new=new))
    try:
        _check(old, new)
        unload_all()
        with _nobody_fetches(old):
            if not _renamed(old, new, use):
                yield from _copied(old, new, use)
    except OSError as error:
        raise _failed(new, error) from error
    shutil.rmtree(old, ignore_errors=True)  # what cannot be deleted stays: the models are in ``new`` already
    if settings.models.is_symlink():
        settings.models.unlink()
    yield Progress("download", 1.0, l10n("The models are in {new}", new=new))


def _check(old: Path, new: Path) -> None:
    if "PARLOR_MODELS_FOLDER" in os.environ:
        raise BadInput(l10n("PARLOR_MODELS_FOLDER is set and says where the models lie. Unset it, then move them."))
    real = new.resolve()
    if real == old:
        raise BadInput(l10n("The models are in {new} already.", new=new))
    if old in real.parents or real in old.parents:
        raise BadInput(l10n("{new} lies inside the models folder, or around it. Choose another folder.", new=new))
    if new.exists() and (not new.is_dir() or any(path.name != PART for path in new.iterdir())):
        raise BadInput(l10n("{new} is not an empty folder. Choose an empty or a new one.", new=new))


@contextmanager
def _nobody_fetches(old: Path) -> Iterator[None]:
    """Hold the lock of every model that was ever fetched here. Raises BadInput when another program fetches one."""
    with ExitStack() as locks:
        for path in sorted((old / ".partial").glob("*.lock")):
            try:
                locks.enter_context(FileLock(path, timeout=0))
            except Timeout as error:
                raise BadInput(
                    l10n(
                        "{stem} is being fetched by another program. Wait for it, then move the folder.", stem=path.stem
                    )
                ) from error
        yield


def _renamed(old: Path, new: Path, use: Callable[[Path], None]) -> bool:
    """Whether a rename was enough, as it is on one disk."""
    if not old.exists():
        new.mkdir(parents=True, exist_ok=True)
        use(new)
        return True
    new.parent.mkdir(parents=True, exist_ok=True)
    links, there = _links(old, new), new.exists()
    if there:
        shutil.rmtree(new / PART, ignore_errors=True)
        new.rmdir()
    try:
        old.rename(new)
    except OSError as error:
        if there:
            new.mkdir()
        if error.errno in (errno.EXDEV, errno.EBUSY, errno.ENOTEMPTY) or isinstance(error, PermissionError):
            return False
        raise
    try:
        use(new)
    except BaseException:  # whatever it was, an interrupt too: the settings still name the old place
        new.rename(old)
        raise
    _link(links, new)
    return True


def _links(old: Path, new: Path) -> dict[Path, Path]:
    """Every link in ``old``, by its place there, and what it has to lead to when it lies in ``new``."""
    links = {}
    for path in old.rglob("*"):
        if path.is_symlink():
            target = Path(os.path.realpath(path))
            links[path.relative_to(old)] = new / target.relative_to(old) if target.is_relative_to(old) else target
    return links


def _link(links: Mapping[Path, Path], folder: Path) -> None:
    """Make ``links`` in ``folder``, in place of what lies there."""
    for name, target in links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target, target_is_directory=target.is_dir())


def _copied(old: Path, new: Path, use: Callable[[Path], None]) -> Generator[Progress, None, None]:
    """Copy all but locks to ``new`` and go over to it; what was copied goes again when that fails.

    Of a linked file the content is copied, a linked folder stays a link.
    """
    files = [path for path in sorted(old.rglob("*")) if path.is_file() and path.suffix != ".lock"]
    total = sum(path.stat().st_size for path in files)
    links = {name: to for name, to in _links(old, new).items() if not (old / name).is_file()}
    part, there, done = new / PART, new.exists(), False
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        if total > shutil.disk_usage(new).free:
            raise _disk_full(new, total)
        yield from _copy_files(files, old, part, total)
        _link(links, part)
        for path in tuple(part.iterdir()):
            path.rename(new / path.name)
        part.rmdir()
        use(new)
        done = True
    finally:
        if not done:
            shutil.rmtree(new, ignore_errors=True)
            if there:
                new.mkdir(exist_ok=True)


def _copy_files(files: list[Path], old: Path, part: Path, total: int) -> Generator[Progress, None, None]:
    """Each is read again where it arrived and compared with what left."""
    copied, last = 0, time.monotonic()
    for path in files:
        target = part / path.relative_to(old)
        target.parent.mkdir(parents=True, exist_ok=True)
        sent = hashlib.sha256()
        for piece in pieces(path, target):
            sent.update(piece)
            copied += len(piece)
            if time.monotonic() - last >= TICK:
                last = time.monotonic()
                yield _progress(path.name, copied, total)
        arrived = hashlib.sha256()
        for piece in pieces(target):
            arrived.update(piece)
            if time.monotonic() - last >= TICK:
                last = time.monotonic()
                yield _progress(path.name, copied, total)
        if arrived.digest() != sent.digest() or target.stat().st_size != path.stat().st_size:
            raise BadInput(
                l10n(
                    "{name} did not arrive whole in {parent}. Check that disk; the models stay where they are.",
                    name=path.name,
                    parent=part.parent,
                )
            )
        shutil.copystat(path, target)


def _progress(name: str, copied: int, total: int) -> Progress:
    have, all_ = size_text(copied), size_text(total)
    return Progress("download", copied / max(1, total), l10n("{name}: {have} of {all}", name=name, have=have, all=all_))


def _disk_full(new: Path, need: int) -> DiskFull:
    return no_room(l10n("the models folder"), new, need, l10n("Make room there, or choose another disk."))


def _failed(new: Path, error: OSError) -> BadInput | DiskFull:
    if is_full(error):
        return DiskFull(l10n("{new} has no room left: the models stay where they are.", new=new))
    return BadInput(
        l10n(
            "The models cannot be moved to {new}: {error}. They stay where they are.",
            new=new,
            error=error.strerror or error,
        )
    )
