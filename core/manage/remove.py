"""Removing models: installed files, what is left of unfinished downloads, and the person's own entries."""

from __future__ import annotations

import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from core.catalogue.spec import ModelSpec
from core.catalogue.user_file import forget
from core.errors import BadInput
from core.l10n.text import l10n
from core.settings import Settings

ROLES = ("chat", "see", "hear", "read", "speak", "paint")  # settings that name a model


def drop(spec: ModelSpec, models_folder: Path, patience: float = 20.0) -> None:
    """Delete what unfinished downloads of ``spec`` have left, once nobody fetches it: waits ``patience`` seconds.

    Raises BadInput while it is in use.
    """
    _delete(spec, models_folder, (models_folder / ".partial" / spec.id,), patience)


def remove(spec: ModelSpec, settings: Settings) -> dict[str, object]:
    """Delete a model, its adapters and what is left of downloads of it; its entry leaves the person's catalogue.

    A shipped model stays known; one that was pinned when it was fetched is looked up anew the next time. Returns the
    settings that named the model or its adapter, by key with new values: whoever holds the settings has to change
    them. Raises BadInput while another program fetches it or holds its files; whether it is loaded is not known here.
    """
    models, adapter = settings.models, settings.adapter
    changes: dict[str, object] = {role: "" for role in ROLES if getattr(settings, role) == spec.id}
    if adapter and settings.see in ("", spec.id) and (models / spec.id / "adapters" / adapter).is_dir():
        changes["adapter"] = ""
    _delete(spec, models, (models / spec.id, models / ".partial" / spec.id), patience=0)
    forget(spec.id, settings)
    if spec.id in settings.memory.pinned:
        changes["memory.pinned"] = tuple(id for id in settings.memory.pinned if id != spec.id)
    return changes


def _delete(spec: ModelSpec, models_folder: Path, folders: tuple[Path, ...], patience: float) -> None:
    lock = models_folder / ".partial" / f"{spec.id}.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=patience):
            for folder in folders:
                if folder.is_symlink():
                    folder.unlink()
                elif folder.exists():
                    shutil.rmtree(folder)
    except (Timeout, OSError) as error:
        raise BadInput(
            l10n(
                "{name} cannot be removed now: {error}. Stop its download, or close whatever uses it, and try again.",
                name=spec.name,
                error=error,
            )
        ) from error
