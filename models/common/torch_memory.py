"""What the engines on torch share about memory: how much they may take, how much they took, and how it runs out.

torch is imported when it is needed, so that rooms which only judge figures can name the figures here.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Literal

from core.types.provenance import Scalar

NATIVE_BFLOAT16 = frozenset(
    {"avx512_bf16", "amx_bf16"}
)  # of ``core.host.hardware.cpu_features``: multiplies them itself
CONTEXT = 600_000_000  # bytes on a GPU that CUDA and its libraries take in a process, unseen by torch's allocator


def device(defaults: Mapping[str, Scalar]) -> Literal["cuda", "cpu"]:
    """Where to compute: on the GPU where there is one, unless ``defaults`` say ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() and defaults.get("device") != "cpu" else "cpu"


def limit_gpu_memory(defaults: Mapping[str, Scalar]) -> int:
    """Bytes on the GPU that this process may take, CONTEXT among them; 0 where it computes on the CPU.

    What is free, at most the ``gpu_bytes`` of ``defaults`` (0 for no bound). From now on torch's allocator keeps to it.
    """
    if device(defaults) == "cpu":
        return 0
    import torch

    free, total = torch.cuda.mem_get_info()
    room = min(int(defaults.get("gpu_bytes") or 0) or free, free)
    torch.cuda.set_per_process_memory_fraction(min(max(room - CONTEXT, 0) / total, 1.0))
    return room


def gpu_bytes(computes_on: str) -> int:
    """The most bytes that this process has held on the GPU so far; 0 when its engine ``computes_on`` the CPU."""
    if computes_on == "cpu":
        return 0
    import torch

    return int(torch.cuda.max_memory_reserved()) + CONTEXT


def out_of_memory(error: BaseException) -> bool:
    """Whether an allocator raised it; the CPU's has no class of its own."""
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def release_memory() -> None:
    """Give back what nothing holds any more, also to the GPU."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
