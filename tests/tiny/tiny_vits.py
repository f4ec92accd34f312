"""A VITS (Kim et al., 2021, arXiv:2106.06103) of Coqui's classes, untrained: it hums, but by all the rules.

It reads letters, no phonemes, so it needs no espeak-ng; its vocabulary has the Latin letters and the 3,755 commonest
Chinese characters (GB 2312, level 1). About 6 MB, written in a second.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.common import torch_import as torch_start  # noqa: F401 — before anything that imports torchaudio

RATE = 16_000  # Hz
WIDE = 16  # of a speaker's vector
LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHINESE = "".join(
    bytes((high, low)).decode("gb2312")
    for high in range(0xB0, 0xD8)
    for low in range(0xA1, 0xFF)
    if (high, low) < (0xD7, 0xFA)
)
MARKS = "!'(),-.:;? ，。！？；：、…"


def write_tiny_vits(
    folder: Path, speakers: tuple[str, ...] = (), seed: int = 0, languages: tuple[str, ...] = ()
) -> Path:
    """Write ``config.json``, ``model_file.pth`` and, for ``speakers``, ``speakers.json``; returns ``folder``."""
    config = _config(languages, speakers=list(speakers), use_speaker_embedding=bool(speakers))
    return _write(folder, config, {name: id for id, name in enumerate(speakers)}, "speakers_file", seed)


def write_tiny_yourtts(folder: Path, speakers: tuple[str, ...] = ("Ada", "李明"), seed: int = 0) -> Path:
    """The same with speakers that are vectors, and ``model_se.pth``, which makes a vector of anybody's recording."""
    import torch
    from TTS.encoder.configs.speaker_encoder_config import SpeakerEncoderConfig
    from TTS.encoder.utils.generic_utils import setup_encoder_model

    vectors = torch.nn.functional.normalize(torch.randn(len(speakers), WIDE, generator=torch.manual_seed(seed)))
    pairs = zip(speakers, vectors.tolist(), strict=True)
    clips = {f"{name}.wav": {"name": name, "embedding": each} for name, each in pairs}
    config = _config((), use_d_vector_file=True, d_vector_dim=WIDE)
    _write(folder, config, clips, "d_vector_file", seed)
    sizes = {"model_name": "lstm", "input_dim": 80, "proj_dim": WIDE, "lstm_dim": 32, "num_lstm_layers": 1}
    sizes["use_torch_spec"] = True
    encoder = {"model": "speaker_encoder", "model_params": sizes, "audio": {"sample_rate": RATE, "stats_path": "x.npy"}}
    (folder / "config_se.json").write_text(json.dumps(encoder), "utf-8")
    model = setup_encoder_model(SpeakerEncoderConfig(model_params=sizes))
    torch.save({"model": model.state_dict()}, folder / "model_se.pth")
    return folder


def _write(folder: Path, config: Any, speakers: dict[str, Any], key: str, seed: int) -> Path:
    import torch
    from TTS.tts.models.vits import Vits

    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    if speakers:
        (folder / "speakers.json").write_text(json.dumps(speakers), "utf-8")
        setattr(config.model_args, key, str(folder / "speakers.json"))
    model = Vits(config)
    torch.save({"model": model.state_dict()}, folder / "model_file.pth")
    written: dict[str, Any] = model.config.to_dict() | {"speakers": []}
    if speakers:  # as Coqui's trainer leaves it: a path of the machine it was trained on
        written["model_args"][key] = written[key] = "/home/somebody/training/speakers.json"
    (folder / "config.json").write_text(json.dumps(written, ensure_ascii=False), "utf-8")
    return folder


def _config(languages: tuple[str, ...], speakers: list[str] | None = None, **sizes: Any) -> Any:
    from TTS.config.shared_configs import BaseAudioConfig
    from TTS.tts.configs.shared_configs import CharactersConfig
    from TTS.tts.configs.vits_config import VitsArgs, VitsConfig

    made = VitsArgs(
        hidden_channels=16,
        hidden_channels_ffn_text_encoder=32,
        num_layers_text_encoder=2,
        kernel_size_posterior_encoder=3,
        num_layers_posterior_encoder=2,
        num_layers_flow=2,
        kernel_size_flow=3,
        resblock_type_decoder="2",
        resblock_kernel_sizes_decoder=[3],
        resblock_dilation_sizes_decoder=[[1, 3]],
        upsample_rates_decoder=[8, 8, 4],
        upsample_kernel_sizes_decoder=[16, 16, 8],
        upsample_initial_channel_decoder=32,
        init_discriminator=False,
        speaker_embedding_channels=WIDE,
        use_language_embedding=bool(languages),
        **sizes,
    )
    letters = CharactersConfig(
        characters_class="TTS.tts.models.vits.VitsCharacters",
        pad="_",
        characters=LATIN + CHINESE,
        punctuations=MARKS,
        phonemes="",
    )
    return VitsConfig(
        model_args=made,
        audio=BaseAudioConfig(sample_rate=RATE, hop_length=256),
        use_phonemes=False,
        text_cleaner="basic_cleaners",
        characters=letters,
        test_sentences=[],
        speakers=speakers or [],
        languages=list(languages),
    )
