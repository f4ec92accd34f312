"""A Coqui model's folder, read so that nothing in it can run code, leave the folder or fetch anything.

Coqui's own loaders follow paths (or addresses) out of ``config.json``, import the class that it names and write a
checkpoint anew. Here a path becomes a file of the folder or nothing, and a name is one of a few.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import safetensors

from core.errors import EngineFailed
from core.formats import coqui as coqui_files
from core.l10n.text import l10n
from models.common import torch_import as torch_start  # noqa: F401 — before anything that imports torchaudio
from models.common.load_errors import install_again

WEIGHTS = ("model.safetensors", "model.pth", "model_file.pth", "best_model.pth")  # else the largest .pth
UNUSED = ("disc.", "speaker_encoder.", "xtts.torch_mel_spectrogram", "xtts.dvae")  # only training needs these
CHARACTERS = {
    "TTS.tts.models.vits.VitsCharacters",
    "TTS.tts.utils.text.characters.Graphemes",
    "TTS.tts.utils.text.characters.IPAPhonemes",
}
PATHS = {"speakers_file", "d_vector_file", "language_ids_file"}  # the only ones that are followed: JSON, or weights
BROKEN = (OSError, RuntimeError, ValueError, AttributeError, LookupError, EOFError, safetensors.SafetensorError)
_PATH_KEY = re.compile(r".*_(file|path|checkpoint)")


def config(name: str, folder: Path) -> Any:
    """A ``VitsConfig`` or ``XttsConfig`` for inference. Raises BadInput or EngineFailed for what is neither."""
    from TTS.tts.configs.vits_config import VitsConfig
    from TTS.tts.configs.xtts_config import XttsConfig

    about = coqui_files.config(folder)
    kinds = {"vits": VitsConfig, "xtts": XttsConfig}
    if (kind := str(about.get("model"))) not in kinds:
        raise EngineFailed(
            l10n(
                "{model} is a Coqui model of the kind {kind!r}, and Parlor speaks with vits and xtts. Choose one of "
                "those.",
                model=name,
                kind=kind,
            )
        )
    plain = _without_paths(about, folder)
    letters = plain.get("characters") or {}
    if (named := letters.get("characters_class")) and named not in CHARACTERS:
        raise install_again(name, ValueError(f"its letters are of the kind {named}, which is none of Coqui's"))
    if (cleaner := plain.get("text_cleaner")) and not re.fullmatch(r"[a-z_]+_cleaners", str(cleaner)):
        raise install_again(name, ValueError(f"{cleaner} is none of Coqui's text cleaners"))
    if kind == "vits":
        training = {"init_discriminator": False, "use_speaker_encoder_as_loss": False}
        plain["model_args"] = plain.get("model_args", {}) | training
        if (speakers := coqui_files.speakers_file(folder, about)) and not about.get("speakers"):
            key = "d_vector_file" if plain["model_args"].get("use_d_vector_file") else "speakers_file"
            plain["model_args"][key] = plain[key] = str(speakers)
    made = kinds[kind]()
    try:
        made.from_dict(plain)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise install_again(name, error) from error
    return made


def weights(name: str, folder: Path) -> dict[str, Any]:
    """The model's tensors by their names, without those that only training needs. Raises EngineFailed."""
    return tensors(name, weights_file(name, folder))


def tensors(name: str, path: Path) -> dict[str, Any]:
    """What a file of the model ``name`` holds, on the CPU. Raises EngineFailed.

    A ``.pth`` is a pickle: PyTorch's unpickler for weights reads it, which makes nothing but tensors and plain values.
    """
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
            found = found.get("model", found)
    except BROKEN as error:
        raise install_again(name, error) from error
    except pickle.UnpicklingError as error:
        raise EngineFailed(
            l10n(
                "{name} of {model} holds more than weights, and opening it could run somebody's program, so it was "
                "not opened. Use a copy as model.safetensors, or another model.",
                name=path.name,
                model=name,
            )
        ) from error
    return {key: value for key, value in found.items() if not key.startswith(UNUSED)}


def speaker_encoder(name: str, folder: Path) -> tuple[Any, dict[str, Any]] | None:
    """Configuration and tensors of the speaker encoder that came with a VITS, if one did. Raises EngineFailed."""
    from TTS.encoder.configs.speaker_encoder_config import SpeakerEncoderConfig

    files = coqui_files.encoder_files(folder, coqui_files.config(folder))
    if files is None:
        return None
    made = SpeakerEncoderConfig()
    try:
        made.from_dict(_without_paths(coqui_files.config(folder, files[1].name), folder))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise install_again(name, error) from error
    return made, tensors(name, files[0])


def weights_file(name: str, folder: Path) -> Path:
    """``model.safetensors``, else the checkpoint. Raises EngineFailed when there is neither."""
    named = (folder / file for file in WEIGHTS)
    others = sorted(folder.glob("*.pth"), key=lambda path: path.stat().st_size, reverse=True)
    found = next((path for path in [*named, *others] if path.is_file()), None)
    if found is None:
        raise install_again(name, FileNotFoundError(f"neither model.safetensors nor a .pth file is in {folder}"))
    return found


def _without_paths(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """``table`` without its paths: a few become the file of that name in ``folder``.

    Among those left out is ``stats_path``, which Coqui would open as a pickle.
    """
    made: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            made[key] = _without_paths(value, folder)
        elif not (isinstance(value, str | list) and _PATH_KEY.fullmatch(key)):
            made[key] = value
        elif key in PATHS and isinstance(value, list):
            made[key] = [str(path) for each in value if (path := coqui_files.local(each, folder))]
        elif key in PATHS and (path := coqui_files.local(value, folder)):
            made[key] = str(path)
    return made
