"""Leases: ``leased`` waits for a model beside a running turn, ``acquire`` waits on the thread that asks."""

from __future__ import annotations

import time
from collections.abc import Generator

from core.catalogue.spec import ModelSpec
from core.errors import NotInstalled
from core.l10n.text import L10n, l10n
from core.runtime.pool import Lease, Pool
from core.types.events import Progress, StageEnded, StageStarted, Tick


def needed(spec: ModelSpec | None, do: L10n) -> ModelSpec:
    """``spec``, or NotInstalled when the catalogue has no model that can ``do`` this at all."""
    if spec is None:
        raise NotInstalled(l10n("No model in the catalogue can {do}. Add one to it.", do=do))
    return spec


def acquire(pool: Pool, spec: ModelSpec, wait: bool = True) -> Lease:
    """``pool.use`` for whoever has a thread to wait on. Raises what it raises."""
    opening = pool.use(spec, wait)
    while True:
        try:
            next(opening)
        except StopIteration as opened:
            lease: Lease = opened.value
            return lease


def leased(pool: Pool, spec: ModelSpec) -> Generator[Progress | Tick | StageStarted | StageEnded, None, Lease]:
    """``pool.use`` as the stage ``load`` of a turn."""
    began = time.monotonic()
    yield StageStarted("load", began)
    lease = yield from pool.use(spec)
    try:
        yield StageEnded("load", time.monotonic() - began)
    except BaseException:  # closed here, nobody else could give it back
        lease.release()
        raise
    return lease
