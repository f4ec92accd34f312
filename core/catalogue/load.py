"""Catalogue parsing: ``load`` checks every entry of the shipped TOML file and of the person's own."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

from core.catalogue.spec import (
    Catalogue,
    File,
    Folder,
    Hub,
    Member,
    ModelSpec,
    Package,
    Repository,
    Source,
    Task,
    valid_id,
)
from core.errors import BadInput
from core.l10n.tables import languages
from core.l10n.text import L10n, l10n

SHIPPED = Path(__file__).parents[2] / "models" / "catalogue.toml"


def load(user_file: Path | None = None) -> Catalogue:
    """The shipped models, and the person's own from ``user_file`` if it exists: theirs win.

    Raises BadInput naming the file, the entry and what is wrong with it.
    """
    models = {spec.id: spec for spec in _read(SHIPPED)}
    if user_file is not None and user_file.exists():
        models |= {spec.id: spec for spec in _read(user_file)}
    return Catalogue(tuple(models.values()))


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
            l10n(
                "The catalogue {path} cannot be used ({where}): {reason}. Mend that entry or take it out.",
                path=path,
                where=where,
                reason=reason,
            )
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
    given["about"] = _about(given)
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


def _about(given: dict[str, Any]) -> L10n:
    """``about`` and its translations, ``about_<language>``, taken out of an entry."""
    told = ((language, given.pop(f"about_{language}", "")) for language in languages())
    return L10n(given.pop("about", ""), given=tuple((language, text) for language, text in told if text))


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
