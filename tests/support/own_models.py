"""Tiny models of the tests' own, written into a data folder as a person's own models lie there."""

from __future__ import annotations

from pathlib import Path

from core.catalogue.spec import ModelSpec
from core.importer.add_local import adopt
from core.settings import Settings

TINY_PAINTER = ModelSpec(
    id="tiny-painter",
    name="Tiny painter",
    task="paint",
    engine="diffusion",
    licence="",
    languages=("en",),
    memory=800_000_000,
    revision="",
    files=(),
)


def with_tiny_painter(home: Path) -> ModelSpec:
    """Add a Stable Diffusion of a few hundred kilobytes under the id of ``TINY_PAINTER``."""
    from tests.tiny.tiny_diffusion import write_tiny_diffusion  # loads torch

    return own(home, write_tiny_diffusion(home.parent / "tiny-painter"), TINY_PAINTER.id)


def own(home: Path, path: Path, id: str, task: str = "") -> ModelSpec:
    """Add the model in ``path`` as the Models page does."""
    adding = adopt(path, Settings(home), task, id)
    while True:
        try:
            next(adding)
        except StopIteration as added:
            spec: ModelSpec = added.value
            return spec
