"""GGUF headers (ggml's ``docs/gguf.md``, versions 2 and 3): what a file says about itself, read without its weights.

A file comes from anywhere, so every length in it is checked against its end before it is believed.
The gguf package is not used: its GGUFReader took 13.5 s and 523 MB for Qwen 1.5B, this 0.2 s and 17 MB.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"GGUF"
LISTED = 64  # elements of an array that are kept; a vocabulary is skipped
STRING, ARRAY = 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# general.file_type (llama.cpp, enum llama_ftype)
QUANTISATIONS = dict(enumerate((
    "F32", "F16", "Q4_0", "Q4_1", "", "", "", "Q8_0", "Q5_0", "Q5_1", "Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S",
    "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K", "IQ2_XXS", "IQ2_XS", "Q2_K_S", "IQ3_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL",
    "IQ3_S", "IQ3_M", "IQ2_S", "IQ2_M", "IQ4_XS", "IQ1_M", "BF16", "", "", "", "TQ1_0", "TQ2_0", "MXFP4", "NVFP4",
)))  # fmt: skip
# ggml_type -> (weights in a block, bytes of a block)
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip

Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...]


class Damaged(ValueError):
    """The file is cut off, or no GGUF; says which."""


@dataclass(frozen=True, slots=True)
class Header:
    """``values`` by key, long arrays left out; ``parameters`` counts the weights of this file."""

    values: dict[str, Value]
    parameters: int

    def text(self, key: str) -> str:
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        value = self.values.get(key)
        return value if isinstance(value, int) else 0

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key)
        return tuple(each for each in value if isinstance(each, str)) if isinstance(value, tuple) else ()

    @property
    def architecture(self) -> str:
        """``llama``, ``qwen2`` ...; ``clip`` for the part of a model that sees (mmproj)."""
        return self.text("general.architecture")

    @property
    def context(self) -> int:
        """Tokens the model was trained on, 0 when not said."""
        return self.number(f"{self.architecture}.context_length")

    @property
    def quantisation(self) -> str:
        return QUANTISATIONS.get(self.number("general.file_type"), "") if "general.file_type" in self.values else ""

    @property
    def width(self) -> int:
        """Of what a token is embedded in: a model and its mmproj must agree on it. 0 when not said."""
        own = "clip.vision.projection_dim" if self.architecture == "clip" else f"{self.architecture}.embedding_length"
        return self.number(own)


def read_header(path: Path) -> Header:
    """Read the header of ``path`` and check that its tensors lie within the file. Raises Damaged, OSError."""
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise Damaged("it does not begin as a GGUF file does")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _Reader(data).header()
            except (struct.error, UnicodeDecodeError) as error:
                raise Damaged("it ends in the middle of its header") from error


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._size = len(data)
        self._at = len(MAGIC)

    def header(self) -> Header:
        version = self._take("I")
        if version not in (2, 3):
            raise Damaged(f"it is of GGUF version {version} and not 2 or 3" if version < 256 else "it is big-endian")
        tensors, pairs = self._take("Q"), self._take("Q")
        values: dict[str, Value] = {}
        for _ in range(pairs):
            key = self._string()
            value = self._value(self._take("I"))
            if value is not None:
                values[key] = value
        alignment = values.get("general.alignment", 32)
        counted, longest = self._tensors(tensors)
        start = -(-self._at // alignment) * alignment if isinstance(alignment, int) and alignment > 0 else self._at
        if start + longest > self._size:
            raise Damaged("it is cut off")
        return Header(values, counted)

    def _tensors(self, count: int) -> tuple[int, int]:
        """The number of weights, and where the last of them ends, in bytes from the first."""
        weights, longest = 0, 0
        for _ in range(count):
            self._string()
            shape = [self._take("Q") for _ in range(self._within(self._take("I"), 8))]
            kind, offset = self._take("I"), self._take("Q")
            elements = math.prod(shape)
            block, size = BLOCKS.get(kind, (1, 0))  # of a kind yet unknown only the beginning can be checked
            weights += elements
            longest = max(longest, offset + elements // block * size)
        return weights, longest

    def _value(self, kind: int, depth: int = 0) -> Value | None:
        if kind == STRING:
            return self._string()
        if kind in SCALARS:
            scalar: Scalar = self._take(SCALARS[kind])
            return scalar
        if kind != ARRAY or depth > 4:
            raise Damaged(f"its header has a value of the unknown kind {kind}")
        kind, length = self._take("I"), self._take("Q")
        if kind in SCALARS and length > LISTED:
            self._skip(length * struct.calcsize(SCALARS[kind]))
            return None
        kept: list[Scalar] = []
        for _ in range(length):
            if kind == STRING and length > LISTED:
                self._skip(self._take("Q"))
                continue
            value = self._value(kind, depth + 1)
            if isinstance(value, Scalar):
                kept.append(value)
        return tuple(kept) if length <= LISTED else None

    def _take(self, kind: str) -> int:
        (value,) = struct.unpack_from("<" + kind, self._data, self._at)
        self._at += struct.calcsize("<" + kind)
        taken: int = value
        return taken

    def _string(self) -> str:
        length = self._take("Q")
        begin = self._at
        self._skip(length)
        return self._data[begin : self._at].decode("utf-8")

    def _skip(self, size: int) -> None:
        self._within(size, self._size - self._at)
        self._at += size

    def _within(self, value: int, most: int) -> int:
        if value > most:
            raise Damaged("it ends in the middle of its header")
        return value
