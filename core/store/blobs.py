"""Blob storage: pictures and recordings as files named by the sha256 of their bytes, two folders deep."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Container
from pathlib import Path

KEPT_BYTES = 64 * 2**20
_SHA256 = re.compile(r"[0-9a-f]{64}")


class MediaFolder:
    """Bytes by sha256. Reads go through a cache of ``KEPT_BYTES``, for a page is drawn many times."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Keep ``data`` and return its sha256. The file appears whole or not at all. Raises OSError."""
        name = hashlib.sha256(data).hexdigest()
        place = self._place(name)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = place.with_name(f"{name}.{os.getpid()}.part")
            try:
                with partial.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(place)
            except OSError:
                partial.unlink(missing_ok=True)
                raise
        return name

    def get(self, name: str) -> bytes:
        """The bytes of that sha256; empty when there is no such file any more, so that its conversation still opens."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        try:
            data = self._place(name).read_bytes()
        except (FileNotFoundError, ValueError):
            return b""
        with self._lock:
            self._kept[name] = data
            while sum(map(len, self._kept.values())) > KEPT_BYTES:
                self._kept.popitem(last=False)
        return data

    def sweep(self, wanted: Container[str]) -> int:
        """Remove files whose sha256 is not ``wanted``, and unfinished ones; returns how many. Not during a put."""
        removed = 0
        for file in self._folder.glob("??/??/*"):
            name, _, rest = file.name.partition(".")
            if _SHA256.fullmatch(name) and (rest.endswith("part") or (not rest and name not in wanted)):
                file.unlink(missing_ok=True)
                removed += 1
        with self._lock:
            self._kept.clear()
        return removed

    def _place(self, name: str) -> Path:
        if not _SHA256.fullmatch(name):
            raise ValueError(f"not a sha256: {name!r}")
        return self._folder / name[:2] / name[2:4] / name
