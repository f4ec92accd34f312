"""Taking models away: what is left of unfinished downloads, installed files, and the person's own entries."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path

from filelock import FileLock, Timeout

from core.catalogue import ModelSpec
from core.errors import BadInput
from core.settings import Settings
from core.usercatalogue import forget


def drop(spec: ModelSpec, models_folder: Path, patience: float = 20.0) -> None:
    """Delete what unfinished downloads of ``spec`` have left, once nobody fetches it: waits ``patience`` seconds.

    Raises BadInput while it is in use.
    """
    _delete(spec, models_folder, (models_folder / ".partial" / spec.id,), patience)


def remove(spec: ModelSpec, settings: Settings) -> dict[str, str]:
    """Delete a model and what is left of downloads of it; one of the person's own leaves their catalogue.

    Returns the settings that named it, each with its new value: whoever holds the settings has to change them. Raises
    BadInput while the model is in use.
    """
    models = settings.models
    _delete(spec, models, (models / spec.id, models / ".partial" / spec.id), patience=0)
    forget(spec.id, settings)
    naming = [item.name for item in fields(settings) if getattr(settings, item.name) == spec.id]
    changes = {name: "" for name in naming if name != "pinned"}
    if spec.id in settings.pinned.split():
        changes["pinned"] = " ".join(id for id in settings.pinned.split() if id != spec.id)
    return changes


def _delete(spec: ModelSpec, models_folder: Path, folders: tuple[Path, ...], patience: float) -> None:
    lock = models_folder / ".partial" / f"{spec.id}.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=patience):
            for folder in folders:
                if folder.exists():
                    shutil.rmtree(folder)
    except (Timeout, OSError) as error:
        raise BadInput(
            f"{spec.name} cannot be removed now: {error}. Stop its download, or close whatever uses it, and try again.",
            f"现在无法删除 {spec.name}：{error}。请停止下载或关闭正在使用它的程序，然后重试。",
        ) from error
