"""VITS by Coqui's classes (Kim et al., 2021, arXiv:2106.06103; YourTTS: Casanova et al., 2022, arXiv:2112.02418)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from TTS.encoder.utils.generic_utils import setup_encoder_model
from TTS.tts.models.vits import Vits
from TTS.tts.utils.text.characters import IPAPhonemes
from TTS.tts.utils.text.phonemizers import get_phonemizer_by_name
from TTS.tts.utils.text.tokenizer import TTSTokenizer
from TTS.utils.audio import AudioProcessor

from core.errors import EngineFailed
from core.l10n.text import l10n
from core.media.audio import resampled
from core.types.messages import Audio
from models.common.load_errors import install_again
from models.coqui.folder import speaker_encoder, weights
from models.coqui.phonemes import Espeak

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 0  # the same text gets the same sound
OWN = {  # phonemizers of Coqui's own, by language
    "zh-cn": "zh_cn_phonemizer",
    "ja-jp": "ja_jp_phonemizer",
    "ko-kr": "ko_kr_phonemizer",
    "be": "be_phonemizer",
    "bn": "bn_phonemizer",
}


class _Vits(Vits):  # type: ignore[misc]
    """Coqui's class with a tokenizer of ours, which it would otherwise make with the espeak-ng program."""

    def __init__(self, config: Any) -> None:
        self.tokenizer, config = _tokenizer(config)
        super().__init__(config)


class VitsVoice:
    """One loaded VITS. ``languages`` are the model's own names, none where its letters say what it reads."""

    def __init__(self, name: str, folder: Path, config: Any, device: str) -> None:
        try:
            self._model = _Vits(config)
            self._model.load_state_dict(weights(name, folder))
        except (RuntimeError, ValueError, TypeError, KeyError, AttributeError, AssertionError) as error:
            raise install_again(name, error) from error
        self._model.to(device).eval()
        self._name, self._device = name, device
        self.rate: int = config.audio.sample_rate
        self.speakers = _speakers(self._model)
        self._ear = _Ear(name, *encoder, device) if (encoder := speaker_encoder(name, folder)) else None
        several = config.model_args.use_language_embedding
        self._ids: dict[str, int] = self._model.language_manager.name_to_id if several else {}
        spoken = tuple(self._ids) or ((config.phoneme_language or "en-us",) if config.use_phonemes else ())
        self.languages: tuple[str, ...] = spoken

    def longest(self, language: str) -> int:
        """Characters at once: any sentence."""
        return 1000

    def tokenise(self, text: str, language: str) -> list[int]:
        ids: list[int] = self._model.tokenizer.text_to_ids(text, language=language or self._language())
        return ids

    def say(
        self, text: str, language: str, speaker: str, speed: float, reference: Audio | None
    ) -> Iterator[NDArray[np.float32]]:
        """All of ``text`` at once: float32 (n,), -1 to 1, at ``rate``. Nothing when no letter of it is known."""
        ids = self.tokenise(text, language)
        if not self._has_letters(ids):
            return
        given = {"language_ids": torch.tensor([self._ids[language]], device=self._device)} if self._ids else {}
        if reference is not None and self._ear:
            given["d_vectors"] = self._ear.d_vector(reference)
        elif self.speakers:
            kind, value = self.speakers[speaker or next(iter(self.speakers))]
            given[kind] = value.to(self._device)
        self._model.length_scale = self._model.args.length_scale / speed
        torch.manual_seed(SEED)
        made = self._model.inference(torch.tensor([ids], device=self._device), given)
        yield made["model_outputs"].flatten().float().cpu().numpy()

    def _language(self) -> str | None:
        names = self._model.language_manager.language_names
        return names[0] if len(names) == 1 else None

    def _has_letters(self, ids: list[int]) -> bool:
        known = self._model.tokenizer.characters
        used = (known.id_to_char(id) for id in ids if id < known.num_chars)
        return any(len(sign) == 1 and sign.isalpha() for sign in used)


class _Ear:
    """The network that hears whose voice a recording is; each recording is heard once."""

    def __init__(self, name: str, config: Any, state: dict[str, Any], device: str) -> None:
        self._config, self._device = config, device
        self._heard: dict[str, torch.Tensor] = {}
        try:
            self._audio = AudioProcessor(config.audio)
            self._model = setup_encoder_model(config)
            self._model.load_state_dict(state)
        except (RuntimeError, ValueError, TypeError, KeyError, AttributeError, AssertionError) as error:
            raise install_again(name, error) from error
        self._model.to(device).eval()

    @torch.inference_mode()
    def d_vector(self, reference: Audio) -> torch.Tensor:
        """float32 (1, width)."""
        key = f"{hashlib.sha256(reference.pcm).hexdigest()} {reference.rate}"
        if key not in self._heard:
            pcm = resampled(reference, self._audio.sample_rate).pcm
            wave = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
            raw = self._config.model_params.get("use_torch_spec", False)
            features = torch.from_numpy(wave if raw else self._audio.melspectrogram(wave))
            self._heard[key] = self._model.compute_embedding(features[None].to(self._device))
        return self._heard[key]


def _speakers(model: Any) -> dict[str, tuple[str, torch.Tensor]]:
    """What the network is given for each speaker: its number in a table, or the mean of its recordings' d-vectors."""
    known = model.speaker_manager
    if known is None:
        return {}
    if model.args.use_d_vector_file:
        means = {name: torch.tensor(known.get_mean_embedding(name)).float() for name in known.embedding_names}
        return {name: ("d_vectors", mean[None]) for name, mean in means.items()}
    return {name: ("speaker_ids", torch.tensor([id])) for name, id in known.name_to_id.items()}


def _tokenizer(config: Any) -> tuple[Any, Any]:
    """Coqui's tokenizer and config, with espeak-ng from a package where Coqui would run the program."""
    phonemes, config.use_phonemes = config.use_phonemes, False
    unnamed = config.characters is None or not config.characters.characters_class
    tokenizer, config = TTSTokenizer.init_from_config(config, IPAPhonemes if phonemes and unnamed else None)
    config.use_phonemes = phonemes
    if phonemes:
        tokenizer.use_phonemes, tokenizer.phonemizer = True, _phonemizer(config)
    return tokenizer, config


def _phonemizer(config: Any) -> Any:
    """espeak-ng, or one of Coqui's own for the few languages that espeak-ng reads badly. Raises EngineFailed."""
    language = config.phoneme_language or "en-us"
    name = config.phonemizer or OWN.get(language, "espeak")
    if name == "multi_phonemizer":
        several = tuple(dataset.language for dataset in config.datasets)
        return Espeak(several[0], several)
    if name == "espeak":
        return Espeak(language)
    try:
        return get_phonemizer_by_name(name, language=language)
    except (ImportError, ValueError, RuntimeError) as error:
        raise EngineFailed(
            l10n(
                "This voice reads {language} through {name}, which is not installed: {error}. Install what it names, "
                "or choose another voice.",
                language=language,
                name=name,
                error=error,
            )
        ) from error
