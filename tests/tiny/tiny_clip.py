"""A CLIP and a Chinese-CLIP of the real architectures, half a megabyte each, that learn in seconds to name colours.

Tokenizers and picture settings are written in the files that the hub's models have, older than transformers' of today.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import numpy as np
import torch
from tokenizers import pre_tokenizers
from transformers import (
    BertTokenizer,
    ChineseCLIPConfig,
    ChineseCLIPModel,
    CLIPConfig,
    CLIPModel,
    CLIPTokenizer,
)
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from tests.tiny.tiny_llava import CHINESE, COLOURS

NAMED = {name: COLOURS[name] for name in ("red", "green", "blue", "yellow", "black", "white")}
PIXELS, WIDTH, TOKENS, BERT_TOKENS = 32, 24, 32, 64
LAYERS = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
EYES = LAYERS | {"image_size": PIXELS, "patch_size": 16}
SENTENCES = ("{}", "a {} picture", "a photo of something {}")
SENTENCES_ZH = ("{}", "{}的图片", "一张照片，上面是{}")
START, END = "<|startoftext|>", "<|endoftext|>"


def write_tiny_clip(folder: Path, trained: bool = True) -> Path:
    """Write a CLIP that knows the colours NAMED in English; teaching it takes some two seconds, once."""
    model = _taught(chinese=False) if trained else _untaught(chinese=False)
    words, merges = _bpe()
    model.save_pretrained(folder)
    _write(folder / "vocab.json", words)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS})
    return _with_eyes(folder, "CLIPFeatureExtractor", PIXELS, do_center_crop=True)


def write_tiny_chinese_clip(folder: Path, trained: bool = True) -> Path:
    """Write a Chinese-CLIP that knows the colours NAMED in Chinese."""
    model = _taught(chinese=True) if trained else _untaught(chinese=True)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(_characters()) + "\n", "utf-8")
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    size = {"height": PIXELS, "width": PIXELS}
    return _with_eyes(folder, "ChineseCLIPFeatureExtractor", size, do_center_crop=False)


def _with_eyes(folder: Path, kind: str, size: int | dict[str, int], do_center_crop: bool) -> Path:
    settings = {
        "feature_extractor_type": kind, "size": size, "crop_size": size, "do_center_crop": do_center_crop,
        "do_resize": True, "do_normalize": True, "resample": 3, "image_mean": OPENAI_CLIP_MEAN,
        "image_std": OPENAI_CLIP_STD,
    }  # fmt: skip
    return _write(folder / "preprocessor_config.json", settings).parent


def _write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    return path


def _bpe() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Byte-level BPE with each colour's name as one token: its vocabulary and its merges."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    merges: list[tuple[str, str]] = []
    for name in NAMED:
        left = name[0]
        for letter in (*name[1:-1], f"{name[-1]}</w>"):
            merges += [(left, letter)] if (left, letter) not in merges else []
            left += letter
            words += [left] if left not in words else []
    return {word: number for number, word in enumerate((*words, START, END))}, merges


def _characters() -> list[str]:
    """BERT's vocabulary: its special tokens, and each character of what is said."""
    said = "".join(SENTENCES_ZH).replace("{}", "") + "".join(CHINESE.values()) + "abcdefghijklmnopqrstuvwxyz"
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(said)]


def _untaught(chinese: bool) -> Any:
    torch.manual_seed(0)
    if chinese:
        text = LAYERS | {"vocab_size": len(_characters()), "max_position_embeddings": BERT_TOKENS}
        return ChineseCLIPModel(ChineseCLIPConfig(text_config=text, vision_config=EYES, projection_dim=WIDTH)).eval()
    words, _ = _bpe()
    text = LAYERS | {"vocab_size": len(words), "max_position_embeddings": TOKENS}
    text |= {"bos_token_id": words[START], "eos_token_id": words[END], "pad_token_id": words[END]}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=EYES, projection_dim=WIDTH)).eval()


@cache
def _taught(chinese: bool) -> Any:
    """Contrastive training (section 2.3 of the CLIP paper) on a picture and a sentence of each colour at a time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model, random = _untaught(chinese), Random(0)
    words: Any = BertTokenizer(vocab=dict(zip(_characters(), range(999), strict=False))) if chinese else _clip_words()
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, fused=True)
    model.train()
    for _ in range(120):
        names = [CHINESE[name] if chinese else name for name in NAMED]
        texts = [random.choice(SENTENCES_ZH if chinese else SENTENCES).format(name) for name in names]
        pixels = torch.stack([_pixels(colour, random) for colour in NAMED.values()])
        given = words(texts, padding=True, return_tensors="pt")
        loss = model(**given, pixel_values=pixels, return_loss=True).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    torch.set_num_threads(threads)
    return model.eval()


def _clip_words() -> CLIPTokenizer:
    words, merges = _bpe()
    return CLIPTokenizer(vocab=words, merges=merges)


def _pixels(colour: tuple[int, int, int], random: Random) -> torch.Tensor:
    """What the processor makes of a picture of about this colour, float32 [3, PIXELS, PIXELS]."""
    near = [min(max(value + random.randint(-20, 20), 0), 255) / 255 for value in colour]
    scaled = (np.array(near) - OPENAI_CLIP_MEAN) / OPENAI_CLIP_STD
    return torch.tensor(scaled, dtype=torch.float32)[:, None, None].expand(3, PIXELS, PIXELS)
