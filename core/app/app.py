"""The app as one object: ``parlor`` is that of this process."""

from __future__ import annotations

import atexit
import functools
import logging
import logging.handlers
import threading
from collections.abc import Mapping
from pathlib import Path

from core.app.calls import Calls
from core.app.runs import Runs
from core.app.services import Services
from core.catalogue.load import load as load_catalogue
from core.catalogue.spec import Catalogue, ModelSpec
from core.errors import BadInput, EngineFailed
from core.host.background import Background
from core.l10n.text import l10n
from core.manage.jobs import Jobs
from core.manage.remove import remove
from core.runtime.lease import acquire
from core.runtime.pool import Pool
from core.settings import Settings, keep, load
from core.store.store import Store


class App:
    """Everything the pages and the command line work with. Imports no ML library; only ``jobs`` use the network."""

    def __init__(self, settings: Settings) -> None:
        settings.home.mkdir(parents=True, exist_ok=True)
        _log_to(settings.home / "parlor.log")
        catalogue = load_catalogue(settings.home / "catalogue.toml")
        self.store = Store(settings.database, settings.media)
        self.store.recover()
        self.pool = Pool(settings)
        self.services = Services(settings, catalogue, self.store, self.pool)
        self.runs = Runs(self.services)
        self.jobs = Jobs(self)
        self.calls = Calls(self.services)
        self._warm: Background | None = None
        self._closed = False
        atexit.register(self.close)

    @property
    def settings(self) -> Settings:
        return self.services.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self.services.settings = settings

    @property
    def catalogue(self) -> Catalogue:
        return self.services.catalogue

    def change(self, changes: Mapping[str, object]) -> None:
        """Change settings, by key, and keep the changes, for this process also where the environment said otherwise.

        Loaded models that a change concerns are loaded anew at their next use.
        """
        keep(self.settings.home, changes)
        self.settings = self.settings.changed(changes)
        self.pool.change(self.settings)

    def reload(self) -> None:
        """Read the catalogue again: a model was added, pinned or removed."""
        self.services.catalogue = load_catalogue(self.settings.home / "catalogue.toml")

    def remove(self, spec: ModelSpec) -> None:
        """Unload and delete a model (``core.manage.remove``), and let go of the settings that named it.

        Raises BadInput while it is in use, being loaded, or being fetched.
        """
        if not self.pool.unload(spec.id) and any(each.spec.id == spec.id for each in self.pool.held()):
            raise _in_use(spec)
        changes = remove(spec, self.settings)
        self.reload()
        if changes:
            self.change(changes)

    def unload_all(self) -> None:
        """Give the memory of every model back. Raises BadInput when one is in use or being loaded."""
        self.pool.renew()
        if busy := self.pool.held():
            raise _in_use(busy[0].spec)

    def use_models_folder(self, folder: Path) -> None:
        """Go over to ``folder``, where the models lie now."""
        self.change({"models_folder": str(folder)})

    def preload(self) -> None:
        """Once, in the background: clear away what was deleted long ago, and load the models of a spoken turn.

        Models are loaded only as far as they fit beside one another.
        """
        with _ONE:
            if self._warm is not None:
                return
            self._warm = Background("preload", _not_loaded())
        self._warm.run(self._preload, lambda error: None)  # whoever needs a model is told when they do

    def close(self) -> None:
        """Keep what is being said, end every worker, close the store."""
        self._closed = True
        self.calls.close()
        self.runs.close()
        self.pool.close()
        self.store.close()
        _close_log()

    def _preload(self) -> None:
        self.store.purge()
        choice = self.services.choice()
        for spec in (choice.chat, choice.listen, choice.speak):
            if spec and not self._closed and self.pool.fits(spec):
                acquire(self.pool, spec, wait=False).release()


def _in_use(spec: ModelSpec) -> BadInput:
    return BadInput(l10n("{name} is in use. Try again when it is idle.", name=spec.name))


def _not_loaded() -> EngineFailed:
    return EngineFailed(l10n("The models could not be loaded ahead; parlor.log in the data folder says why."))


def _log_to(file: Path) -> None:
    """What went wrong inside, with its traceback, goes to a file: the person gets a sentence."""
    _close_log()
    log = logging.getLogger("core")
    log.propagate = False
    log.handlers = [logging.handlers.RotatingFileHandler(file, maxBytes=1_000_000, backupCount=1, delay=True)]


def _close_log() -> None:
    """Close the file; whatever is logged later opens it again."""
    for handler in logging.getLogger("core").handlers:
        handler.close()


_ONE = threading.Lock()


def parlor() -> App:
    """The app of this process, make_app at the first call; two tabs that come at once get the same."""
    with _ONE:
        return make_app()


@functools.cache
def make_app() -> App:
    """What ``parlor`` keeps; ``make_app.cache_clear`` lets a test begin with another data folder."""
    return App(load())
