"""Leases: whoever stops waiting for a model, at whatever moment, holds none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.catalogue.spec import ModelSpec
from core.l10n.text import l10n
from core.errors import NotInstalled
from core.runtime.lease import leased, needed
from core.runtime.pool import Pool
from core.settings import MemorySettings, Settings
from core.types.events import StageEnded, StageStarted
from tests.support.leases import chat_model


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    pool = Pool(Settings(home=tmp_path, memory=MemorySettings(ram_gb=2), threads=1))
    yield pool
    pool.close()


@pytest.fixture
def spec(pool: Pool) -> ModelSpec:
    return chat_model(pool.settings, "a")


def test_a_lease_in_a_turn_is_the_stage_load(pool: Pool, spec: ModelSpec) -> None:
    waiting = leased(pool, spec)
    steps = []
    while True:
        try:
            steps.append(next(waiting))
        except StopIteration as opened:
            opened.value.release()
            break
    assert isinstance(steps[0], StageStarted)
    assert isinstance(steps[-1], StageEnded)
    assert steps[0].stage == steps[-1].stage == "load"
    assert steps[-1].seconds > 0


def test_closed_at_either_end_of_the_stage_it_holds_nothing(pool: Pool, spec: ModelSpec) -> None:
    for last in (StageStarted, StageEnded):
        waiting = leased(pool, spec)
        while not isinstance(next(waiting), last):
            pass
        waiting.close()
        assert not any(each.spec.id == spec.id for each in pool.held()) or pool.unload(spec.id)


def test_a_model_that_no_catalogue_has_is_told_by_what_it_would_do() -> None:
    with pytest.raises(NotInstalled, match="draw"):
        needed(None, l10n("draw"))
