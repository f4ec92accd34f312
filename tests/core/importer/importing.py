"""Models that lie on this machine, taken in as a person does."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from core.catalogue.spec import ModelSpec
from core.importer.add_local import adopt
from core.settings import Settings
from core.types.events import Progress


def take(path: Path, settings: Settings, task: str = "", id: str = "", base: str = "") -> ModelSpec:
    return finish(adopt(path, settings, task, id, base))


def finish(steps: Generator[Progress, None, ModelSpec]) -> ModelSpec:
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            spec: ModelSpec = end.value
            return spec
        assert step.note
        assert step.note.into("zh") != str(step.note)


def taken(settings: Settings) -> list[str]:
    """Every file under the models folder, locks aside."""
    found = (path for path in settings.models.rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(path.relative_to(settings.models).as_posix() for path in found)
