"""Imported before anything that may import torchaudio (transformers, peft, diffusers, coqui-tts): makes it importable.

torchaudio's compiled extension cannot be loaded beside a torch built for the CPU when it is a CUDA build itself, as the
Python index's Linux wheel is, and torchaudio refuses a torch built for another CUDA version than its own: ``import
torchaudio`` raises, and so does every library that imports it because it is installed. All that is needed of it is
Python and works without, so the extension is declared absent before torchaudio looks for it.
"""

from __future__ import annotations

import sys
from types import ModuleType

EXTENSION = "torchaudio._extension"


def _refuse(function: object) -> object:
    """What torchaudio wraps around the functions that need its extension."""

    def refused(*args: object, **kwargs: object) -> None:
        raise RuntimeError("torchaudio's compiled extension is not in use here")

    return refused


if EXTENSION not in sys.modules:
    absent = ModuleType(EXTENSION)
    absent.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=_refuse,
    )
    sys.modules[EXTENSION] = absent
