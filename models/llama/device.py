"""Where llama.cpp computes: whether on a GPU, and how it is kept away from one.

A build for a GPU uses it for long prompts also with no layer on it, and takes some hundred megabytes there to do so:
only an empty list of devices keeps it on the CPU.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path

import llama_cpp.llama_cpp as api

from core.errors import EngineFailed, NotEnoughMemory, ParlorError
from core.host.hardware import nvidia_gpus
from core.l10n.text import l10n
from core.types.provenance import Scalar

NO_DEVICES = (ctypes.c_void_p * 1)()  # the null pointer that ends the list


def offloads() -> bool:
    """Whether this build of llama.cpp finds a GPU to compute on."""
    return bool(api.llama_supports_gpu_offload())


def on_gpu(defaults: Mapping[str, Scalar]) -> bool:
    """Whether a model with these ``spec.defaults`` goes to the GPU."""
    return chosen(defaults, offloads(), bool(nvidia_gpus()))


def chosen(defaults: Mapping[str, Scalar], able: bool, nvidia: bool) -> bool:
    """On what the build is ``able`` to use, unless told otherwise for an NVIDIA GPU.

    Memory is planned for those only, so of any other (Metal) the pool says ``cpu`` without meaning it.
    """
    return able and not (nvidia and defaults.get("device") == "cpu")


def params(gpu: bool) -> api.llama_model_params:
    """For loading a model, all of it on the GPU or nothing."""
    made: api.llama_model_params = api.llama_model_default_params()
    made.n_gpu_layers = -1 if gpu else 0
    if not gpu:
        made.devices = ctypes.addressof(NO_DEVICES)  # type: ignore[assignment]  # declared as an array, is an address
    return made


def load_error(path: Path, gpu: bool) -> ParlorError:
    """Why ``path`` could not be loaded: a whole file that was to go to the GPU did not fit there."""
    if gpu and is_whole(path):
        return not_enough_gpu_memory(path.parent.name)
    return EngineFailed(
        l10n(
            "The model file {path} cannot be opened: it is missing, damaged or cut short. Check it with "
            "`python start.py models verify`; `python start.py models get {name}` fetches it again.",
            path=path,
            name=path.parent.name,
        )
    )


def is_whole(path: Path) -> bool:
    """Whether llama.cpp can read the file's header and vocabulary, and every tensor lies within the file."""
    header = params(gpu=False)
    header.vocab_only = True
    pointer = api.llama_model_load_from_file(str(path).encode(), header)
    if pointer:
        api.llama_model_free(pointer)
    return bool(pointer)


def not_enough_gpu_memory(model: str) -> NotEnoughMemory:
    return NotEnoughMemory(
        l10n(
            "There is not enough GPU memory for {model}. Close other programs that use the GPU and try again, "
            "or choose a smaller model.",
            model=model,
        )
    )
