"""A llama of 0.4 MB with random weights, as a real GGUF: its words are noise, its machinery is the real one.

The vocabulary is byte-level BPE of the 256 bytes and a few merges, so that a Chinese character takes three tokens and
an emoji four, and "hello" one. Generated tokens are random bytes: most answers are broken UTF-8, which is the point.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from tokenizers import pre_tokenizers

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MERGES = ("h e", "l l", "he ll", "hell o")

WIDTH, LAYERS, HEADS, KV_HEADS, INNER = 64, 2, 4, 2, 128


def write_tiny_gguf(path: Path, template: str = CHATML, trained_tokens: int = 2048, seed: int = 0) -> Path:
    """Write the model to ``path``. An empty ``template`` leaves the key out."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(trained_tokens)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    size = _add_vocabulary(writer, template)
    _add_weights(writer, size, np.random.default_rng(seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_vocabulary(writer: gguf.GGUFWriter, template: str) -> int:
    bytes_and_merges = sorted(pre_tokenizers.ByteLevel.alphabet()) + [merge.replace(" ", "") for merge in MERGES]
    tokens = [*bytes_and_merges, *SPECIAL]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    types = [gguf.TokenType.NORMAL] * len(bytes_and_merges) + [gguf.TokenType.CONTROL] * len(SPECIAL)
    writer.add_token_types(types)
    writer.add_token_merges(list(MERGES))
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_vocab_size(len(tokens))
    if template:
        writer.add_chat_template(template)
    return len(tokens)


def _add_weights(writer: gguf.GGUFWriter, vocabulary: int, random: np.random.Generator) -> None:
    def add(name: str, *shape: int) -> None:
        writer.add_tensor(f"{name}.weight", (random.standard_normal(shape) * 0.3).astype(np.float32))

    def add_ones(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))

    narrow = WIDTH * KV_HEADS // HEADS
    add("token_embd", vocabulary, WIDTH)
    add_ones("output_norm")
    add("output", vocabulary, WIDTH)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        add_ones(block + "attn_norm")
        add_ones(block + "ffn_norm")
        add(block + "attn_q", WIDTH, WIDTH)
        add(block + "attn_k", narrow, WIDTH)
        add(block + "attn_v", narrow, WIDTH)
        add(block + "attn_output", WIDTH, WIDTH)
        add(block + "ffn_gate", INNER, WIDTH)
        add(block + "ffn_up", INNER, WIDTH)
        add(block + "ffn_down", WIDTH, INNER)
