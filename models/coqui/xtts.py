"""XTTS by Coqui's classes (Casanova et al., 2024, arXiv:2406.04904): many languages, and anybody's voice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from TTS.tts.models import xtts

from core.errors import BadInput, EngineFailed
from core.l10n.text import l10n
from core.media.audio import resampled
from core.types.messages import Audio
from models.common.load_errors import install_again
from models.coqui.folder import weights, weights_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Latents = tuple[torch.Tensor, torch.Tensor]

SEED = 0  # the same text gets the same sound
HEARD = 22_050  # Hz, of a reference
CHUNK = 20  # of the network's tokens, 0.93 s: the first sound comes after so many


class _Xtts(xtts.Xtts):  # type: ignore[misc]
    """Coqui's class with weights read our way: its own reader may write the checkpoint anew."""

    def __init__(self, config: Any, name: str, folder: Path) -> None:
        super().__init__(config)
        self._place = name, folder

    def _load_checkpoint(self, model_path: Path) -> dict[str, Any]:
        with xtts._legacy_safe_globals():  # the published checkpoint names classes by where they were in 2023
            return weights(*self._place)


class XttsVoice:
    """One loaded XTTS. ``languages`` are its own names (``zh-cn``). A reference is listened to once and remembered."""

    def __init__(self, name: str, folder: Path, config: Any, device: str) -> None:
        self._name, self._config = name, config
        self._heard: dict[str, Latents] = {}
        try:
            self._model = _Xtts(config, name, folder)
            self._model.load_checkpoint(
                config,
                checkpoint_path=str(weights_file(name, folder)),
                vocab_path=str(folder / "vocab.json"),
                speaker_file_path=str(folder / "speakers_xtts.pth"),
            )
        except (OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise install_again(name, error) from error
        self._model.to(device).eval()
        self.rate: int = config.model_args.output_sample_rate
        self.languages: tuple[str, ...] = tuple(config.languages)
        self.speakers: dict[str, Latents] = _speakers(self._model)

    def longest(self, language: str) -> int:
        """Characters at once: beyond these the network was not trained, and drops words."""
        limits: dict[str, int] = self._model.tokenizer.char_limits
        return limits.get(language.split("-")[0], min(limits.values()))

    def tokenise(self, text: str, language: str) -> list[int]:
        ids: list[int] = self._model.tokenizer.encode(text, lang=language)
        return ids

    def say(
        self, text: str, language: str, speaker: str, speed: float, reference: Audio | None
    ) -> Iterator[NDArray[np.float32]]:
        """``text`` in chunks as they are made: float32 (n,), -1 to 1, at ``rate``.

        Raises BadInput when there is neither a speaker nor a reference, EngineFailed when a language needs a package
        that is not installed.
        """
        latents, embedding = self._latents(speaker, reference)
        config = self._config
        torch.manual_seed(SEED)
        chunks = self._model.inference_stream(
            text,
            language,
            latents,
            embedding,
            stream_chunk_size=CHUNK,
            temperature=config.temperature,
            length_penalty=config.length_penalty,
            repetition_penalty=config.repetition_penalty,
            top_k=config.top_k,
            top_p=config.top_p,
            speed=speed,
        )
        try:
            for chunk in chunks:
                yield chunk.float().cpu().numpy()
        except ImportError as error:
            raise EngineFailed(
                l10n(
                    "{name} reads {language} through a package that is not installed: {error}. Install it, or "
                    "choose another voice for this language.",
                    name=self._name,
                    language=language,
                    error=error,
                )
            ) from error

    def _latents(self, speaker: str, reference: Audio | None) -> Latents:
        if reference is not None:
            key = f"{hashlib.sha256(reference.pcm).hexdigest()} {reference.rate}"
            if key not in self._heard:
                self._heard[key] = self._listen(reference)
            return self._heard[key]
        if not self.speakers:
            raise BadInput(
                l10n(
                    "{name} has no speakers of its own and needs a recording to speak like. Add one in Settings.",
                    name=self._name,
                )
            )
        return self.speakers[speaker or next(iter(self.speakers))]

    def _listen(self, reference: Audio) -> Latents:
        """What a recording sounds like, to the two halves of the network: (1, n, width) and (1, width, 1)."""
        heard = torch.frombuffer(bytearray(resampled(reference, HEARD).pcm), dtype=torch.int16).float()[None] / 32768
        heard = heard[:, : HEARD * self._config.max_ref_len].to(self._model.device)
        if self._config.sound_norm_refs:
            heard = heard / heard.abs().max() * 0.75
        length, part = self._config.gpt_cond_len, self._config.gpt_cond_chunk_len
        latents = self._model.get_gpt_cond_latents(heard, HEARD, length=length, chunk_length=part)
        return latents, self._model.get_speaker_embedding(heard, HEARD)


def _speakers(model: Any) -> dict[str, Latents]:
    """The model's own speakers, as ``speakers_xtts.pth`` holds them."""
    known = model.speaker_manager.speakers if model.speaker_manager else {}
    return {name: (each["gpt_cond_latent"], each["speaker_embedding"]) for name, each in known.items()}
