"""Speaking: Kokoro 82M v1.0 (hexgrad/Kokoro-82M, Apache-2.0; StyleTTS 2, Li et al., 2023, arXiv:2306.07691), int8 ONNX.

A text becomes runs of one language (``core.text.normalise``), a run becomes phonemes: English by espeak-ng, Chinese by
``models.kokoro.pinyin``. Nobody understands the English words of a Chinese voice, so each run gets a voice of its
language.
"""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.catalogue.kokoro_voices import fitting
from core.catalogue.spec import ModelSpec
from core.errors import BadInput
from core.l10n.text import l10n
from core.text.clauses import Clauses
from core.text.normalise import LanguageRun, spoken
from core.types.messages import Audio
from models.common.load_errors import install_again
from models.kokoro import pinyin
from models.kokoro.network import Network

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

RATE = 24_000  # Hz
PIECE = 250  # phonemes said at once; the model takes 510, and hurries when it is given more than 400
LONG = 1000  # characters: more is not one clause
SILENCE = 45.0  # dB under the loudest sound: what is quieter at the ends is cut off
MARGIN = 0.03  # seconds kept around what is left, so that no breath or final consonant is lost
FADE = 0.008  # seconds
BRIEF = 20  # phonemes: "Of course!" has 12
KEPT = 64  # sounds of as few phonemes, some 60 kB each: answers begin with the same words, which then cost nothing
PEAK = 0.97  # of full scale
PAUSES = {
    ".": 0.35,
    "!": 0.35,
    "?": 0.35,
    "…": 0.35,
    ",": 0.16,
    ";": 0.22,
    ":": 0.22,
}  # seconds after a mark, at speed 1
SWITCH = 0.04  # seconds between two languages in one sentence
WARM_UP = ("a 1", "好 1")  # each language by itself, with a numeral: in one text both numerals were read as Chinese

_FLAG = re.compile(r"\([a-z]{2}(?:-[a-z]{2,3})?\)")  # espeak-ng marks a word of another language: (fr)ʃato(en)
_ENDING = re.compile(r"([.,;:!?…])[\s\"'”’)]*$")


def build() -> dict[str, str]:
    """What this engine was built with, for ``doctor``; loads no model."""
    import onnxruntime

    found = {name: importlib.metadata.version(name) for name in ("kokoro-onnx", "onnxruntime", "misaki", "phonemizer")}
    return found | {"providers": " ".join(onnxruntime.get_available_providers())}


def load(spec: ModelSpec, folder: Path) -> Kokoro:
    """Open ``kokoro.onnx`` in ``folder``, with ``voices/*.bin`` beside it. Raises EngineFailed when it is broken."""
    network = Network(spec.name, folder / "kokoro.onnx")
    for text in WARM_UP:
        for run in spoken(text):
            pieces(run)  # opens espeak-ng, the dictionaries and num2words, so that the first clause need not
    return Kokoro(spec.name, network, folder / "voices")


class Kokoro:
    """A Speaker."""

    def __init__(self, name: str, network: Network, folder: Path) -> None:
        self._name, self._network, self._folder = name, network, folder
        self._styles: dict[str, Samples] = {}
        self._kept: dict[tuple[str, str, float], Audio | None] = {}  # the one used last at the end

    def speak(
        self,
        text: str,
        voices: tuple[str, ...] = (),
        language: str = "",
        speed: float = 1.0,
        reference: Audio | None = None,
    ) -> Iterator[Audio]:
        """Say ``text`` (plain or Markdown), run by run: 24 kHz, silence cut, a pause at the end of each.

        A ``reference`` changes nothing: these voices are the model's own.
        Nothing comes of a text without words. ``speed`` is 0.5 to 2. Raises BadInput for an unknown voice or a speed
        outside, EngineFailed when a voice's file is missing or broken.
        """
        if not 0.5 <= speed <= 2.0:
            raise BadInput(l10n("The speed of speech cannot be {speed:g}: choose 0.5 to 2.", speed=speed))
        for run in runs(text, language):
            voice = fitting(voices, run.language)
            for phonemes in pieces(run, voice.accent):
                if sound := self._sound(phonemes, voice.id, speed):
                    yield sound

    def _sound(self, phonemes: str, voice: str, speed: float) -> Audio | None:
        phonemes = "".join(sign for sign in phonemes if _tokenizer().tokenize(sign))
        key = phonemes, voice, speed
        sound = self._kept.pop(key) if key in self._kept else self._made(*key)
        if len(phonemes) <= BRIEF:
            self._kept[key] = sound
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return sound

    def _made(self, phonemes: str, voice: str, speed: float) -> Audio | None:
        if not phonemes:
            return None
        tokens = _tokenizer().tokenize(phonemes)
        made = self._network.say(tokens, phonemes, self._style(voice)[len(tokens) - 1], speed)
        mark = _ENDING.search(phonemes)
        return finished(made, (PAUSES[mark[1]] if mark else SWITCH) / speed)

    def _style(self, voice: str) -> Samples:
        """A voice's style vectors by the number of phonemes: float32 (510, 1, 256)."""
        import numpy as np

        if voice not in self._styles:
            try:
                self._styles[voice] = np.fromfile(self._folder / f"{voice}.bin", np.float32).reshape(510, 1, 256)
            except (OSError, ValueError) as error:
                raise install_again(self._name, error) from error
        return self._styles[voice]

    def close(self) -> None:
        """Give the network's memory back; the engine is of no use afterwards."""
        del self._network


def runs(text: str, language: str = "") -> Iterator[LanguageRun]:
    """What to say for ``text``; a long one clause by clause, so that its beginning is heard before its end is read."""
    clauses = Clauses()
    for clause in [text] if len(text) <= LONG else clauses.feed(text) + clauses.rest():
        yield from spoken(clause, language)


def pieces(run: LanguageRun, accent: str = "en-US") -> list[str]:
    """The phonemes of a run, cut at sentences, clauses or words into pieces short enough to be said at once."""
    from kokoro_onnx.chunker import split_phonemes

    if run.language == "zh":
        phonemes = pinyin.phonemes(run.text)
    else:
        phonemes = _FLAG.sub("", _tokenizer().phonemize(run.text, accent.lower()))
    parts: list[str] = split_phonemes(" ".join(phonemes.split()), PIECE)
    return [part for part in parts if any(sign.isalpha() for sign in part)]


def finished(samples: Samples, pause: float) -> Audio | None:
    """``samples`` (-1 to 1, any shape flat) without silence around them, faded in and out, then ``pause`` seconds."""
    import numpy as np

    width = RATE // 100
    frames = samples[: len(samples) // width * width].reshape(-1, width)
    loud = np.sqrt((frames**2).mean(axis=1)) if len(frames) else np.zeros(0)
    heard = np.flatnonzero(loud > max(loud.max(initial=0.0) * 10 ** (-SILENCE / 20), 1e-4))
    if not len(heard):
        return None
    margin = round(MARGIN * RATE)
    sound = samples[max(0, heard[0] * width - margin) : (heard[-1] + 1) * width + margin].astype(np.float32)
    ramp = np.linspace(0.0, 1.0, round(FADE * RATE), dtype=np.float32)
    sound[: len(ramp)] *= ramp
    sound[-len(ramp) :] *= ramp[::-1]
    sound *= min(1.0, PEAK / float(np.abs(sound).max()))
    silent = np.zeros(round(pause * RATE), np.float32)
    return Audio((np.concatenate([sound, silent]) * 32767).astype("<i2").tobytes(), RATE)


@functools.cache
def _tokenizer() -> Any:
    from kokoro_onnx.tokenizer import Tokenizer

    logging.getLogger("phonemizer").setLevel(logging.ERROR)
    return Tokenizer()
