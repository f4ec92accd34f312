"""The user catalogue: entries of a person's ``catalogue.toml`` are written and taken out, all else in it stays."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomli_w
from filelock import FileLock

from core.catalogue.load import load
from core.catalogue.spec import File, Folder, Hub, ModelSpec, Package, Source
from core.errors import BadInput
from core.l10n.text import l10n
from core.settings import Settings

_HEADER = re.compile(r"^(?=[ \t]*\[\[[ \t]*model[ \t]*\]\])", re.MULTILINE)


def write(spec: ModelSpec, settings: Settings) -> None:
    """Add ``spec``, or replace the entry of its id where it stands.

    Raises BadInput when the file cannot be read or written: it is then as it was.
    """
    _rewrite(settings, lambda blocks: _replaced(blocks, spec.id, tomli_w.dumps({"model": [entry(spec)]})))


def forget(id: str, settings: Settings) -> bool:
    """Take the entry called ``id`` out; False when the person has none of that name."""
    if not own(id, settings):
        return False
    _rewrite(settings, lambda blocks: [block for block in blocks if _id(block) != id])
    return True


def own(id: str, settings: Settings) -> bool:
    """Whether the person's own catalogue has an entry called ``id``."""
    return id in ids(settings)


def ids(settings: Settings) -> frozenset[str]:
    """Of the person's entries; shipped models that were pinned when they were fetched are among them."""
    return frozenset(_id(block) for block in _blocks(file_of(settings))) - {""}


def file_of(settings: Settings) -> Path:
    return settings.home / "catalogue.toml"


def entry(spec: ModelSpec) -> dict[str, Any]:
    """``spec`` as ``core.catalogue.spec`` reads it.

    Raises ValueError for files joined from packages, never written here.
    """
    given: dict[str, Any] = {"id": spec.id, "name": spec.name, "task": spec.task, "engine": spec.engine}
    given |= {"licence": spec.licence, "revision": spec.revision, "languages": list(spec.languages)}
    given["memory_mb"] = _megabytes(spec.memory)
    optional = {
        "gpu_memory_mb": _megabytes(spec.gpu_memory),
        "terms": spec.terms,
        "about": str(spec.about),
        **{f"about_{language}": text for language, text in spec.about.given},
        "voices": list(spec.voices),
        "clones": spec.clones,
        "defaults": dict(spec.defaults),
    }
    given |= {key: value for key, value in optional.items() if value}
    given |= {name: True for name in ("starter", "miniature") if getattr(spec, name)}
    if spec.repository:
        given["download_mb"] = _megabytes(spec.download)
        kept = spec.repository
        given["repository"] = {"hub": kept.repo, "revision": kept.revision, "include": list(kept.include)}
    if spec.files:
        given["file"] = [_file(file) for file in spec.files]
    return given


def _file(file: File) -> dict[str, Any]:
    sources = [_source(source) for source in file.sources]
    return {"name": file.name, "bytes": file.bytes, "sha256": file.sha256, "sources": sources}


def _source(source: Source) -> dict[str, str]:
    match source:
        case Hub(repo, revision, path):
            return {"hub": repo, "revision": revision, "path": path}
        case Folder(path):
            return {"folder": path}
        case Package((member,)):
            return {"package": member.package, "version": member.version, "path": member.path}
    raise ValueError("a file joined from several packages cannot be written")


def _megabytes(size: int) -> float | int:
    return round(size / 1e6, 3) if size % 1_000_000 else size // 1_000_000


def _rewrite(settings: Settings, change: Callable[[list[str]], list[str]]) -> None:
    """Change the entries of the file under its lock; the new file is read as a catalogue before it takes its place."""
    path = file_of(settings)
    partial = path.with_suffix(".toml.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".toml.lock")):
            load(path)
            partial.write_text("".join(change(_blocks(path))), "utf-8")
            load(partial)
            partial.replace(path)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(
            l10n(
                "Your catalogue {path} cannot be written: {reason}. Check the folder and the disk.",
                path=path,
                reason=reason,
            )
        ) from error


def _replaced(blocks: list[str], id: str, text: str) -> list[str]:
    """``blocks`` with ``text`` as the entry called ``id``: where it stands, otherwise last."""
    names = [_id(block) for block in blocks]
    if id in names:
        return [text + "\n" if name == id else block for name, block in zip(names, blocks, strict=True)]
    whole = "".join(blocks)
    gap = "" if not whole or whole.endswith("\n\n") else "\n" if whole.endswith("\n") else "\n\n"
    return [*blocks, gap + text]


def _blocks(path: Path) -> list[str]:
    """The file's text, cut before every entry; joined again it is the same, comments included.

    A file that cannot be cut so (a header inside a long string) is written anew from its values. Raises BadInput.
    """
    load(path)
    if not path.exists():
        return []
    text = path.read_text("utf-8")
    head, *blocks = _HEADER.split(text)
    try:
        alone = [tomllib.loads(block)["model"] for block in blocks]
        if [one for each in alone for one in each] == tomllib.loads(text).get("model", []):
            return [head, *blocks]
    except (tomllib.TOMLDecodeError, LookupError):
        pass
    return [tomli_w.dumps({"model": [each]}) + "\n" for each in tomllib.loads(text).get("model", [])]


def _id(block: str) -> str:
    """Of the entry in ``block``; empty for the text before the first one."""
    models = tomllib.loads(block).get("model", [])
    return str(models[0]["id"]) if models else ""
