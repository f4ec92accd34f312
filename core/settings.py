"""What a person may choose: defaults, then ``parlor.toml`` in the data folder, then the environment.

A setting's key is its place in that file: ``chat``, ``image.size``. Changes are told by key.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w
from filelock import FileLock

from core.errors import BadInput
from core.host.disk import absolute
from core.l10n.text import l10n
from core.types.image_request import OWN_GUIDANCE


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """How text is spoken."""

    voice_en: str = "af_heart"
    voice_zh: str = "zm_yunxi"
    speaker: str = ""  # in models that have speakers of their own
    reference: str = ""  # a saved recording whose voice is used, in models that can
    speed: float = 1.0  # 0.5 to 2
    speak_replies: bool = True  # answer recorded voice with a voice


@dataclass(frozen=True, slots=True)
class CallSettings:
    """How a live call is held."""

    fillers: bool = True  # begin with a short word where the answer takes longer


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How the chat model chooses its next token."""

    temperature: float = 0.5
    top_p: float = 0.9
    min_p: float = 0.05
    max_tokens: int = 1024


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """How pictures are generated where a turn does not say. None, 0, ``OWN_GUIDANCE`` and "" mean the model's own."""

    size: tuple[int, int] | None = None  # width and height in pixels; 768x512 in the file
    steps: int = 0
    guidance: float = OWN_GUIDANCE
    scheduler: str = ""
    negative: str = ""  # what pictures should not show
    style: str = ""  # of core.pipeline.styles
    enhance: bool = True  # the chat model writes the image model's prompt from a short or Chinese wish


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """What loaded models may take, and for how long."""

    ram_gb: float = 0.0  # RAM budget for models; 0 for three quarters of what is free at the start
    gpu_gb: float = 0.0  # GPU budget for models; 0 for nine tenths of what is free at the start
    keep_minutes: float = 30.0  # an idle model stays loaded this long; 0 for as long as there is room
    pinned: tuple[str, ...] = ()  # ids of models that are never unloaded to make room


@dataclass(frozen=True, slots=True)
class Settings:
    """Read once and handed down. Empty model ids and voices mean "the best one installed"."""

    home: Path
    offline: bool = False
    language: str = ""  # of the interface: en, zh, or empty for the browser's
    script: str = "simplified"  # how heard Mandarin is written: simplified or traditional
    chat: str = ""
    see: str = ""  # answers where pictures are shown
    hear: str = ""
    read: str = ""
    speak: str = ""
    paint: str = ""
    adapter: str = ""  # LoRA adapter of the model that sees
    instructions: str = ""  # the system prompt; empty for Parlor's own
    context_tokens: int = 8192
    models_folder: str = ""  # where models lie; empty for the data folder
    threads: int = 0  # of computation; 0 for the physical cores
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    call: CallSettings = field(default_factory=CallSettings)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    image: ImageSettings = field(default_factory=ImageSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)

    @property
    def file(self) -> Path:
        return self.home / "parlor.toml"

    @property
    def models(self) -> Path:
        """Folder of installed models, one folder an id."""
        return absolute(self.models_folder) if self.models_folder else self.home / "models"

    @property
    def media(self) -> Path:
        """Folder of pictures and recordings, named by their sha256."""
        return self.home / "media"

    @property
    def database(self) -> Path:
        return self.home / "parlor.db"

    def changed(self, changes: Mapping[str, object]) -> Settings:
        """These settings with ``changes``: values by key, as the fields hold them or as ``parlor.toml`` writes them.

        Raises BadInput when a value is not of its setting's type, KeyError for a key that is none.
        """
        return _with(self, {key: _typed(key, value, key) for key, value in changes.items()})

    def written(self, key: str) -> Any:
        """The value of ``key`` as ``parlor.toml`` has it: a size is ``768x512``, or empty for the model's own."""
        value = attrgetter(key)(self)
        if key == "image.size":
            return "x".join(map(str, value or ()))
        return list(value) if isinstance(value, tuple) else value


def _defaults() -> Iterator[tuple[str, Any]]:
    plain = Settings(home=Path())
    for outer in fields(Settings):
        value = getattr(plain, outer.name)
        if is_dataclass(value):
            yield from ((f"{outer.name}.{inner.name}", getattr(value, inner.name)) for inner in fields(value))
        elif outer.name != "home":
            yield outer.name, value


DEFAULTS = dict(_defaults())  # of every key
GROUPS = tuple(dict.fromkeys(key.partition(".")[0] for key in DEFAULTS if "." in key))
_LIKE: dict[str, object] = {"image.size": "768x512", "memory.pinned": ["kokoro"]}  # what errors show; else 0, '', ...
_FLAT = {  # names without a group that are not the field's own
    "call.fillers": "openers", "image.size": "paint_size", "image.steps": "paint_steps",
    "image.guidance": "paint_guidance", "image.scheduler": "paint_scheduler", "image.negative": "paint_negative",
    "image.style": "paint_style", "memory.ram_gb": "memory_gb",
}  # fmt: skip


def flat_name(key: str) -> str:
    """A setting's name without its group: ``PARLOR_`` and it in capitals is the environment variable of ``key``.

    A ``parlor.toml`` of before the groups has no tables, only these names; it is still read.
    """
    return _FLAT.get(key, key.rpartition(".")[2])


def forced(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The environment variables that override a setting now."""
    return tuple(name for key in DEFAULTS if (name := f"PARLOR_{flat_name(key).upper()}") in environment)


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """``PARLOR_HOME``, or this platform's place for application data."""
    return absolute(environment.get("PARLOR_HOME") or platformdirs.user_data_dir("parlor", appauthor=False))


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. ``PARLOR_OFFLINE=1`` and the like override ``parlor.toml``.

    A memory budget below 0 is none. Raises BadInput when the file is not TOML or a value is not of its setting's type.
    """
    settings = Settings(home=data_folder(environment))
    try:
        stored = tomllib.loads(settings.file.read_text("utf-8")) if settings.file.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(
            l10n(
                "The settings file {file} cannot be read: {error}. Mend it, or delete it to use the defaults.",
                file=settings.file,
                error=error,
            )
        ) from error
    given = {key: (value, name) for key, value, name in _given(stored, environment)}
    found = _with(settings, {key: _typed(key, *written) for key, written in given.items()})
    memory = found.memory
    return replace(found, memory=replace(memory, ram_gb=max(0.0, memory.ram_gb), gpu_gb=max(0.0, memory.gpu_gb)))


def save(settings: Settings) -> None:
    """Write what differs from the defaults to ``parlor.toml``; the old file stays until the new one is complete."""
    changed: dict[str, Any] = {}
    for key, default in DEFAULTS.items():
        if attrgetter(key)(settings) != default:
            group, _, name = key.rpartition(".")
            (changed.setdefault(group, {}) if group else changed)[name] = settings.written(key)
    settings.home.mkdir(parents=True, exist_ok=True)
    partial = settings.file.with_suffix(".toml.part")
    partial.write_text(tomli_w.dumps(changed), "utf-8")
    partial.replace(settings.file)


def keep(home: Path, changes: Mapping[str, object]) -> None:
    """Change only these in ``parlor.toml``: neither what the environment says nor what other processes keep."""
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "parlor.toml.lock"):
        save(load({"PARLOR_HOME": str(home)}).changed(changes))


def image_size(text: str) -> tuple[int, int] | None:
    """``768x512`` as width and height in pixels, None for an empty text. Raises BadInput."""
    if not text:
        return None
    found = re.fullmatch(r"\s*(\d{1,5})\s*[x×X*]\s*(\d{1,5})\s*", text)
    if not found:
        raise BadInput(l10n("{text!r} is no picture size: write width and height in pixels, like 768x512.", text=text))
    return int(found[1]), int(found[2])


def _given(stored: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[tuple[str, object, str]]:
    """Key, value, and the name it was written under, of what was chosen; of a key that comes again the last counts."""
    for group in GROUPS:
        if not isinstance(stored.get(group, {}), dict):
            raise _wrong(group, stored[group], {})
    for key in DEFAULTS:
        flat, (group, _, name) = flat_name(key), key.rpartition(".")
        if flat in stored:
            yield key, stored[flat], flat
        if group and name in stored.get(group, {}):
            yield key, stored[group][name], key
        if (variable := f"PARLOR_{flat.upper()}") in environment:
            yield key, environment[variable], flat


def _with(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """``settings`` with ``values`` by key, which are of the right types."""
    grouped: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        group, _, name = key.rpartition(".")
        grouped.setdefault(group, {})[name] = value
    flat = grouped.pop("", {})
    return replace(settings, **flat, **{name: replace(getattr(settings, name), **new) for name, new in grouped.items()})


def _typed(key: str, value: Any, name: str) -> Any:
    """``value`` as the setting's type; text is converted. Raises BadInput, which says ``name``."""
    kind = type(DEFAULTS[key])
    try:
        if key == "image.size":
            return _size(value)
        if key == "memory.pinned":
            return _ids(value)
        if kind is bool and isinstance(value, str):
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[value.lower()]
        if isinstance(value, bool) != (kind is bool) or isinstance(value, dict | list):
            raise ValueError
        found = kind(value)
        if isinstance(found, float) and not math.isfinite(found):
            raise ValueError
        return found
    except (BadInput, KeyError, TypeError, ValueError, OverflowError) as error:
        raise _wrong(name, value, _LIKE.get(key, kind())) from error


def _size(value: object) -> tuple[int, int] | None:
    if isinstance(value, list | tuple):
        width, height = value
        value = f"{width}x{height}"
    if value is not None and not isinstance(value, str):
        raise TypeError
    return image_size(value or "")


def _ids(value: object) -> tuple[str, ...]:
    """A list of ids, or a text with spaces between them."""
    ids = tuple(value.split()) if isinstance(value, str) else value
    if not isinstance(ids, list | tuple) or not all(isinstance(id, str) for id in ids):
        raise TypeError
    return tuple(ids)


def _wrong(name: str, value: object, like: object) -> BadInput:
    return BadInput(
        l10n(
            "The setting {name} cannot be {value}: it needs a value like {like}.",
            name=name,
            value=repr(value),
            like=repr(like),
        )
    )
