"""What to paint: one value from the person's request to the painter and back into the picture's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite

OWN_GUIDANCE = -1.0
MOST_STEPS, MOST_GUIDANCE, MOST_PICTURES = 150, 50.0, 16
SEEDS = 2**63  # a seed is less than this


@dataclass(frozen=True, slots=True)
class ImageRequest:
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


def from_values(values: Mapping[str, object]) -> ImageRequest:
    """The request that ``values`` (from a file, from an imported conversation) tell of, by the fields' names.

    What is missing or of another type is left to the model: nobody can be sure of what lies in a file.
    """
    kept: dict[str, object] = {}
    for item in fields(ImageRequest):
        kind = type(getattr(ImageRequest(), item.name))
        value = values.get(item.name)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is kind and not (isinstance(value, float) and not isfinite(value)):
            kept[item.name] = value
    return ImageRequest(**kept)  # type: ignore[arg-type]
