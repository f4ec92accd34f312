"""What to paint: one value from the person's wish to the painter and back into the picture's file."""

from __future__ import annotations

from dataclasses import dataclass

from core.messages import Image

OWN_GUIDANCE = -1.0


@dataclass(frozen=True, slots=True)
class Painting:
    """A picture to be made. An empty text, a zero and ``OWN_GUIDANCE`` leave a setting to the model.

    ``width`` and ``height`` are pixels, multiples of 8. ``guidance`` is the classifier-free guidance scale
    (https://arxiv.org/abs/2207.12598); 0 and 1 switch it off. ``scheduler`` is a diffusers scheduler's class name.
    Picture ``n`` of ``count`` is painted from ``seed + n``, so that each can be made again alone.
    """

    prompt: str = ""
    negative: str = ""
    width: int = 0
    height: int = 0
    steps: int = 0
    guidance: float = OWN_GUIDANCE
    scheduler: str = ""
    seed: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Painted:
    """One finished picture, a PNG without text chunks.

    ``painting`` holds the settings that were really used: none left to the model, ``count`` 1, ``seed`` its own.
    ``means`` says how it was computed (``float16, SDPA, VAE tiling``).
    """

    image: Image
    painting: Painting
    means: str = ""
