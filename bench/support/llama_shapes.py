"""GGUF models of real shapes with random weights: what they say is noise, what they cost is real."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

import gguf
import numpy as np
from tokenizers import pre_tokenizers

from core.catalogue.spec import File, ModelSpec
from models.llama import engine as llama
from models.llama.engine import Llama

Shapes = dict[str, tuple[int, ...]]

# SmolLM2 135M, and the encoder of LLaVA 1.5 (CLIP-L/14-336) as its mmproj file has it
WIDTH, INNER, LAYERS, HEADS, PAIRS, WORDS = 576, 1536, 30, 9, 3, 49152
SIGHT, SIGHT_INNER, SIGHT_LAYERS, SIGHT_HEADS, SIDE, PATCH = 1024, 4096, 23, 16, 336, 14
CHAT = (
    "{% for message in messages %}{{ message.role | upper }}: {{ message.content }} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def random_llama(context: int = 4096) -> Llama:
    """A Llama of 135 million weights that sees, in float16; its files (0.9 GB) go when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="parlor-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _write_language(folder / "model.gguf")
    _write_vision(folder / "mmproj.gguf")
    files = tuple(File(name, 0, "", ()) for name in ("model.gguf", "mmproj.gguf"))
    defaults = (("context_tokens", context),)
    return llama.load(ModelSpec("random", "", "see", "llama", "", ("en",), 0, "", files, defaults=defaults), folder)


def _write_language(path: Path) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(8192)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(PAIRS)
    writer.add_layer_norm_rms_eps(1e-5)
    _add_vocabulary(writer)
    narrow = WIDTH * PAIRS // HEADS
    parts: Shapes = {"attn_q": (WIDTH, WIDTH), "attn_k": (narrow, WIDTH), "attn_v": (narrow, WIDTH)}
    parts |= {"attn_output": (WIDTH, WIDTH), "ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH)}
    parts |= {"ffn_down": (WIDTH, INNER), "attn_norm": (WIDTH,), "ffn_norm": (WIDTH,)}
    tensors: Shapes = {f"blk.{n}.{name}.weight": shape for n in range(LAYERS) for name, shape in parts.items()}
    tensors |= {"token_embd.weight": (WORDS, WIDTH), "output_norm.weight": (WIDTH,)}
    _finish(writer, tensors)


def _add_vocabulary(writer: gguf.GGUFWriter) -> None:
    """A token a byte, and words that nobody says."""
    tokens = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "he", "<s>", "</s>"]
    tokens += [f"<unused {number}>" for number in range(WORDS - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_merges(["h e"])
    writer.add_bos_token_id(tokens.index("<s>"))
    writer.add_eos_token_id(tokens.index("</s>"))
    writer.add_chat_template(CHAT)


def _write_vision(path: Path) -> None:
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    for name, value in {
        "image_size": SIDE, "patch_size": PATCH, "block_count": SIGHT_LAYERS, "embedding_length": SIGHT,
        "feed_forward_length": SIGHT_INNER, "attention.head_count": SIGHT_HEADS, "projection_dim": WIDTH,
    }.items():  # fmt: skip
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    parts: Shapes = {f"attn_{part}": (SIGHT, SIGHT) for part in ("q", "k", "v", "out")}
    parts |= {"ffn_up": (SIGHT_INNER, SIGHT), "ffn_down": (SIGHT, SIGHT_INNER), "ln1": (SIGHT,), "ln2": (SIGHT,)}
    named: Shapes = {f"v.blk.{n}.{name}": shape for n in range(SIGHT_LAYERS) for name, shape in parts.items()}
    named |= {"v.pre_ln": (SIGHT,), "mm.0": (WIDTH, SIGHT), "mm.2": (WIDTH, WIDTH)}
    tensors = {f"{name}.weight": shape for name, shape in named.items()}
    tensors |= {f"{name}.bias": shape[:1] for name, shape in named.items()}
    tensors |= {"v.class_embd": (SIGHT,), "v.patch_embd.weight": (SIGHT, 3, PATCH, PATCH)}
    tensors["v.position_embd.weight"] = ((SIDE // PATCH) ** 2 + 1, SIGHT)
    _finish(writer, tensors)


def _finish(writer: gguf.GGUFWriter, tensors: Shapes) -> None:
    """Matrices in float16, all else, norms of ones among it, in float32."""
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    random = np.random.default_rng(0)
    for name, shape in tensors.items():
        matrix = len(shape) > 1 and "position" not in name
        weights = random.standard_normal(shape, np.float32) * np.float32(0.02)
        norm = len(shape) == 1 and ("norm" in name or "ln" in name) and name.endswith("weight")
        writer.add_tensor(
            name, np.ones(shape, np.float32) if norm else weights.astype(np.float16 if matrix else np.float32)
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
