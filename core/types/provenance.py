"""What made an answer: enough to make it again."""

from __future__ import annotations

from dataclasses import dataclass

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Provenance:
    """One model's part in an answer.

    ``stage`` is ``listen``, ``read``, ``chat``, ``prompt``, ``paint`` or ``speak``; ``sha256`` is the digest of the
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
    """What an answer cost. Times in seconds; ``seconds`` holds (stage, time) in the order the stages ran."""

    seconds: tuple[tuple[str, float], ...] = ()
    first_token_seconds: float | None = None
    tokens: int = 0
    tokens_per_second: float | None = None
    prompt_tokens: int = 0
    reused_tokens: int = 0
