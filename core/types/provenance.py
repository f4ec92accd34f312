"""Provenance and metrics of an answer: what made it, enough to make it again, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scalar = str | int | float | bool
Stage = Literal["load", "listen", "read", "look", "chat", "prompt", "paint", "speak"]  # of a turn


@dataclass(frozen=True, slots=True)
class Provenance:
    """One model's part in an answer.

    ``stage`` is a ``Stage`` in what this app made; an imported file may name others. ``sha256`` is the digest of the
    model's main weights file; ``settings`` are the sampling or voice settings in force, sorted by name.
    """

    stage: str
    model: str
    revision: str
    sha256: str
    settings: tuple[tuple[str, Scalar], ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """What an answer cost. Times in seconds; ``seconds`` holds (stage, time) in the order the stages first ended."""

    seconds: tuple[tuple[str, float], ...] = ()
    first_token_seconds: float | None = None
    tokens: int = 0
    tokens_per_second: float | None = None
    prompt_tokens: int = 0
    reused_tokens: int = 0
