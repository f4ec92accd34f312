"""Model recommendation: which model of each task suits this machine's memory and device, and the person's language.

Pure: it knows the catalogue's figures and two budgets, and looks at nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.catalogue.spec import ModelSpec, Task

ROOM = 0.75  # of the budget for one model: an answer in a voice needs three, which take turns where they must
# Bytes of weights up to which a CPU answers at the speed of reading (they are all read for every token), transcribes
# faster than one speaks, and paints within a minute or two.
CPU_BYTES: dict[Task, float] = {"chat": 2.6e9, "see": 2.6e9, "hear": 5e8, "paint": 6e9}


def recommended(specs: Iterable[ModelSpec], memory: int, gpu: int, language: str) -> frozenset[str]:
    """Ids, at most one a task. ``memory`` and ``gpu`` are budgets in bytes of RAM and GPU memory (0 without a GPU).

    ``language`` is an ISO 639-1 code that a model should know; one that knows it not is taken only where none does.
    """
    tasks: dict[Task, list[ModelSpec]] = {}
    for spec in specs:
        if not spec.miniature:
            tasks.setdefault(spec.task, []).append(spec)
    best = (_best(task, each, memory, gpu, language) for task, each in tasks.items())
    return frozenset(spec.id for spec in best if spec)


def _best(task: Task, specs: list[ModelSpec], memory: int, gpu: int, language: str) -> ModelSpec | None:
    knowing = [spec for spec in specs if not spec.languages or language in spec.languages]
    return _suited(task, knowing, memory, gpu) or _suited(task, specs, memory, gpu)


def _suited(task: Task, specs: list[ModelSpec], memory: int, gpu: int) -> ModelSpec | None:
    """The best of those that leave room for others and are quick here, or else the smallest that fits at all."""
    fitting = [spec for spec in specs if _share(spec, memory, gpu) <= 1]
    easy = [spec for spec in fitting if _share(spec, memory, gpu) <= ROOM and not _slow(spec, gpu)]
    if not easy:
        return min(fitting, key=lambda spec: spec.bytes, default=None)
    return max(easy, key=lambda spec: (not spec.terms, _quality(task, spec, gpu)))


def _share(spec: ModelSpec, memory: int, gpu: int) -> float:
    """Of the budget it computes in; above 1 it cannot be loaded."""
    need, budget = (spec.gpu_memory, gpu) if gpu and spec.gpu_memory else (spec.memory, memory)
    return need / budget if budget else 2.0


def _slow(spec: ModelSpec, gpu: int) -> bool:
    return not (gpu and spec.gpu_memory) and spec.bytes > CPU_BYTES.get(spec.task, float("inf"))


def _quality(task: Task, spec: ModelSpec, gpu: int) -> float:
    """Within chat, see and hear the larger model is the better one; elsewhere the catalogue's order says it.

    A CPU paints at some seconds a step: there the painter with the fewest steps is best.
    """
    if task == "paint" and not gpu:
        return -float(dict(spec.defaults).get("steps", 25))
    return float(spec.bytes) if task in CPU_BYTES else 0.0
