"""Catalogue entry of a detected model: its task, its id, and for an adapter the model it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from core.catalogue.spec import RESERVED, Catalogue, File, ModelSpec, Task, installed, valid_id
from core.errors import BadInput
from core.importer.detect_gguf import without_eyes
from core.importer.found import Detected, about, memory
from core.settings import Settings


def for_task(found: Detected, task: str) -> Detected:
    """``found`` to be used for ``task``, its own when empty. Raises BadInput when it cannot do that."""
    if not task or task == found.task:
        return found
    if task == "chat" and "chat" in found.tasks:
        return without_eyes(found)
    can = " / ".join(found.tasks)
    if task not in get_args(Task):
        raise BadInput(
            f"There is no task {task!r}. Tasks are {', '.join(get_args(Task))}.",
            f"没有任务 {task!r}。可用任务：{'、'.join(get_args(Task))}。",
        )
    if task == "see" and found.engine == "llama":
        raise BadInput(
            f"{found.name} cannot see without its mmproj file. Put that (mmproj-….gguf) beside it and add the folder.",
            f"{found.name} 缺少 mmproj 文件，无法识图。请将 mmproj-….gguf 放入同一文件夹，然后添加该文件夹。",
        )
    raise BadInput(
        f"{found.name} is made for {can} and cannot be used for {task}.",
        f"{found.name} 用于 {can}，不能用于 {task}。",
    )


def check_id(id: str, known: Catalogue) -> None:
    """Raises BadInput for an id that is taken or could not name a folder; an empty one is none yet."""
    if id and not valid_id(id):
        raise BadInput(
            f"{id!r} cannot be an id: it is made of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit.",
            f"{id!r} 不能用作 id：只能包含 a-z、0-9、'.'、'_' 和 '-'，并以字母或数字开头。",
        )
    if any(spec.id == id for spec in known.models):
        raise BadInput(
            f"There is a model called {id} already. Choose another id, or remove that one first.",
            f"已有名为 {id} 的模型。请另选 id，或先删除该模型。",
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
        about=said, about_zh=said, gpu_memory=gpu, terms=found.terms, voices=found.voices, clones=found.clones,
    )  # fmt: skip


def adapter_base(found: Detected, known: Catalogue, settings: Settings, base: str) -> ModelSpec:
    """The model that an adapter is for: ``base``, or the only one installed that takes any. Raises BadInput."""
    fitting = [spec for spec in known.models if spec.engine == "llava" and installed(spec, settings.models)]
    if base:
        spec = known.find(base)
        if spec not in fitting:
            raise BadInput(
                f"{spec.name} takes no LoRA adapter, or is not installed. Models that do: {_listed(fitting)}.",
                f"{spec.name} 不支持 LoRA 适配器或尚未安装。可用的模型：{_listed(fitting)}。",
            )
        return spec
    named = found.base.rsplit("/", 1)[-1].lower()
    likely = [spec for spec in fitting if named and named in (spec.id.lower(), spec.name.lower())]
    if len(likely or fitting) == 1:
        return (likely or fitting)[0]
    made_for, made_for_zh = (f", made for {found.base}", f"（为 {found.base} 制作）") if found.base else ("", "")
    raise BadInput(
        f"{found.name} is a LoRA adapter{made_for}. Say which model it joins (--for ID): {_listed(fitting)}.",
        f"{found.name} 是 LoRA 适配器{made_for_zh}。请指定所属模型（--for ID）：{_listed(fitting)}。",
    )


def _listed(specs: list[ModelSpec]) -> str:
    return ", ".join(spec.id for spec in specs) or "none is installed / 均未安装"
