"""Speaking: the voices of Coqui TTS (coqui-tts, MPL-2.0), VITS and XTTS, from a folder of config.json and weights.

A text becomes sentences (``models.coqui.text``), each is said as it is made. XTTS, which is slower than it speaks on
many machines, gives a sentence away in parts.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.catalogue.spec import ModelSpec
from core.errors import BadInput
from core.formats.coqui import iso
from core.l10n.text import l10n
from core.types.messages import Audio
from core.types.provenance import Scalar
from models.common.torch_memory import CONTEXT, gpu_bytes, limit_gpu_memory, release_memory
from models.coqui.folder import config as read_config
from models.coqui.folder import weights_file
from models.coqui.text import SpokenPiece, parts, pieces

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAUSES = dict.fromkeys(".!?。！？…", 0.3) | dict.fromkeys(";:；：", 0.2) | dict.fromkeys(",，、", 0.12)  # s at speed 1
WARM_UP = ("It is 42.", "一共 42 个。")  # a numeral in each language whose numerals are written out


class CoquiVoice(Protocol):
    """A loaded network. ``languages`` are its own names of them, ``rate`` is in Hz."""

    rate: int
    languages: tuple[str, ...]

    @property
    def speakers(self) -> Mapping[str, object]: ...

    def longest(self, language: str) -> int:
        """The most characters to say at once."""

    def tokenise(self, text: str, language: str) -> list[int]:
        """The token ids that the network is given for ``text``."""

    def say(
        self, text: str, language: str, speaker: str, speed: float, reference: Audio | None
    ) -> Iterator[NDArray[np.float32]]:
        """The sound of ``text``; ``speaker`` is one of ``speakers``, or empty for the first."""


def build() -> dict[str, str]:
    """What this engine was built with, for ``doctor``; loads no model."""
    names = ("coqui-tts", "torch", "torchaudio", "torchcodec", "phonemizer", "espeakng-loader")
    return {name: importlib.metadata.version(name) for name in names}


def load(spec: ModelSpec, folder: Path) -> Coqui:
    """Open the VITS or XTTS in ``folder``: ``config.json`` with ``model.safetensors`` or Coqui's own ``.pth``.

    ``spec.defaults`` may set ``device``, ``gpu_bytes`` and ``threads``. Raises BadInput or EngineFailed.
    """
    import torch

    logging.getLogger("TTS").setLevel(logging.ERROR)  # it logs the words that are said
    defaults = dict(spec.defaults)
    torch.set_num_threads(int(defaults.get("threads") or 0) or threads())
    config = read_config(spec.name, folder)
    device = _device(spec.name, folder, defaults)
    voice: CoquiVoice
    if config.model == "xtts":
        from models.coqui.xtts import XttsVoice

        voice = XttsVoice(spec.name, folder, config, device)
    else:
        from models.coqui.vits import VitsVoice

        voice = VitsVoice(spec.name, folder, config, device)
        for _ in voice.say("One.", next(iter(voice.languages), ""), "", 1.0, None):
            pass
    for text in WARM_UP:
        for piece in pieces(text, "", voice.languages):
            if iso(piece.language) in ("", "en", "zh"):  # others' tokenizers may want packages that are not installed
                voice.tokenise(piece.text, piece.language)  # imports what the first sentence need not wait for then
    return Coqui(spec, voice, device)


def threads(cores: int | None = None) -> int:
    """Half of the cores, eight at most: the chat model is writing while this one speaks."""
    return max(1, min(8, (cores or os.cpu_count() or 2) // 2))


class Coqui:
    """A Speaker."""

    def __init__(self, spec: ModelSpec, voice: CoquiVoice, device: str) -> None:
        self._voice, self._device = voice, device
        # what a model of letters reads is told by its letters, but for languages whose numbers are left in figures
        told = () if {"en", "zh"} & set(spec.languages) else spec.languages
        self._languages = voice.languages or told

    def speak(
        self,
        text: str,
        voices: tuple[str, ...] = (),
        language: str = "",
        speed: float = 1.0,
        reference: Audio | None = None,
    ) -> Iterator[Audio]:
        """Say ``text`` (plain or Markdown) sentence by sentence, a pause at the end of each.

        The speaker is the first of ``voices`` that the model has, else its own first one; with a ``reference`` it is
        the person in that recording, if the model can. What is in a language that it does not have is left out.
        ``speed`` is 0.5 to 2. Raises BadInput for a speed outside.
        """
        if not 0.5 <= speed <= 2.0:
            raise BadInput(l10n("The speed of speech cannot be {speed:g}: choose 0.5 to 2.", speed=speed))
        speaker = next((name for name in voices if name in self._voice.speakers), "")
        for piece in pieces(text, language, self._languages):
            yield from self._said(piece, speaker, speed, reference)

    def _said(self, piece: SpokenPiece, speaker: str, speed: float, reference: Audio | None) -> Iterator[Audio]:
        rate = self._voice.rate
        for part in parts(piece.text, self._voice.longest(piece.language)):
            heard = False
            for samples in self._voice.say(part, piece.language, speaker, speed, reference):
                heard = True
                yield Audio((samples.clip(-1, 1) * 32767).astype("<i2").tobytes(), rate)
            if heard:
                pause = PAUSES.get(part.rstrip("\"'”’)）」』】》 ")[-1:], 0.05) / speed
                yield Audio(bytes(2 * round(pause * rate)), rate)

    def gpu_bytes(self) -> int:
        """The most GPU memory taken so far; 0 on the CPU."""
        return gpu_bytes(self._device)

    def close(self) -> None:
        """Give the network's memory back; the engine is of no use afterwards."""
        del self._voice
        release_memory()


def _device(name: str, folder: Path, defaults: Mapping[str, Scalar]) -> str:
    """The GPU where there is one with room for the weights and as much again to compute in, else the CPU."""
    room = limit_gpu_memory(defaults)
    return "cuda" if room and 2 * weights_file(name, folder).stat().st_size + CONTEXT <= room else "cpu"
