"""Leases: a model that is needed, and waiting for it."""

from __future__ import annotations

from core.catalogue.spec import ModelSpec
from core.errors import NotInstalled
from core.runtime.pool import Lease, Pool


def needed(spec: ModelSpec | None, en: str, zh: str) -> ModelSpec:
    """``spec``, or NotInstalled when the catalogue has no model that can do this at all."""
    if spec is None:
        raise NotInstalled(f"No model in the catalogue can {en}. Add one to it.", f"目录中没有可以{zh}的模型，请添加。")
    return spec


def leased(pool: Pool, spec: ModelSpec) -> Lease:
    """``pool.use`` for whoever has a thread to wait on. Raises what it raises."""
    opening = pool.use(spec)
    while True:
        try:
            next(opening)
        except StopIteration as opened:
            lease: Lease = opened.value
            return lease
