"""Catalogue entry of a detected model: its task, its id, and for an adapter the model it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from core.catalogue.spec import RESERVED, Catalogue, File, ModelSpec, Task, installed, valid_id
from core.errors import BadInput
from core.importer.detect_gguf import without_eyes
from core.importer.found import Detected, about, memory
from core.l10n.text import NOTHING, L10n, both, l10n, listed
from core.settings import Settings


def for_task(found: Detected, task: str) -> Detected:
    """``found`` to be used for ``task``, its own when empty. Raises BadInput when it cannot do that."""
    if not task or task == found.task:
        return found
    if task == "chat" and "chat" in found.tasks:
        return without_eyes(found)
    can = " / ".join(found.tasks)
    if task not in get_args(Task):
        raise BadInput(l10n("There is no task {task!r}. Tasks are {tasks}.", task=task, tasks=listed(get_args(Task))))
    if task == "see" and found.engine == "llama":
        raise BadInput(
            l10n(
                "{name} cannot see without its mmproj file. Put that (mmproj-….gguf) beside it and add the folder.",
                name=found.name,
            )
        )
    raise BadInput(l10n("{name} is made for {can} and cannot be used for {task}.", name=found.name, can=can, task=task))


def check_id(id: str, known: Catalogue) -> None:
    """Raises BadInput for an id that is taken or could not name a folder; an empty one is none yet."""
    if id and not valid_id(id):
        raise BadInput(
            l10n(
                "{id!r} cannot be an id: it is made of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit.",
                id=id,
            )
        )
    if any(spec.id == id for spec in known.models):
        raise BadInput(
            l10n("There is a model called {id} already. Choose another id, or remove that one first.", id=id)
        )


def free_id(wanted: str, known: Catalogue, models: Path, root: Path) -> str:
    """``wanted``, or ``wanted-2`` and so on: no model's id, and no folder's name except that of ``root`` itself."""
    taken = {spec.id for spec in known.models} | RESERVED
    number, id = 1, wanted
    while id in taken or ((models / id).exists() and (models / id) != root):
        number += 1
        id = f"{wanted}-{number}"
    return id


def model_spec(found: Detected, id: str, revision: str, files: tuple[File, ...]) -> ModelSpec:
    """The entry. The task is the first of ``found``."""
    ram, gpu = memory(found)
    if found.task is None:
        raise ValueError("an adapter is no model")
    said = about(found)
    return ModelSpec(
        id, found.name, found.task, found.engine, found.licence or "unknown", found.languages, ram, revision, files,
        about=both(said, said), gpu_memory=gpu, terms=found.terms, voices=found.voices, clones=found.clones,
    )  # fmt: skip


def adapter_base(found: Detected, known: Catalogue, settings: Settings, base: str) -> ModelSpec:
    """The model that an adapter is for: ``base``, or the only one installed that takes any. Raises BadInput."""
    fitting = [spec for spec in known.models if spec.engine == "llava" and installed(spec, settings.models)]
    if base:
        spec = known.find(base)
        if spec not in fitting:
            raise BadInput(
                l10n(
                    "{name} takes no LoRA adapter, or is not installed. Models that do: {models}.",
                    name=spec.name,
                    models=_listed(fitting),
                )
            )
        return spec
    named = found.base.rsplit("/", 1)[-1].lower()
    likely = [spec for spec in fitting if named and named in (spec.id.lower(), spec.name.lower())]
    if len(likely or fitting) == 1:
        return (likely or fitting)[0]
    made_for = l10n(", made for {base}", base=found.base) if found.base else NOTHING
    raise BadInput(
        l10n(
            "{name} is a LoRA adapter{made_for}. Say which model it joins (--for ID): {models}.",
            name=found.name,
            made_for=made_for,
            models=_listed(fitting),
        )
    )


def _listed(specs: list[ModelSpec]) -> L10n:
    return listed(spec.id for spec in specs) or l10n("none is installed")
