"""Which precision a LLaVA is computed in, by what it is asked for and by the memory there is: facts in, choice out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.common.torch_memory import CONTEXT

Bits = Literal[4, 8, 16, 32]

LADDER: dict[str, tuple[Bits, ...]] = {"cuda": (16, 8, 4), "cpu": (32, 16, 8, 4)}
WEIGHT = {32: 4.0, 16: 2.0, 8: 1.01, 4: 0.57}  # bytes; bitsandbytes keeps a scale for each row, or each 64 weights
HEADROOM = 1.15  # activations and the KV cache beside the weights
GROUP = 64  # weights that share a scale at 4 bits: what goes into a layer must be a multiple of it


@dataclass(frozen=True, slots=True)
class LlavaFacts:
    """What the choice depends on. ``room`` is bytes on the device; ``bits`` 0 leaves the choice to the room.

    ``layers`` and ``kept`` count weights: the language model's linear layers, which may be quantised, and all others.
    ``bfloat16`` says whether the device computes in it natively, ``grouped`` whether every linear layer has inputs in
    multiples of GROUP.
    """

    device: str
    room: int
    layers: int
    kept: int
    bfloat16: bool
    grouped: bool = True
    bits: int = 0


@dataclass(frozen=True, slots=True)
class LlavaPlan:
    """``dtype`` is what is computed in; below 16 ``bits`` the linear layers are stored in so many."""

    device: str
    dtype: str
    bits: Bits

    def __str__(self) -> str:
        """As a person is told: ``bfloat16``, or ``4 bit weights, float16``."""
        return f"{self.bits} bit weights, {self.dtype}" if self.bits < 16 else self.dtype


def choose_plan(facts: LlavaFacts) -> LlavaPlan:
    """What was asked for, else the most precise that fits; the smallest when none does, for the allocator decides.

    A CPU that multiplies bfloat16 uses it in place of float32, half the bytes read at each token.
    """
    if facts.bits:
        return _plan(facts, next(bits for bits in (4, 8, 16, 32) if facts.bits <= bits or bits == 32))
    rungs = [bits for bits in LADDER[facts.device] if bits != 4 or facts.grouped]
    if facts.device == "cpu" and facts.bfloat16:
        rungs.remove(32)
    fitting = (bits for bits in rungs if needs(facts, bits) <= facts.room)
    return _plan(facts, next(fitting, rungs[-1]))


def needs(facts: LlavaFacts, bits: int) -> int:
    """Bytes that the model takes on its device with linear layers of so many ``bits``."""
    weights = facts.layers * WEIGHT[bits] + facts.kept * (4 if _plan(facts, bits).dtype == "float32" else 2)
    return round(HEADROOM * weights) + (CONTEXT if facts.device == "cuda" else 0)


def _plan(facts: LlavaFacts, bits: int) -> LlavaPlan:
    half = "bfloat16" if facts.bfloat16 or facts.device == "cpu" else "float16"
    single = bits == 32 or (bits < 16 and facts.device == "cpu" and not facts.bfloat16)
    chosen: Bits = 32 if bits == 32 else 16 if bits == 16 else 8 if bits == 8 else 4
    return LlavaPlan(facts.device, "float32" if single else half, chosen)
