"""The app as one object: settings, catalogue, conversations, models and the turns in progress."""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import logging.handlers
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.catalogue import ModelSpec
from core.catalogue import load as load_catalogue
from core.errors import ParlorError
from core.events import Progress
from core.pool import Pool
from core.runs import Runs
from core.settings import Settings, load, save
from core.store import Store


class Downloads:
    """Models being fetched in the background, one thread each, so that a page can show and cancel them."""

    def __init__(self) -> None:
        self._progress: dict[str, Progress] = {}
        self._trouble: dict[str, ParlorError] = {}
        self._cancelled: set[str] = set()
        self._lock = threading.Lock()

    def start(self, spec: ModelSpec, settings: Settings) -> None:
        """Begin, unless it is under way."""
        with self._lock:
            if spec.id in self._progress:
                return
            self._progress[spec.id] = Progress("download", 0.0)
            self._trouble.pop(spec.id, None)
            self._cancelled.discard(spec.id)
        threading.Thread(target=self._fetch, args=(spec, settings), name=f"get {spec.id}", daemon=True).start()

    def progress(self, model: str) -> Progress | None:
        """How far it is, None when it is not under way."""
        return self._progress.get(model)

    def trouble(self, model: str) -> ParlorError | None:
        """Why the last attempt failed."""
        return self._trouble.get(model)

    def cancel(self, model: str) -> None:
        """Stop at the next moment; what has come is kept for resuming."""
        self._cancelled.add(model)

    def _fetch(self, spec: ModelSpec, settings: Settings) -> None:
        from core.downloads import fetch  # and with it an HTTP client, which no other page needs

        try:
            for progress in fetch(spec, settings):
                if spec.id in self._cancelled:
                    break
                self._progress[spec.id] = progress
        except ParlorError as error:
            self._trouble[spec.id] = error
        finally:
            self._progress.pop(spec.id, None)


class Parlor:
    """Everything the pages and the command line work with. Makes no network call and imports no ML library."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.home.mkdir(parents=True, exist_ok=True)
        _log_to(settings.home / "parlor.log")
        self.catalogue = load_catalogue(settings.home / "catalogue.toml")
        self.store = Store(settings.database, settings.media)
        self.store.recover()
        self.pool = Pool(settings)
        self.runs = Runs(self.store, self.pool, self.catalogue, lambda: self.settings)
        self.downloads = Downloads()
        self._warm: threading.Thread | None = None
        atexit.register(self.close)

    def change(self, **changes: Any) -> None:
        """Change settings and keep them. Loaded models that a change concerns are loaded anew at their next use."""
        settings = replace(self.settings, **changes)
        save(settings)
        self.settings = self.pool.settings = settings
        if {"context_tokens", "threads"} & set(changes):
            self.pool.renew()

    def preload(self) -> None:
        """Once, in the background: clear away what was deleted long ago, and load the models of a spoken turn.

        Models are loaded only as far as they fit beside one another.
        """
        with _ONE:
            if self._warm is not None:
                return
            self._warm = threading.Thread(target=self._preload, name="preload", daemon=True)
        self._warm.start()

    def close(self) -> None:
        """Keep what is being said, end every worker, close the store."""
        self.runs.close()
        self.pool.close()
        self.store.close()

    def _preload(self) -> None:
        with contextlib.suppress(ParlorError):  # whoever needs a model is told when they do
            self.store.purge()
            choice = self.runs.choice()
            for spec in (choice.chat, choice.listen, choice.speak):
                if spec and self.pool.fits(spec):
                    _exhaust(self.pool, spec)


def _log_to(file: Path) -> None:
    """What went wrong inside, with its traceback, goes to a file: the person gets a sentence."""
    log = logging.getLogger("core")
    log.propagate = False
    log.handlers = [logging.handlers.RotatingFileHandler(file, maxBytes=1_000_000, backupCount=1, delay=True)]


def _exhaust(pool: Pool, spec: ModelSpec) -> None:
    opening = pool.use(spec, wait=False)
    while True:
        try:
            next(opening)
        except StopIteration as opened:
            opened.value.release()
            return


_ONE = threading.Lock()


def parlor() -> Parlor:
    """The app of this process, made at the first call; two tabs that come at once get the same."""
    with _ONE:
        return made()


@functools.cache
def made() -> Parlor:
    """What ``parlor`` keeps; ``made.cache_clear`` lets a test begin with another data folder."""
    return Parlor(load())
