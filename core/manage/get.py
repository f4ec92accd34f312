"""Getting a model: ``get`` pins a hub repository whose files are not known yet, then fetches every file."""

from __future__ import annotations

from collections.abc import Generator

from core.catalogue.spec import ModelSpec
from core.download.fetch import fetch
from core.settings import Settings
from core.types.events import Progress


def get(spec: ModelSpec, settings: Settings) -> Generator[Progress, None, ModelSpec]:
    """Install ``spec``, and return what is installed now; closing the generator cancels.

    A repository is looked up on the hub and noted in the person's catalogue with its commit. Raises what
    ``core.importer.add_hub.pin`` and ``core.download.fetch.fetch`` raise.
    """
    if spec.repository:
        from core.importer.add_hub import pin  # and with it the hub's client

        spec = yield from pin(spec, settings)
    return (yield from fetch(spec, settings))
