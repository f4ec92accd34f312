"""Speech recognition: Whisper (Radford et al., 2022, arXiv:2212.04356) through faster-whisper and CTranslate2.

A recording is cut where nobody speaks (Silero VAD), and each stretch of speech is one window of at most 30 s with a
language of its own, so that silence is never decoded, an hour needs no more memory than a minute, and a person may
change language between sentences. What the decoder itself doubts is left out.

The figures in comments come from 12 clean clips (93 words of LibriVox and a speech, 88 words and 175 characters of
synthetic voices) and from the sounds of ``tests/support/sounds.py``, with whisper-base on two cores.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.catalogue.spec import ModelSpec
from core.errors import BadInput
from core.host.hardware import gpu_free, gpu_taken, return_large_blocks
from core.l10n.text import l10n
from core.media.audio import resampled
from core.types.generation import Aligned, Segment
from core.types.messages import Audio
from core.types.provenance import Scalar
from models.common.load_errors import install_again
from models.whisper.chinese_script import convert_script
from models.whisper.hallucination import PUNCTUATED, doubtful, spoken_words
from models.whisper.options import beam_search_options
from models.whisper.segments import Stretch, convert_words, merge, segment
from models.whisper.short_utterance import (
    CAPTION,
    FINAL,
    SHORTEST,
    align,
    decode,
    decode_with_fallback,
    encode,
)
from models.whisper.speech_spans import RATE, WINDOW, normalise_level, spans

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

    from models.whisper.speech_spans import Samples

PAUSE = 2.0  # seconds without speech that end a window; at 0.8 a speech with rests came without its commas

# Encoding 30 s costs 0.7 s however short the speech; speech and 4 s of silence cost 0.08 s at 6 s. Errors of the 12
# clips with 30, 8, 4, 2 and 1 s of padding: 6, 3, 4, 5 and 5 units of 356. A doubtful result is decoded again in full.
PADDING = 4.0

# What is left of a window after its last word is not decoded by itself: it gave whole invented Chinese sentences.
REST = 0.8  # seconds

# Clear speech of 2 s and more scored 0.96 or better for its language (five languages), in noise at 5 dB 0.5 or better;
# a short Chinese "all right" scored 0.76 for Japanese. Between the first two languages it is the odds that tell, since
# what a brief utterance does not score for its own it scores for many others, not for the other of the two: of 97
# English and 95 Chinese words spoken after the other language 79 and 39 were taken for it by these scores alone, 25 and
# 11 with the odds; of those spoken after their own, none and one, either way.
FIRST = ("en", "zh")
SURE, SURE_BRIEF, SWITCH = 0.5, 0.9, 0.8
ODDS = 10.0
BRIEF = 1.5  # seconds

PROMPTED = 2.0  # seconds of speech from which PUNCTUATED is given


@dataclass(frozen=True, slots=True)
class WhisperBuild:
    """How the weights were loaded; ``note`` tells why not on the accelerator, when one is there."""

    device: str
    compute_type: str
    note: str = ""


def build() -> dict[str, str]:
    """What this engine was built with, for ``doctor``; loads no model."""
    import ctranslate2

    devices = ["cpu"] + ["cuda"] * (ctranslate2.get_cuda_device_count() > 0)
    found = {name: importlib.metadata.version(name) for name in ("faster-whisper", "ctranslate2", "OpenCC")}
    return found | {device: " ".join(sorted(ctranslate2.get_supported_compute_types(device))) for device in devices}


def load(spec: ModelSpec, folder: Path) -> Whisper:
    """Open the CTranslate2 model in ``folder``, on a CUDA device when one works, else on the CPU.

    ``spec.defaults`` may hold ``device``: ``cpu`` leaves a CUDA device alone. Raises EngineFailed when the files are no
    Whisper model.
    """
    import ctranslate2

    return_large_blocks()  # after 75 turns, 15 of them decoded with care, 183 MB instead of 273
    note = ""
    if on_gpu(dict(spec.defaults), ctranslate2.get_cuda_device_count()):
        try:
            before = gpu_free()
            model = _open(folder, "cuda", "float16")
            least = (folder / "model.bin").stat().st_size // 2  # float16 of what may be float32 there
            return Whisper(model, WhisperBuild("cuda", "float16"), gpu_taken(before, gpu_free(), least))
        except RuntimeError as error:  # cuDNN or cuBLAS missing, no memory left, a card too old
            note = str(error)
    try:
        return Whisper(_open(folder, "cpu", "int8"), WhisperBuild("cpu", "int8", note))
    except (RuntimeError, ValueError) as error:
        raise install_again(spec.name, error) from error


def on_gpu(defaults: Mapping[str, Scalar], devices: int) -> bool:
    """Whether to compute on CUDA, of which there are so many ``devices``, with these ``spec.defaults``."""
    return devices > 0 and defaults.get("device", "cuda") == "cuda"


def _open(folder: Path, device: str, compute_type: str) -> WhisperModel:
    from faster_whisper import WhisperModel

    logging.getLogger("faster_whisper").setLevel(logging.ERROR)
    return WhisperModel(
        str(folder), device=device, compute_type=compute_type, cpu_threads=threads(), local_files_only=True
    )


def threads(cores: int | None = None) -> int:
    """Half of the cores, four at most: in a call others compute at the same moment.

    With one of two cores busy, a turn of 2.6 s took 0.28 s on one thread, 0.33 s on two.
    """
    return max(1, min(4, (cores or os.cpu_count() or 2) // 2))


class Whisper:
    """A ``core.runtime.protocols.Transcriber``.

    One call at a time; a call closed half-way leaves the engine ready for the next.
    """

    def __init__(self, model: WhisperModel, built: WhisperBuild, taken: int = 0) -> None:
        self.build = built
        self._taken = taken
        self._model = model

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._model.supported_languages)

    def transcribe(self, audio: Audio, language: str = "", script: str = "simplified") -> Iterator[Segment]:
        """Speech to text, segment by segment as it is decoded.

        The texts joined as they are make the transcript: a segment that wants a space before it begins with one, and so
        do its words. ``language`` is an ISO 639-1 code, empty to judge each stretch of speech. ``script`` is
        ``simplified`` or ``traditional``. Nothing is yielded where nobody speaks. Raises BadInput for a language that
        the model was not trained on.
        """
        self._check_language(language)
        pcm = resampled(audio, RATE).pcm
        for stretch in self._find_stretches(pcm, language):
            samples = normalise_level(pcm, stretch.start, stretch.end)
            for heard in self._decode(samples, stretch.language, script):
                yield segment(heard, stretch, script)

    def hear(
        self, audio: Audio, language: str = "", script: str = "simplified", hint: str = "", words: bool = True
    ) -> Iterator[Segment | Aligned]:
        """One turn of a call, as fast as can be: its text as one Segment, and then its words as one Aligned.

        ``audio`` is one utterance, cut out with a little silence around it; more than ``WINDOW`` seconds are heard by
        ``transcribe``. ``hint`` is the language spoken before, ``language`` and ``script`` are as there. What is in
        doubt is decoded again with more care. Without ``words`` it is a caption of somebody who speaks on: no Aligned
        follows, and what is in doubt is left out. Nothing is yielded where nobody speaks. Raises BadInput as there.
        """
        self._check_language(language)
        pcm = resampled(audio, RATE).pcm
        if len(pcm) > 2 * WINDOW * RATE:
            yield from merge(list(self.transcribe(audio, language, script)), words)
            return
        if len(pcm) < 2 * SHORTEST * RATE:
            return
        samples = normalise_level(pcm, 0, len(pcm) // 2)
        features = self._model.feature_extractor(samples)
        encoding = encode(self._model, features, FINAL if words else CAPTION)
        whole = Stretch(0, len(samples), language or self._detect_language(encoding, len(samples), hint))
        write = decode_with_fallback if words else decode
        quick = write(self._model, encoding, self._tokenizer(whole.language), len(samples) / RATE)
        if quick.silent(samples) or (quick.doubtful and not words):
            return
        if quick.doubtful:
            slowly = self._decode(samples, whole.language, script)
            yield from merge([segment(heard, whole, script) for heard in slowly], words)
            return
        text = convert_script([quick.text], script)[0] if whole.language == "zh" else quick.text
        yield Segment(text, quick.start, quick.end, whole.language)
        if words:
            found = align(self._model, encoding, self._tokenizer(whole.language), quick, features.shape[-1])
            yield Aligned(convert_words(found, whole.language, script))

    def gpu_bytes(self) -> int:
        """Memory taken on the GPU, in bytes, as its free memory told while loading; 0 on the CPU."""
        return self._taken

    def close(self) -> None:
        """Give the model's memory back; the engine is of no use afterwards."""
        self._model.model.unload_model()

    def _find_stretches(self, pcm: bytes, language: str) -> Iterator[Stretch]:
        """What is decoded at once: neighbouring spans of speech in one language, at most ``WINDOW`` seconds."""
        held: Stretch | None = None
        for start, end in spans(pcm):
            spoken = language or self._language(normalise_level(pcm, start, end), held.language if held else "")
            near = held and start - held.end < PAUSE * RATE and end - held.start < WINDOW * RATE
            if held and near and spoken == held.language:
                held = Stretch(held.start, end, spoken)
                continue
            if held:
                yield held
            held = Stretch(start, end, spoken)
        if held:
            yield held

    def _check_language(self, language: str) -> None:
        if language and language not in self.languages:
            raise BadInput(
                l10n(
                    "This speech model does not know the language {language!r}. Leave the language to be detected, "
                    "or install a model that knows it.",
                    language=language,
                )
            )

    def _language(self, samples: Samples, before: str) -> str:
        return self._detect_language(
            encode(self._model, self._model.feature_extractor(samples), PADDING), len(samples), before
        )

    def _detect_language(self, encoding: Any, length: int, before: str) -> str:
        """The language: what is clear; else that ``before``, to the other of FIRST only at ODDS; else the likelier."""
        if not self._model.model.is_multilingual:
            return "en"
        ranked = {token[2:-2]: probability for token, probability in self._model.model.detect_language(encoding)[0]}
        best = str(max(ranked, key=ranked.__getitem__))
        if ranked[best] >= (SURE_BRIEF if length < BRIEF * RATE else SWITCH if before else SURE):
            return best
        likelier = max(FIRST, key=ranked.__getitem__)
        if before in FIRST:
            return likelier if ranked[likelier] > ODDS * ranked[before] else before
        return before or likelier

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(self._model.hf_tokenizer, self._model.model.is_multilingual, "transcribe", language)

    def _decode(self, samples: Samples, language: str, script: str) -> list[Any]:
        """faster-whisper's segments of one stretch: quickly, and with all care when that leaves a doubt."""
        features = self._model.feature_extractor(samples)
        heard: list[Any] = []
        for padding, temperatures in ((PADDING, [0.0]), (30.0, [0.0, 0.2, 0.4, 0.6, 0.8])):
            heard = self._generate(features, encode(self._model, features, padding), language, script, temperatures)
            if not any(doubtful(one) for one in heard):
                break
        return [one for one in heard if spoken_words(one, samples)]

    def _generate(
        self, features: Any, encoding: Any, language: str, script: str, temperatures: list[float]
    ) -> list[Any]:
        seconds = features.shape[-1] / 100
        tokenizer = self._tokenizer(language)
        options = beam_search_options(tokenizer, temperatures, seconds)
        options.initial_prompt = PUNCTUATED[script] if language == "zh" and seconds >= PROMPTED else None
        heard: list[Any] = []
        for one in self._model.generate_segments(features, tokenizer, options, False, encoding):
            heard.append(one)
            if one.end > seconds - REST:
                break
        return heard
