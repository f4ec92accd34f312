"""The tiny LLaVA of ``tests/tiny/tiny_llava.py`` as llama.cpp reads it: a language model and a vision projector in
GGUF.

What is converted, and what the tensors are called, is as in llama.cpp's ``convert_hf_to_gguf.py`` (``--mmproj``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file
from tokenizers import pre_tokenizers

Weights = dict[str, np.ndarray]
Shapes = dict[str, tuple[int, ...]]

WIDTH = 128
CHATTING = (
    "{% for message in messages %}<s>{{ message.role }}\n{{ message.content }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)

LANGUAGE = "model.language_model."
VISION = "model.vision_tower."
PROJECTOR = "model.multi_modal_projector."


def write_tiny_vision_gguf(folder: Path, llava_folder: Path) -> tuple[Path, Path]:
    """Write ``model.gguf`` and ``mmproj.gguf`` to ``folder``; returns their paths."""
    config = json.loads((llava_folder / "config.json").read_text("utf-8"))
    weights = _named(load_file(llava_folder / "model.safetensors"))
    folder.mkdir(parents=True, exist_ok=True)
    model, mmproj = folder / "model.gguf", folder / "mmproj.gguf"
    _write_language(model, llava_folder, config["text_config"], weights)
    _write_vision(mmproj, config, weights)
    return model, mmproj


def _named(weights: Weights) -> Weights:
    """With the names that transformers 5 gives in memory; in the file they are those of the first LLaVA."""
    first = {
        "language_model.model.": LANGUAGE,
        "language_model.lm_head.": "lm_head.",
        "vision_tower.vision_model.": VISION,
    }
    first |= {"vision_tower.": VISION, "multi_modal_projector.": PROJECTOR, "model.vision_tower.vision_model.": VISION}
    named = {}
    for name, weight in weights.items():
        begin = next((begin for begin in sorted(first, key=len, reverse=True) if name.startswith(begin)), "")
        named[first.get(begin, "") + name[len(begin) :]] = weight
    return named


def _write_language(path: Path, source: Path, config: dict[str, Any], weights: Weights) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_vocabulary(writer, source, config["vocab_size"])
    _add_language(writer, config, weights)
    _finish(writer)


def _add_vocabulary(writer: gguf.GGUFWriter, source: Path, size: int) -> None:
    tokeniser = json.loads((source / "tokenizer.json").read_text("utf-8"))
    special = {token["content"]: token["id"] for token in tokeniser["added_tokens"]}
    texts = {number: text for text, number in (tokeniser["model"]["vocab"] | special).items()}
    merges = [each if isinstance(each, str) else " ".join(each) for each in tokeniser["model"]["merges"]]
    tokens = [texts.get(number, f"<unused {number}>") for number in range(size)]
    _add_tokens(writer, tokens, set(special), merges, (source / "chat_template.jinja").read_text("utf-8"))


def _add_tokens(
    writer: gguf.GGUFWriter, tokens: list[str], special: set[str], merges: list[str], template: str
) -> None:
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if text in special else gguf.TokenType.NORMAL for text in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index("<s>"))
    writer.add_eos_token_id(tokens.index("</s>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)


def _add_language(writer: gguf.GGUFWriter, config: dict[str, Any], weights: Weights) -> None:
    writer.add_tensor("token_embd.weight", weights[LANGUAGE + "embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", weights[LANGUAGE + "norm.weight"])
    writer.add_tensor("output.weight", weights["lm_head.weight"])
    parts = {
        "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    }  # fmt: skip
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    for layer in range(config["num_hidden_layers"]):
        for name, part in parts.items():
            weight = weights[f"{LANGUAGE}layers.{layer}.{part}.weight"]
            writer.add_tensor(f"blk.{layer}.{name}.weight", _paired(weight, heads[name]) if name in heads else weight)


def _paired(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows from transformers' rotary order (two halves of each head) to llama.cpp's (neighbouring pairs)."""
    half = weight.shape[0] // heads // 2
    return np.ascontiguousarray(weight.reshape(heads, 2, half, -1).swapaxes(1, 2).reshape(weight.shape))


def _write_vision(path: Path, config: dict[str, Any], weights: Weights) -> None:
    vision = config["vision_config"]
    blocks = vision["num_hidden_layers"] + config["vision_feature_layer"] + 2  # llama.cpp leaves the last one out
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.use_gelu", False)
    writer.add_string("clip.projector_type", "mlp")
    for name, value in {
        "image_size": vision["image_size"], "patch_size": vision["patch_size"], "block_count": blocks,
        "embedding_length": vision["hidden_size"], "feed_forward_length": vision["intermediate_size"],
        "attention.head_count": vision["num_attention_heads"], "projection_dim": config["text_config"]["hidden_size"],
    }.items():  # fmt: skip
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", vision["layer_norm_eps"])
    writer.add_array("clip.vision.image_mean", [0.48145466, 0.4578275, 0.40821073])
    writer.add_array("clip.vision.image_std", [0.26862954, 0.26130258, 0.27577711])
    _add_vision(writer, blocks, weights)
    _finish(writer)


def _add_vision(writer: gguf.GGUFWriter, blocks: int, weights: Weights) -> None:
    embeddings = VISION + "embeddings."
    writer.add_tensor("v.class_embd", weights[embeddings + "class_embedding"])
    writer.add_tensor("v.patch_embd.weight", weights[embeddings + "patch_embedding.weight"])
    writer.add_tensor("v.position_embd.weight", weights[embeddings + "position_embedding.weight"])
    parts = {
        "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_out": "self_attn.out_proj", "ln1": "layer_norm1", "ln2": "layer_norm2", "ffn_up": "mlp.fc1",
        "ffn_down": "mlp.fc2",
    }  # fmt: skip
    named = {
        f"v.blk.{n}.{name}": f"{VISION}encoder.layers.{n}.{part}" for n in range(blocks) for name, part in parts.items()
    }
    named |= {"v.pre_ln": VISION + "pre_layrnorm", "mm.0": PROJECTOR + "linear_1", "mm.2": PROJECTOR + "linear_2"}
    for name, part in named.items():
        for kind in ("weight", "bias"):
            writer.add_tensor(f"{name}.{kind}", weights[f"{part}.{kind}"])


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_tiny_qwen2vl(folder: Path) -> None:
    """A Qwen2-VL with random weights: any resolution, and M-RoPE, where a picture takes fewer positions than cells."""
    writer = _random_language(folder, "qwen2vl", ("<|vision_start|>", "<|vision_end|>"))
    writer.add_rope_dimension_sections([16, 8, 8, 0])
    _add_random(writer, {f"blk.{n}.attn_{part}.bias": (WIDTH,) for n in range(2) for part in "qkv"})
    _finish(writer)
    patches = {f"v.patch_embd.weight{end}": (WIDTH, 3, 14, 14) for end in ("", ".1")}
    merger = {"mm.0.weight": (4 * WIDTH, 4 * WIDTH), "mm.2.weight": (WIDTH, 4 * WIDTH)}
    biases = {"mm.0.bias": (4 * WIDTH,), "mm.2.bias": (WIDTH,)}
    _write_random_vision(folder, "qwen2vl_merger", 112, 14, patches | merger | biases)


def write_tiny_gemma3(folder: Path) -> None:
    """A Gemma 3 with random weights: a picture's 100 cells see each other, so they can only be computed at once."""
    writer = _random_language(folder, "gemma3", ("<start_of_image>", "<end_of_image>"))
    writer.add_key_length(WIDTH // 2)
    writer.add_value_length(WIDTH // 2)
    writer.add_sliding_window(512)
    _add_random(
        writer, {f"blk.{n}.post_{part}_norm.weight": (WIDTH,) for n in range(2) for part in ("attention", "ffw")}
    )
    _add_random(writer, {f"blk.{n}.attn_{part}_norm.weight": (WIDTH // 2,) for n in range(2) for part in "qk"})
    _finish(writer)
    patches = {"v.patch_embd.weight": (WIDTH, 3, 8, 8), "v.patch_embd.bias": (WIDTH,)}
    places = {"v.position_embd.weight": (40 * 40, WIDTH)}
    projector = {"mm.input_projection.weight": (WIDTH, WIDTH), "mm.soft_emb_norm.weight": (WIDTH,)}
    _write_random_vision(folder, "gemma3", 320, 8, patches | places | projector)


def _random_language(folder: Path, architecture: str, special: tuple[str, ...]) -> gguf.GGUFWriter:
    """Two layers of the plain llama shape; the caller adds what the architecture has besides, and finishes."""
    writer = gguf.GGUFWriter(folder / "model.gguf", architecture)
    writer.add_context_length(2048)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(2)
    writer.add_feed_forward_length(2 * WIDTH)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    tokens = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "he", "<s>", "</s>", *special]
    _add_tokens(writer, tokens, {"<s>", "</s>", *special}, ["h e"], CHATTING)
    _add_random(writer, {"token_embd.weight": (len(tokens), WIDTH), "output_norm.weight": (WIDTH,)})
    for layer in range(2):
        wide = {f"attn_{part}": (WIDTH, WIDTH) for part in ("q", "k", "v", "output")}
        wide |= {"ffn_gate": (2 * WIDTH, WIDTH), "ffn_up": (2 * WIDTH, WIDTH), "ffn_down": (WIDTH, 2 * WIDTH)}
        parts = {"attn_norm": (WIDTH,), "ffn_norm": (WIDTH,), **wide}
        _add_random(writer, {f"blk.{layer}.{name}.weight": shape for name, shape in parts.items()})
    return writer


def _write_random_vision(folder: Path, projector: str, pixels: int, patch: int, tensors: Shapes) -> None:
    """An encoder of two blocks; ``tensors`` are those before and after them."""
    writer = gguf.GGUFWriter(folder / "mmproj.gguf", "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.use_gelu", True)
    writer.add_string("clip.projector_type", projector)
    for name, value in {
        "image_size": pixels, "patch_size": patch, "block_count": 2, "embedding_length": WIDTH,
        "feed_forward_length": 2 * WIDTH, "attention.head_count": 2, "projection_dim": WIDTH,
    }.items():  # fmt: skip
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    parts: Shapes = {f"attn_{part}": (WIDTH, WIDTH) for part in ("q", "k", "v", "out")}
    parts |= {"ln1": (WIDTH,), "ln2": (WIDTH,), "ffn_up": (2 * WIDTH, WIDTH), "ffn_down": (WIDTH, 2 * WIDTH)}
    named = {f"v.blk.{n}.{name}": shape for n in range(2) for name, shape in parts.items()} | {"v.post_ln": (WIDTH,)}
    _add_random(writer, tensors | {f"{name}.weight": shape for name, shape in named.items()})
    _add_random(writer, {f"{name}.bias": shape[:1] for name, shape in named.items()})
    _finish(writer)


def _add_random(writer: gguf.GGUFWriter, tensors: Shapes) -> None:
    """Norms of ones, all else random, each tensor by its name."""
    for name, shape in tensors.items():
        random = np.random.default_rng(list(name.encode()))
        norm = len(shape) == 1 and name.endswith("weight")
        writer.add_tensor(name, np.ones(shape, np.float32) if norm else random.standard_normal(shape, np.float32) * 0.2)
