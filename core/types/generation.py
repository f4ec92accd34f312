"""Generation values: sampling, and what engines give back (speech segments, usage, pictures, embeddings)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from core.types.image_request import ImageRequest
from core.types.messages import Image, Word


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One finished picture, a PNG without text chunks.

    ``painting`` holds the settings that were really used: none left to the model, ``count`` 1, ``seed`` its own.
    ``means`` says how it was computed (``float16, SDPA, VAE tiling``).
    """

    image: Image
    painting: ImageRequest
    means: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of heard speech; times in seconds from the recording's start."""

    text: str
    start: float
    end: float
    language: str
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Aligned:
    """When the words of the Segment before it were said, seconds from the recording's start."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. ``temperature`` 0 is greedy; ``grammar`` is GBNF, empty for none.

    ``adapter`` names a LoRA adapter of the model (a folder in its ``adapters/``), empty for none.
    """

    temperature: float = 0.7
    top_p: float = 0.9
    min_p: float = 0.05
    max_tokens: int = 1024
    seed: int = 0
    stop: tuple[str, ...] = ()
    grammar: str = ""
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class MessagesDropped:
    """The context window was too small: this many of the oldest messages were left out of the prompt."""

    messages: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Closes a reply. ``reused_tokens`` of the prompt were already in the KV cache.

    ``finish`` is ``stop`` (the model ended), ``length`` (max_tokens) or ``context`` (the window is full).
    ``prefill_seconds`` and ``decode_seconds`` are measured inside the engine.
    """

    prompt_tokens: int
    reused_tokens: int
    answer_tokens: int
    prefill_seconds: float
    decode_seconds: float
    finish: str


@dataclass(frozen=True, slots=True)
class Embedding:
    """Where a text or a picture lies among meanings: ``vector``, little-endian float32, shape (d,), of length 1.

    What means the same lies close together. Only vectors of the same model can be compared.
    """

    vector: bytes = field(repr=False)

    def __len__(self) -> int:
        return len(self.vector) // 4

    def cosine(self, other: Embedding) -> float:
        """How alike the two are, -1 to 1. A text and a picture that fit are not close to 1: take the largest."""
        pairs = zip(struct.iter_unpack("<f", self.vector), struct.iter_unpack("<f", other.vector), strict=True)
        return float(sum(one * another for (one,), (another,) in pairs))
