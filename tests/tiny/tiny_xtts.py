"""An XTTS v2 (Casanova et al., 2024, arXiv:2406.04904) of Coqui's classes, untrained, in the files of the real one.

What Coqui fixes in code (the decoder and the speaker encoder, 22 million parameters) stays as large as it is; the
network that writes the sound has two layers. 45 MB, in half precision.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.common import torch_import as torch_start  # noqa: F401 — before anything that imports torchaudio

WIDE, STOP = 64, 65
LANGUAGES = ("en", "zh-cn", "de")


def write_tiny_xtts(folder: Path, speakers: tuple[str, ...] = ("Ada", "李明"), seed: int = 0) -> Path:
    """Write ``config.json``, ``model.pth``, ``vocab.json`` and ``speakers_xtts.pth``; returns ``folder``."""
    import torch
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models import xtts

    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(_vocabulary(), "utf-8")
    config = _config()
    (folder / "config.json").write_text(json.dumps(config.to_dict()), "utf-8")
    model = xtts.Xtts(config)
    model.tokenizer = VoiceBpeTokenizer(folder / "vocab.json")
    model.init_models()
    state = {name: each.half() if each.is_floating_point() else each for name, each in model.state_dict().items()}
    with xtts._legacy_safe_globals():  # as it was published, with a configuration of classes that have moved since
        torch.save({"model": state, "config": config}, folder / "model.pth")
    voices = {
        name: {"gpt_cond_latent": torch.randn(1, 32, WIDE), "speaker_embedding": torch.randn(1, 512, 1)}
        for name in speakers
    }
    if voices:
        torch.save(voices, folder / "speakers_xtts.pth")
    return folder


def _vocabulary() -> str:
    from tokenizers import Tokenizer, models, pre_tokenizers

    special = ["[STOP]", "[UNK]", "[SPACE]", "[START]", *(f"[{language}]" for language in LANGUAGES)]
    letters = "abcdefghijklmnopqrstuvwxyzäöüß0123456789'.,!?-:;"
    known = {sign: id for id, sign in enumerate([*special, *letters])}
    tokenizer = Tokenizer(models.BPE(known, [], unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(special)
    return str(tokenizer.to_str())


def _config() -> Any:
    from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig

    sizes = XttsArgs(
        gpt_layers=2,
        gpt_n_model_channels=WIDE,
        gpt_n_heads=2,
        gpt_num_audio_tokens=STOP + 1,
        gpt_start_audio_token=STOP - 1,
        gpt_stop_audio_token=STOP,
        gpt_max_audio_tokens=60,
        gpt_use_perceiver_resampler=True,
        decoder_input_dim=WIDE,
    )
    return XttsConfig(model_args=sizes, languages=list(LANGUAGES), temperature=0.75, repetition_penalty=5.0)
