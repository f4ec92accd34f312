"""Background jobs on models: get, verify, add, move, at most one a key, so that a page can show and stop them.

A job's key is the model's id when one is fetched or checked, ``add`` while one is added and ``move`` while the folder
of all is moved.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.catalogue import licences as terms
from core.catalogue.spec import ModelSpec
from core.errors import BadInput, EngineFailed, ParlorError
from core.host.background import Background
from core.l10n.text import l10n
from core.settings import Settings
from core.types.events import Progress

ADD, MOVE = "add", "move"

Steps = Generator[Progress, None, object]


class JobsHost(Protocol):
    """What the jobs need of the app, which is ``core.app.app.JobsHost``."""

    settings: Settings

    def reload(self) -> None: ...

    def unload_all(self) -> None: ...

    def use_models_folder(self, folder: Path) -> None: ...


@dataclass(slots=True)
class Job:
    """One under way. ``undo`` clears away what a cancelled one has left."""

    progress: Progress
    undo: Callable[[], None]
    work: Background
    cancelled: bool = False


class Jobs:
    """All jobs of this process, at most one a key."""

    def __init__(self, app: JobsHost) -> None:
        self._app = app
        self._jobs: dict[str, Job] = {}
        self._trouble: dict[str, ParlorError] = {}
        self._said: dict[str, Progress] = {}
        self._added = ""
        self._lock = threading.Lock()

    def get(self, spec: ModelSpec, accepted: bool = False) -> None:
        """Fetch ``spec``, going on from what an earlier attempt left; nothing when that is under way.

        Raises BadInput when its licence asks to be agreed to and neither ``accepted`` nor an earlier note says so.
        """
        from core.manage.get import get  # and with it an HTTP client, which no other page needs
        from core.manage.remove import drop

        settings = self._app.settings
        if accepted:
            terms.accept(spec, settings)
        terms.must_accept(spec, settings)
        self._start(spec.id, get(spec, settings), lambda: drop(spec, settings.models))

    def verify(self, spec: ModelSpec) -> None:
        """Hash every file of ``spec``; ``said`` or ``trouble`` tell how it ended."""
        from core.download.fetch import verify

        self._start(spec.id, verify(spec, self._app.settings.models))

    def add(self, path: Path | str, task: str = "", model: str = "", base: str = "") -> None:
        """Take in the model in ``path``, a file or folder (``core.importer.add_local``), under the id ``model``.

        Raises BadInput while another is added.
        """
        from core.importer.add_local import adopt

        self._start(ADD, self._adding(adopt(Path(path), self._app.settings, task, model, base)))

    def add_from_hub(self, name: str, task: str = "", model: str = "", file: str = "") -> None:
        """Look ``owner/name`` up on the hub, note it in the person's catalogue, and fetch it
        (``core.importer.add_hub``).

        Raises BadInput while another is added.
        """
        from core.catalogue.user_file import forget, ids
        from core.importer.add_hub import look_up
        from core.manage.get import get
        from core.manage.remove import drop

        settings, found = self._app.settings, list[ModelSpec]()
        before = ids(settings)

        def steps() -> Steps:
            spec = yield from look_up(name, settings, task, model, file)
            found.append(spec)
            self._added = spec.id
            self._app.reload()
            terms.must_accept(spec, settings)
            return (yield from get(spec, settings))

        def undo() -> None:
            for spec in found:
                drop(spec, settings.models)
                if spec.id not in before:
                    forget(spec.id, settings)

        self._start(ADD, steps(), undo)

    def move(self, folder: Path | str) -> None:
        """Move the models folder elsewhere (``core.manage.move``). Raises BadInput while anything else is under way."""
        from core.manage.move import move

        self._start(MOVE, move(Path(folder), self._app.settings, self._app.unload_all, self._app.use_models_folder))

    def progress(self, key: str) -> Progress | None:
        """How far it is, None when it is not under way."""
        job = self._jobs.get(key)
        return job.progress if job else None

    def trouble(self, key: str) -> ParlorError | None:
        """Why the last attempt failed."""
        return self._trouble.get(key)

    def said(self, key: str) -> Progress | None:
        """The last word of a job that ended well."""
        return self._said.get(key)

    def added(self) -> str:
        """Id of the model added last; empty when none was."""
        return self._added

    def accepted(self, spec: ModelSpec) -> bool:
        """Whether ``get`` may begin without asking: the licence needs no agreement, or has it."""
        return terms.accepted(spec, self._app.settings)

    def paused(self, spec: ModelSpec) -> int:
        """Bytes lying of an unfinished download that is not under way."""
        if spec.id in self._jobs:
            return 0
        staging = self._app.settings.models / ".partial" / spec.id
        size = 0
        with suppress(OSError):  # a file may go while we look
            size = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
        return size

    def pause(self, key: str) -> None:
        """Stop at the next moment; what has come is kept for going on."""
        if job := self._jobs.get(key):
            job.work.stop()

    def cancel(self, key: str) -> None:
        """Stop at the next moment and undo: what was fetched, taken in, copied or noted by the job goes again.

        The commit at which a model was pinned when its files were looked up stays noted.
        """
        if job := self._jobs.get(key):
            job.cancelled = True
            job.work.stop()

    def dismiss(self, key: str) -> None:
        """Forget how the last attempt ended."""
        self._trouble.pop(key, None)
        self._said.pop(key, None)

    def _start(self, key: str, steps: Steps, undo: Callable[[], None] = lambda: None) -> None:
        """Begin, unless it is under way. Raises BadInput when it must wait for another."""
        with self._lock:
            self._refuse(key)
            if key in self._jobs:
                return
            self._jobs[key] = job = Job(Progress("download", None), undo, Background(f"job {key}", _broke()))
            self.dismiss(key)
        self._begin(key, job, steps)

    def _refuse(self, key: str) -> None:
        """Raises BadInput when what is under way keeps ``key`` from beginning. The lock is held."""
        if MOVE in self._jobs:
            raise BadInput(l10n("The models folder is being moved. Try again when that is done."))
        if key == MOVE and self._jobs:
            raise BadInput(
                l10n("A model is being fetched, checked or added. Stop that or wait for it, then move the folder.")
            )
        if key == ADD and ADD in self._jobs:
            raise BadInput(l10n("Another model is being added. Wait for it, or cancel it."))

    def _begin(self, key: str, job: Job, steps: Steps) -> None:
        def each(step: Progress) -> None:
            job.progress = step

        def ended(error: ParlorError | None) -> None:
            error = error or job.work.outcome(lambda: self._settle(job))
            if error:
                self._trouble[key] = error
            elif not job.work.stopping:
                self._said[key] = job.progress
            del self._jobs[key]

        job.work.drive(steps, each, ended)

    def _settle(self, job: Job) -> None:
        """After its last step: a cancelled one is undone, and the app sees what has changed."""
        if job.cancelled:
            job.undo()
        self._app.reload()

    def _adding(self, steps: Generator[Progress, None, ModelSpec]) -> Steps:
        spec = yield from steps
        self._added = spec.id
        return spec


def _broke() -> EngineFailed:
    return EngineFailed(l10n("This failed unexpectedly; parlor.log in the data folder says why. Try again."))
