"""File listing of a file or folder of this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from core.errors import BadInput
from core.formats.gguf import Damaged, Header, read_header
from core.formats.safetensors import read_tensors
from core.host.disk import absolute
from core.importer.detect_folder import classify
from core.importer.detect_gguf import split_of
from core.importer.found import Card, Detected, damaged, languages_of
from core.importer.refusals import refusal, unknown
from core.l10n.text import l10n

DEEP, MANY = 3, 5000  # folders below the one named, files in all: more is no model's folder
CT2_WHISPER = b"WhisperSpec"  # near the beginning of a model.bin


class Local:
    """The files below ``root``, or only those of ``only``. Hidden folders and what lies too deep are passed over."""

    def __init__(self, root: Path, only: tuple[str, ...] = (), name: str = "") -> None:
        self.root = root
        self.name = name or _name(root)
        self.sizes = {name: (root / name).stat().st_size for name in only} if only else _sizes(root)
        self._headers: dict[str, Header] = {}

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def folder(self, paths: Iterable[str]) -> Path:
        return self.root

    def header(self, path: str) -> Header:
        if path not in self._headers:
            try:
                self._headers[path] = read_header(self.root / path)
            except Damaged as error:
                raise damaged(path, l10n("it is no whole GGUF file ({error})", error=error)) from error
        return self._headers[path]

    def tensors(self, path: str) -> dict[str, int]:
        try:
            return read_tensors(self.root / path)
        except ValueError as error:
            raise damaged(path, l10n("it is no whole safetensors file ({error})", error=error)) from error

    def card(self) -> Card:
        """``license`` and ``language`` of the YAML between two ``---`` at the head of README.md."""
        try:
            head = re.match(r"---\n(.*?)\n---", (self.root / "README.md").read_text("utf-8", "replace"), re.DOTALL)
        except OSError:
            return Card()
        lines = head[1].splitlines() if head else []
        licence = _yaml(lines, "license_name") or _yaml(lines, "license")
        return Card(licence[0] if licence else "", languages_of(_yaml(lines, "language")))


def look(path: Path, file: str = "") -> tuple[Detected, Path]:
    """What lies in ``path``, and the folder that its files are named from. Raises BadInput.

    ``file`` names one of several GGUF files in a folder, by its name, its quantisation or a pattern.
    """
    path = absolute(path)
    try:
        if path.is_file():
            return _file(path)
        if not path.is_dir():
            raise BadInput(l10n("There is no file or folder {path}. Check the path.", path=path))
        root = _model_folder(path)
        if file and (root / file).is_file():
            return _file(root / file)
        found = classify(Local(root), file)
        if found.engine == "whisper":
            _check_whisper(root / "model.bin")
        return found, root
    except OSError as error:
        raise BadInput(
            l10n("{filename} cannot be read: {error}.", filename=error.filename or path, error=error.strerror)
        ) from error


def _file(path: Path) -> tuple[Detected, Path]:
    """One GGUF file, with its other parts, and its mmproj when the folder holds no other model."""
    if path.suffix.lower() != ".gguf":
        if path.name in ("model_index.json", "config.json", "adapter_config.json"):
            return look(path.parent)
        raise refusal(Local(path.parent, (path.name,), path.name), {}, readable=False)
    beside = [each.name for each in path.parent.iterdir() if each.suffix.lower() == ".gguf" and each.is_file()]
    parts = [name for name in beside if split_of(name) == split_of(path.name)]
    eyes = [name for name in beside if "mmproj" in name.lower() and name not in parts]
    alone = len(beside) == len(parts) + len(eyes)
    only = (*parts, *eyes) if alone else tuple(parts)
    return classify(Local(path.parent, only), path.name), path.parent


def _model_folder(path: Path) -> Path:
    """``path``, or what it wraps: the newest snapshot of a hub cache, the only folder in an unpacked archive."""
    for _ in range(DEEP):
        if (path / "snapshots").is_dir():
            path = max((path / "snapshots").iterdir(), key=lambda each: each.stat().st_mtime, default=path)
        inside = [each for each in path.iterdir() if not each.name.startswith((".", "__"))]
        if len(inside) != 1 or not inside[0].is_dir():
            break
        path = inside[0]
    return path


def _sizes(root: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for folder, folders, files in os.walk(root):
        below = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if not name.startswith(".") and len(below.parts) < DEEP]
        for name in files:
            path = Path(folder) / name
            if not name.startswith(".") and path.is_file():
                sizes[(PurePosixPath(below.as_posix()) / name).as_posix()] = path.stat().st_size
        if len(sizes) > MANY:
            raise unknown(str(root))
    return sizes


def _name(root: Path) -> str:
    """The folder's, or that of the repository when it is a snapshot in a hub cache."""
    if root.parent.name == "snapshots" and root.parent.parent.name.startswith("models--"):
        return root.parent.parent.name.split("--")[-1]
    return root.name or "model"


def _check_whisper(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(32)
    if CT2_WHISPER not in head:
        raise damaged(path.name, l10n("it is no Whisper model of CTranslate2"))


def _yaml(lines: list[str], key: str) -> list[str]:
    """The values of a key: one on its line, ``[a, b]``, or a list below it."""
    for number, line in enumerate(lines):
        if line.startswith(f"{key}:"):
            value = line.partition(":")[2].strip().strip("[]")
            listed = [each for each in value.split(",") if each.strip()]
            for below in lines[number + 1 :] if not listed else ():
                if not re.match(r"\s*- ", below):
                    break
                listed.append(below.partition("- ")[2])
            return [each.strip().strip("'\"") for each in listed]
    return []
