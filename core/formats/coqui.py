"""Coqui model folders, read from their JSON alone: no weights, no library of Coqui's.

Paths in such a folder are those of the machine it was trained on. Only their last part counts, and only when that file
lies in the folder.
"""

from __future__ import annotations

import json
import re
from pathlib import Path, PureWindowsPath
from typing import Any

from core.errors import BadInput
from core.l10n.text import l10n

SPEAKERS = ("speakers.json", "speaker_ids.json", "speakers.pth", "speaker_ids.pth")  # names that Coqui's trainer gives
_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|/\*.*?\*/|//[^\n]*', re.DOTALL)


def config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """The configuration, in which older versions of Coqui wrote comments. Raises BadInput when it cannot be read."""
    try:
        found = json.loads(without_comments((folder / name).read_text("utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(folder, error) from error
    if not isinstance(found, dict) or not isinstance(found.get("model_args", {}), dict):
        raise _unreadable(folder, ValueError("it is not a table with model_args"))
    return found


def without_comments(text: str) -> str:
    return _COMMENT.sub(lambda part: part[1] or "", text)


def speakers(folder: Path) -> tuple[str, ...]:
    """The names of the model's own speakers, in its order; empty for one voice, or where a .pth file holds them.

    Raises BadInput when ``config.json``, or the file with the speakers, cannot be read.
    """
    about = config(folder)
    if names := about.get("speakers"):
        return tuple(_texts(folder, names))
    path = speakers_file(folder, about)
    if path is None or path.suffix != ".json":
        return ()
    try:
        found = json.loads(path.read_text("utf-8"))
        # name -> number, or recording -> {"name": ..., "embedding": [...]}
        names = [str(item["name"]) if isinstance(item, dict) else name for name, item in found.items()]
    except (LookupError, AttributeError, OSError, ValueError, RecursionError) as error:
        raise _unreadable(folder, error) from error
    return tuple(dict.fromkeys(names))


def languages(folder: Path) -> tuple[str, ...]:
    """ISO 639-1 codes of what the model speaks; empty when its letters are all that says so.

    Raises BadInput when ``config.json`` cannot be read.
    """
    about = config(folder)
    several = about.get("model") == "xtts" or _either(about, "use_language_embedding")
    named = _texts(folder, about.get("languages") or []) if several else []
    if not named and about.get("use_phonemes"):
        named = [str(about.get("phoneme_language") or "en")]
    return tuple(dict.fromkeys(iso(name) for name in named))


def clones(folder: Path) -> bool:
    """Whether the model can speak in the voice of a recording. Raises BadInput when ``config.json`` cannot be read."""
    about = config(folder)
    return about.get("model") == "xtts" or encoder_files(folder, about) is not None


def encoder_files(folder: Path, about: dict[str, Any]) -> tuple[Path, Path] | None:
    """Weights and configuration of the network that tells a VITS whose voice a recording is, if both are there."""
    if not _either(about, "use_d_vector_file"):
        return None
    model = local(_either(about, "speaker_encoder_model_path"), folder) or local("model_se.pth", folder)
    settings = local(_either(about, "speaker_encoder_config_path"), folder) or local("config_se.json", folder)
    return (model, settings) if model and settings else None


def iso(name: str) -> str:
    """``zh-cn`` and espeak-ng's ``cmn`` as ``zh``, ``en-us`` as ``en``."""
    first = name.lower().replace("_", "-").split("-")[0]
    return "zh" if first == "cmn" else first


def speakers_file(folder: Path, about: dict[str, Any]) -> Path | None:
    """The file that lists the speakers of a multi-speaker VITS, named in ``about`` (its config) or as Coqui does."""
    if not (_either(about, "use_speaker_embedding") or _either(about, "use_d_vector_file")):
        return None
    named = [_either(about, key) for key in ("speakers_file", "speaker_file", "d_vector_file")]
    given = (local(name, folder) for each in named for name in (each if isinstance(each, list) else [each]))
    usual = (local(name, folder) for name in SPEAKERS)
    return next(filter(None, [*given, *usual]), None)


def local(named: object, folder: Path) -> Path | None:
    """The file in ``folder`` that a path from some other machine means, if it is there."""
    last = PureWindowsPath(named).name if isinstance(named, str) else ""  # it takes both kinds of slash
    return folder / last if last and (folder / last).is_file() else None


def _texts(folder: Path, listed: object) -> list[str]:
    """The names in a list, or those that a table explains. Raises BadInput for anything else."""
    if not isinstance(listed, list | dict):
        raise _unreadable(folder, ValueError(f"{listed!r:.80} is no list of names"))
    return [str(name) for name in listed]


def _either(about: dict[str, Any], key: str) -> Any:
    return about.get("model_args", {}).get(key) or about.get(key)


def _unreadable(folder: Path, error: Exception) -> BadInput:
    return BadInput(
        l10n(
            "{folder} is not a Coqui model that can be read: {error}. It needs config.json beside its weights.",
            folder=folder,
            error=error,
        )
    )
