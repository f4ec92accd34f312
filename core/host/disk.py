"""Paths and disks: folders as people write them, copies piece by piece, and what is said when a disk is full."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from core.errors import BadInput, DiskFull
from core.l10n.text import NOTHING, L10n, l10n
from core.text.sizes import size_text

CHUNK = 1 << 20  # bytes


def absolute(path: str | Path) -> Path:
    """``path`` from the current folder on, ``~`` being a person's own. Raises BadInput when nobody is called so."""
    try:
        return Path(os.path.abspath(Path(path).expanduser()))
    except RuntimeError as error:
        raise BadInput(
            l10n(
                "{path} begins with the home folder of somebody whom this machine does not know. Write the whole path.",
                path=path,
            )
        ) from error


def pieces(source: Path, copy: Path | None = None) -> Iterator[bytes]:
    """The bytes of ``source``, each written to ``copy``, if any, which has reached the disk after the last one."""
    with source.open("rb") as stream, ExitStack() as writing:
        out = writing.enter_context(copy.open("wb")) if copy else None
        while piece := stream.read(CHUNK):
            if out:
                out.write(piece)
            yield piece
        if out:
            out.flush()
            os.fsync(out.fileno())


def is_full(error: OSError) -> bool:
    """Whether it means that there is no room left: on the disk, in a quota, or in a file system of small files."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def no_room(what: L10n, folder: Path, need: int, advice: L10n) -> DiskFull:
    """The error that names ``what`` does not fit, how many bytes it takes (0: unknown), and what to do."""
    free = size_text(shutil.disk_usage(folder).free)
    needs = l10n(": it needs {need}", need=size_text(need)) if need else NOTHING
    return DiskFull(
        l10n(
            "There is no room for {what}{needs}, and {folder} has {free}. {advice}",
            what=what,
            needs=needs,
            folder=folder,
            free=free,
            advice=advice,
        )
    )
