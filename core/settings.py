"""What a person may choose: defaults, then ``parlor.toml`` in the data folder, then the environment."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w
from filelock import FileLock

from core.errors import BadInput
from core.host.disk import absolute


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
    voice_en: str = "af_heart"
    voice_zh: str = "zm_yunxi"
    speaker: str = ""  # in models that have speakers of their own
    reference: str = ""  # a saved recording whose voice is used, in models that can
    speed: float = 1.0  # of speech, 0.5 to 2
    openers: bool = True  # in a call, begin with a short word where the answer takes longer
    speak_replies: bool = True  # answer recorded voice with a voice
    instructions: str = ""  # the system prompt; empty for Parlor's own
    temperature: float = 0.5
    top_p: float = 0.9
    min_p: float = 0.05
    max_tokens: int = 1024
    context_tokens: int = 8192
    paint_size: str = ""  # 768x512, in pixels; empty for the model's own, like the next three
    paint_steps: int = 0
    paint_guidance: float = -1.0
    paint_scheduler: str = ""
    paint_negative: str = ""  # what pictures should not show
    paint_style: str = ""  # of core.pipeline.styles
    enhance: bool = True  # the chat model writes the painter's prompt from a short or Chinese wish
    memory_gb: float = 0.0  # RAM budget for models; 0 for three quarters of what is free at the start
    gpu_gb: float = 0.0  # GPU budget for models; 0 for nine tenths of what is free at the start
    keep_minutes: float = 30.0  # an idle model stays loaded this long; 0 for as long as there is room
    pinned: str = ""  # ids of models that are never unloaded to make room, with spaces between
    models_folder: str = ""  # where models lie; empty for the data folder
    threads: int = 0  # of computation; 0 for the physical cores

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
            f"The settings file {settings.file} cannot be read: {error}. Mend it, or delete it to use the defaults.",
            f"无法读取设置文件 {settings.file}：{error}。请修改它，或删除它以恢复默认设置。",
        ) from error
    known = {item.name: type(getattr(settings, item.name)) for item in fields(Settings) if item.name != "home"}
    given = {name: value for name, value in stored.items() if name in known}
    given |= {name: environment[key] for name in known if (key := f"PARLOR_{name.upper()}") in environment}
    found = replace(settings, **{name: _typed(name, value, known[name]) for name, value in given.items()})
    return replace(found, memory_gb=max(0.0, found.memory_gb), gpu_gb=max(0.0, found.gpu_gb))


def save(settings: Settings) -> None:
    """Write what differs from the defaults to ``parlor.toml``; the old file stays until the new one is complete."""
    defaults = asdict(Settings(home=settings.home))
    changed = {name: value for name, value in asdict(settings).items() if value != defaults[name]}
    settings.home.mkdir(parents=True, exist_ok=True)
    partial = settings.file.with_suffix(".toml.part")
    partial.write_text(tomli_w.dumps(changed), "utf-8")
    partial.replace(settings.file)


def keep(home: Path, **changes: Any) -> None:
    """Change only these in ``parlor.toml``: neither what the environment says nor what other processes keep."""
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "parlor.toml.lock"):
        save(replace(load({"PARLOR_HOME": str(home)}), **changes))


def _typed(name: str, value: Any, kind: type) -> Any:
    """``value`` as ``kind``; text from the environment is converted. Raises BadInput, also for nan and inf."""
    try:
        if kind is bool and isinstance(value, str):
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[value.lower()]
        if isinstance(value, bool) != (kind is bool):
            raise ValueError
        found = kind(value)
        if isinstance(found, float) and not math.isfinite(found):
            raise ValueError
        return found
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(
            f"The setting {name} cannot be {value!r}: it needs a value like {kind()!r}.",
            f"设置 {name} 不能是 {value!r}：需要类似 {kind()!r} 的值。",
        ) from error
