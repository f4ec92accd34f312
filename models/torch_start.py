"""Imported before anything that may import torchaudio (transformers, peft, diffusers, coqui-tts): makes it importable.

The Python index's Linux wheel of torchaudio is a CUDA build. Beside a torch built for the CPU its extension cannot be
loaded, ``import torchaudio`` raises OSError, and so does every library that imports it because it is installed. All but
its extension is Python and works, so on such a torch the extension is declared absent before torchaudio looks for it.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from types import ModuleType

EXTENSION = "torchaudio._extension"


def _refuse(function: object) -> object:
    """What torchaudio wraps around the functions that need its extension."""

    def refused(*args: object, **kwargs: object) -> None:
        raise RuntimeError("this torchaudio has no compiled extension, since torch is built for the CPU")

    return refused


if version("torch").endswith("+cpu") and EXTENSION not in sys.modules:
    absent = ModuleType(EXTENSION)
    absent.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=_refuse,
    )
    sys.modules[EXTENSION] = absent
