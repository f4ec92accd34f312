"""A Whisper of the real architecture with random weights, 1 MB, in CTranslate2's format: it says nonsense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.model_spec import LayerSpec
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

WIDE, HEADS, LAYERS, MELS, FRAMES, LONGEST = 64, 2, 1, 80, 1500, 448


def write_tiny_whisper(folder: Path, seed: int = 0) -> None:
    """Write model.bin, config.json, vocabulary.json and tokenizer.json to ``folder``."""
    tokenizer = _tokenizer()
    tokens = [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]
    spec = WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    _fill(spec, len(tokens), np.random.default_rng(seed))
    languages = [tokenizer.token_to_id(f"<|{code}|>") for code in _languages()]
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokenizer.token_to_id("<|endoftext|>")]
    spec.config.lang_ids = languages
    spec.config.alignment_heads = [[0, 0]]
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.save(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))


def _languages() -> list[str]:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    return list(_LANGUAGE_CODES)


def _tokenizer() -> Tokenizer:
    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab={**letters, "": len(letters)}, merges=[]))  # "" marks many languages
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = ["endoftext", "startoftranscript", *_languages(), "translate", "transcribe", "startoflm", "startofprev"]
    names += ["nospeech", "notimestamps"]
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", special=True, normalized=False) for name in names])
    tokenizer.add_tokens([AddedToken(f"<|{at * 0.02:.2f}|>", normalized=False) for at in range(1501)])
    return tokenizer


def _fill(spec: LayerSpec, words: int, random: np.random.Generator) -> None:
    """Give every weight the spec asks for a small random value of the shape its place needs."""

    def weight(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) * 0.1).astype(np.float32)

    def linear(layer: LayerSpec, out: int, into: int) -> None:
        layer.weight, layer.bias = weight(out, into), weight(out)

    def norm(layer: LayerSpec) -> None:
        layer.gamma, layer.beta = np.ones(WIDE, np.float32), np.zeros(WIDE, np.float32)

    def attention(layer: LayerSpec, across: bool = False) -> None:
        norm(layer.layer_norm)
        for number, part in enumerate(layer.linear):
            linear(part, (2 if across and number == 1 else 3 if not across and number == 0 else 1) * WIDE, WIDE)

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = weight(WIDE, MELS, 3), weight(WIDE)
    encoder.conv2.weight, encoder.conv2.bias = weight(WIDE, WIDE, 3), weight(WIDE)
    encoder.position_encodings.encodings = weight(FRAMES, WIDE)
    decoder.position_encodings.encodings = weight(LONGEST, WIDE)
    decoder.embeddings.weight = weight(words, WIDE)
    decoder.projection.weight = decoder.embeddings.weight
    for side in (encoder, decoder):
        norm(side.layer_norm)
        for layer in side.layer:
            attention(layer.self_attention)
            if hasattr(layer, "attention"):
                attention(layer.attention, across=True)
            norm(layer.ffn.layer_norm)
            linear(layer.ffn.linear_0, WIDE, WIDE)
            linear(layer.ffn.linear_1, WIDE, WIDE)
