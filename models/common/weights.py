"""Safetensors weights of a transformers folder: ``weight_counts`` looks at their headers before anything is loaded.

No other format is opened, because pickles can run code.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError

from core.errors import EngineFailed
from core.formats.safetensors import read_tensors
from core.l10n.text import l10n

# What transformers raises for a folder that is incomplete or damaged, and torch when memory runs out
LOAD_ERRORS = (OSError, ValueError, LookupError, TypeError, RuntimeError, AttributeError, SafetensorError)


def weight_counts(name: str, folder: Path) -> dict[str, int]:
    """The number of weights in each tensor of the folder's safetensors files.

    Raises EngineFailed without any, ValueError for one that is cut off or damaged.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise EngineFailed(
            l10n(
                "{name} has no *.safetensors file in {folder}. Parlor opens no .bin or .pth weights, because they can "
                "run code: get a version of the model with safetensors.",
                name=name,
                folder=folder,
            )
        )
    return {key: size for file in files for key, size in read_tensors(file).items()}
