"""Detected models: what a folder, a file or a repository turns out to be, and the listing it is detected in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from core.catalogue.spec import Task
from core.errors import BadInput
from core.formats.coqui import without_comments
from core.formats.gguf import Header
from core.l10n.text import L10n, l10n

SMALL = 20_000_000  # bytes of a file that may be read whole
GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file to be taken: where it lies in its source, its name in the model's folder, its size in bytes."""

    source: str
    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Card:
    """What a model card says in its head. ``terms`` is the address of a licence to be agreed to."""

    licence: str = ""
    languages: tuple[str, ...] = ()
    terms: str = ""


class Listing(Protocol):
    """The files of a source: ``sizes`` in bytes by their paths in it, with ``/`` between folders."""

    name: str
    sizes: dict[str, int]

    def read(self, path: str) -> bytes:
        """A small file, whole."""

    def folder(self, paths: Iterable[str]) -> Path:
        """Where these small files lie under their names."""

    def header(self, path: str) -> Header:
        """Of a GGUF file. Raises BadInput for a damaged one."""

    def tensors(self, path: str) -> dict[str, int]:
        """Of a safetensors file, with their numbers of weights; empty when it is not here yet. Raises BadInput."""

    def card(self) -> Card: ...


@dataclass(frozen=True, slots=True)
class Detected:
    """A model that Parlor can use.

    ``tasks`` are those it can do, the first its own; none for a LoRA adapter, whose ``base`` is the model it was made
    for, as far as it says. ``context`` in tokens, ``parameters`` and ``quantisation`` are known of GGUF files.
    ``wants_mmproj`` tells that it was made to see and the file for that is missing.
    """

    engine: str
    tasks: tuple[Task, ...]
    name: str
    id: str
    files: tuple[FileEntry, ...]
    languages: tuple[str, ...] = ()
    voices: tuple[str, ...] = ()
    licence: str = ""
    terms: str = ""
    base: str = ""
    context: int = 0
    parameters: int = 0
    quantisation: str = ""
    wants_mmproj: bool = False
    clones: bool = False

    @property
    def task(self) -> Task | None:
        return self.tasks[0] if self.tasks else None

    @property
    def adapter(self) -> bool:
        return not self.tasks

    @property
    def bytes(self) -> int:
        return sum(take.bytes for take in self.files)


# What a loaded model takes beside its weights, in bytes of RAM and of GPU memory: libraries, caches, activations.
BESIDE: dict[str, tuple[int, int]] = {
    "llama": (GB // 5, GB // 2),
    "llava": (GB, GB),
    "diffusion": (2 * GB, 3 * GB // 2),
    "coqui": (GB, GB // 2),
    "whisper": (GB // 4, GB // 2),
    "clip": (GB // 2, GB // 4),
}


def memory(found: Detected) -> tuple[int, int]:
    """A first guess of the RAM and the GPU memory it takes, in bytes, whole megabytes; what is measured replaces it."""
    weights = -(-found.bytes * 6 // 5_000_000) * 1_000_000
    ram, gpu = BESIDE[found.engine]
    return weights + ram, weights + gpu


def about(found: Detected) -> str:
    """Quantisation, size and context in figures, for both languages: ``Q4_K_M · 1.8 B · 32,768 tok``."""
    size = f"{found.parameters / 1e9:.1f} B" if found.parameters >= 1e9 else f"{found.parameters / 1e6:.3g} M"
    said = (found.quantisation, size if found.parameters else "", f"{found.context:,} tok" if found.context else "")
    return " · ".join(each for each in said if each)


def slug(name: str) -> str:
    """``name`` as a model's id: a-z, 0-9, ``.``, ``_`` and ``-``."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", name.lower())
    return re.sub(r"[-_.]*-[-_.]*", "-", plain).strip("-._")[:64].rstrip("-._") or "model"


def read_json(listing: Listing, path: str) -> dict[str, Any]:
    """An object, in which Coqui may have written comments. Raises BadInput for a file that is too large or none."""
    try:
        if listing.sizes[path] > SMALL:
            raise ValueError("it is too large")
        value = json.loads(without_comments(listing.read(path).decode("utf-8")))
        if not isinstance(value, dict):
            raise ValueError("it holds no object")
        return value
    except (ValueError, RecursionError) as error:
        raise damaged(path, L10n(str(error))) from error


def damaged(path: str, reason: L10n) -> BadInput:
    return BadInput(l10n("{path} cannot be used: {reason}. Get the file again, whole.", path=path, reason=reason))


def languages_of(codes: object) -> tuple[str, ...]:
    """ISO 639-1 codes out of what a card or a config calls languages: ``zh-cn`` and ``cmn`` are ``zh``."""
    listed = [codes] if isinstance(codes, str) else codes if isinstance(codes, list | tuple) else []
    found = (str(code).lower().replace("_", "-").split("-")[0] for code in listed)
    known = ({"cmn": "zh", "zho": "zh", "eng": "en", "multilingual": ""}.get(code, code) for code in found)
    return tuple(dict.fromkeys(code for code in known if re.fullmatch(r"[a-z]{2,3}", code)))
