"""Safetensors headers, read without the weights: eight bytes of length, a JSON header, then the tensors."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

LONGEST = 100_000_000  # bytes of header that the format allows


def read_tensors(path: Path) -> dict[str, int]:
    """The number of weights in each tensor. Raises ValueError saying what is wrong with the file, OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else size
        if length > min(size - 8, LONGEST):
            raise ValueError("it is empty, cut off or no safetensors file")
        try:
            header = json.loads(file.read(length))
            tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
            end = max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
            weights = {name: math.prod(map(int, entry["shape"])) for name, entry in tensors.items()}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise ValueError("its header cannot be read") from error
    most = 8 * size  # weights are of one bit at least
    if size != 8 + length + end or any(not 0 <= count <= most for count in weights.values()):
        raise ValueError("it is cut off or damaged")
    return weights
