"""LLaVA models of any size with random weights, in memory: what they say is noise, what they cost is real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import torch
import transformers
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as bpe

from models.llava.engine import Llava
from models.llava.lora import Adapters
from models.llava.precision import LlavaPlan
from models.llava.vision import ImageEncoder

SPECIAL = ("<unk>", "<s>", "</s>", "<pad>", "<image>")
SIDE, PATCH = 336, 14  # CLIP-L/14-336, the eyes of LLaVA 1.5: 576 cells a picture


def small_text() -> transformers.LlamaConfig:
    """A Llama of 134 million weights, the shape of SmolLM2 135M."""
    return _text(576, 1536, 30, 9, 3, 49152)


def vicuna_7b() -> transformers.LlamaConfig:
    """The language model of LLaVA 1.5 7B."""
    return _text(4096, 11008, 32, 32, 32, 32064)


def random_llava(text: transformers.LlamaConfig, plan: LlavaPlan, threads: int, context: int = 4096) -> Llava:
    """LLaVA 1.5 with its real vision tower (304 million weights) and ``text``, unquantised, by ``plan``."""
    vision = transformers.CLIPVisionConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=SIDE,
        patch_size=PATCH,
    )  # fmt: skip
    config = transformers.LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=SPECIAL.index("<image>"), vision_feature_layer=-2
    )
    torch.manual_seed(0)
    standard = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, plan.dtype))
    try:
        with torch.device(plan.device):
            model: Any = transformers.LlavaForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(standard)
    processor = _processor()
    encoder = ImageEncoder(model.eval(), processor)
    adapters = Adapters(model, Path("adapters"))
    return Llava("random LLaVA", model, processor, plan, encoder, adapters, context, threads)


def _text(width: int, inner: int, layers: int, heads: int, pairs: int, words: int) -> transformers.LlamaConfig:
    return transformers.LlamaConfig(
        hidden_size=width, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=pairs, vocab_size=words, max_position_embeddings=4096, bos_token_id=1, eos_token_id=2,
        pad_token_id=3,
    )  # fmt: skip


def _processor() -> Any:
    """LLaVA 1.5's, its tokenizer reduced to bytes."""
    letters = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(bpe.BPE({letter: number for number, letter in enumerate(letters)}, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast: Any = transformers.PreTrainedTokenizerFast
    words = fast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        additional_special_tokens=["<image>"],
    )  # fmt: skip
    pixels = {"height": SIDE, "width": SIDE}
    images: Any = transformers.CLIPImageProcessorPil
    processor: Any = transformers.LlavaProcessor
    return processor(
        images(size={"shortest_edge": SIDE}, crop_size=pixels),
        words,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
