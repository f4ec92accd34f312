"""Moving the models folder: renamed on one disk; onto another copied, checked, and only then deleted here.

Whatever ends it before the new folder is in use, everything is as it was.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core.catalogue import size_text
from core.errors import BadInput, DiskFull
from core.events import Progress
from core.settings import Settings

CHUNK = 1 << 20  # bytes
TICK = 0.1  # seconds between two Progress
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def move(
    folder: Path, settings: Settings, unload_all: Callable[[], None], use: Callable[[Path], None]
) -> Generator[Progress, None, None]:
    """Move all models to ``folder``, which is made when it is not there and has to be empty.

    ``unload_all`` gives the memory of every model back, ``use`` makes the settings name the new folder. Raises BadInput
    and DiskFull, with nothing changed. Closing the generator undoes what was copied.
    """
    old, new = Path(os.path.abspath(settings.models)), Path(os.path.abspath(folder.expanduser()))
    yield Progress("download", 0.0, f"Moving the models to {new}", f"正在将模型移动到 {new}")
    _check(old, new)
    unload_all()
    try:
        with _nobody_fetches(old):
            if not _renamed(old, new, use):
                yield from _copied(old, new, use)
    except OSError as error:
        raise _failed(new, error) from error
    _delete(old, new)
    yield Progress("download", 1.0, f"The models are in {new}", f"模型已移至 {new}")


def _check(old: Path, new: Path) -> None:
    if "PARLOR_MODELS_FOLDER" in os.environ:
        raise BadInput(
            "PARLOR_MODELS_FOLDER is set and says where the models lie. Unset it, then move them.",
            "环境变量 PARLOR_MODELS_FOLDER 已指定模型位置。请先取消该变量，再移动。",
        )
    real_old, real_new = old.resolve(), new.resolve()
    if real_old == real_new:
        raise BadInput(f"The models are in {new} already.", f"模型已在 {new} 中。")
    if real_old in real_new.parents or real_new in real_old.parents:
        raise BadInput(
            f"{new} lies inside the models folder, or around it. Choose another folder.",
            f"{new} 与模型文件夹互相包含，请选择其他文件夹。",
        )
    if new.exists() and (not new.is_dir() or any(new.iterdir())):
        raise BadInput(
            f"{new} is not an empty folder. Choose an empty or a new one.",
            f"{new} 不是空文件夹。请选择空的或新的文件夹。",
        )


@contextmanager
def _nobody_fetches(old: Path) -> Iterator[None]:
    """Hold the lock of every model that was ever fetched here. Raises BadInput when another program fetches one."""
    with ExitStack() as locks:
        for path in sorted((old / ".partial").glob("*.lock")):
            try:
                locks.enter_context(FileLock(path, timeout=0))
            except Timeout as error:
                raise BadInput(
                    f"{path.stem} is being fetched by another program. Wait for it, then move the folder.",
                    f"另一个程序正在下载 {path.stem}。请等待其完成，再移动文件夹。",
                ) from error
        yield


def _renamed(old: Path, new: Path, use: Callable[[Path], None]) -> bool:
    """Whether a rename was enough, as it is on one disk."""
    if not old.exists():
        new.mkdir(parents=True, exist_ok=True)
        use(new)
        return True
    new.parent.mkdir(parents=True, exist_ok=True)
    there = new.exists()
    if there:
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
    except BaseException:
        new.rename(old)
        raise
    return True


def _copied(old: Path, new: Path, use: Callable[[Path], None]) -> Generator[Progress, None, None]:
    """Copy all but locks to ``new`` and go over to it; what was copied goes again when that fails."""
    files = [path for path in sorted(old.rglob("*")) if path.is_file() and path.suffix != ".lock"]
    total = sum(path.stat().st_size for path in files)
    there = new.exists()
    new.mkdir(parents=True, exist_ok=True)
    done = False
    try:
        if total > shutil.disk_usage(new).free:
            raise _disk_full(new, total)
        yield from _copy_files(files, old, new, total)
        use(new)
        done = True
    finally:
        if not done:
            shutil.rmtree(new, ignore_errors=True)
            if there:
                new.mkdir(exist_ok=True)


def _copy_files(files: list[Path], old: Path, new: Path, total: int) -> Generator[Progress, None, None]:
    """Each is read again where it arrived and compared with what left."""
    copied, last = 0, time.monotonic()
    for path in files:
        target = new / path.relative_to(old)
        target.parent.mkdir(parents=True, exist_ok=True)
        sent = hashlib.sha256()
        for piece in _pieces(path, target):
            sent.update(piece)
            copied += len(piece)
            if time.monotonic() - last >= TICK:
                last = time.monotonic()
                yield _progress(path.name, copied, total)
        arrived = hashlib.sha256()
        for piece in _pieces(target):
            arrived.update(piece)
            if time.monotonic() - last >= TICK:
                last = time.monotonic()
                yield _progress(path.name, copied, total)
        if arrived.digest() != sent.digest() or target.stat().st_size != path.stat().st_size:
            raise BadInput(
                f"{path.name} did not arrive whole in {new}. Check that disk; the models stay where they are.",
                f"{path.name} 未能完整复制到 {new}。请检查该磁盘；模型仍在原处。",
            )
        shutil.copystat(path, target)


def _pieces(source: Path, copy: Path | None = None) -> Iterator[bytes]:
    with source.open("rb") as stream, ExitStack() as writing:
        out = writing.enter_context(copy.open("wb")) if copy else None
        while piece := stream.read(CHUNK):
            if out:
                out.write(piece)
            yield piece
        if out:
            out.flush()
            os.fsync(out.fileno())


def _delete(old: Path, new: Path) -> None:
    """What cannot be deleted stays: the models are in ``new`` already."""
    if old.exists() and old.resolve() != new.resolve():
        shutil.rmtree(old, ignore_errors=True)


def _progress(name: str, copied: int, total: int) -> Progress:
    have, all_ = size_text(copied), size_text(total)
    return Progress("download", copied / max(1, total), f"{name}: {have} of {all_}", f"{name}：{have} / {all_}")


def _disk_full(new: Path, need: int) -> DiskFull:
    free = size_text(shutil.disk_usage(new).free)
    return DiskFull(
        f"The models need {size_text(need)} and {new} has {free}. Make room there, or choose another disk.",
        f"模型需要 {size_text(need)}，而 {new} 只剩 {free}。请清理该磁盘，或选择其他磁盘。",
    )


def _failed(new: Path, error: OSError) -> BadInput | DiskFull:
    if error.errno in FULL:
        return DiskFull(f"{new} has no room left: the models stay where they are.", f"{new} 空间不足：模型仍在原处。")
    return BadInput(
        f"The models cannot be moved to {new}: {error.strerror or error}. They stay where they are.",
        f"无法将模型移动到 {new}：{error.strerror or error}。模型仍在原处。",
    )
