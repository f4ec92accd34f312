"""Model folders of real shapes with random weights: they cost what the real ones cost, and nothing has to be fetched.

``tiny`` gives the same architectures in miniature, so that the benches themselves can be tested without a GPU.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import diffusers as untyped_diffusers
import torch
import transformers as untyped_transformers
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as tokenizing

diffusers: Any = untyped_diffusers
transformers: Any = untyped_transformers

CHAT = (
    "{% for message in messages %}{{ message.role | upper }}: {% for part in message.content %}"
    "{{ '<image>\n' if part.type == 'image' else part.text }}{% endfor %} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


@contextmanager
def random_half(device: str) -> Iterator[None]:
    """New modules get random weights in float16 on ``device``, the same ones every time."""
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(before)


def write_stable_diffusion(folder: Path, device: str, tiny: bool = False) -> Path:
    """Stable Diffusion 1.5 (its unet/, vae/ and text_encoder/config.json), 1.07 billion parameters, 2.1 GB."""
    tokenizer = transformers.CLIPTokenizer.from_pretrained(_clip_words(folder / "tokenizer", 600 if tiny else 49_408))
    wide, text_layers, heads = (32, 2, 4) if tiny else (768, 12, 12)
    channels = (32, 64) if tiny else (320, 640, 1280, 1280)
    across = len(channels) - 1
    vae = (16, 16, 16, 16) if tiny else (128, 256, 512, 512)
    text = transformers.CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=wide, intermediate_size=4 * wide, num_hidden_layers=text_layers,
        num_attention_heads=heads, max_position_embeddings=77, projection_dim=wide, hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    with random_half(device):
        pipe = diffusers.StableDiffusionPipeline(
            text_encoder=transformers.CLIPTextModel(text),
            tokenizer=tokenizer,
            unet=diffusers.UNet2DConditionModel(
                sample_size=8 if tiny else 64, block_out_channels=channels, cross_attention_dim=wide,
                attention_head_dim=8, layers_per_block=2,
                down_block_types=("CrossAttnDownBlock2D",) * across + ("DownBlock2D",),
                up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * across,
            ),
            vae=diffusers.AutoencoderKL(
                block_out_channels=vae, layers_per_block=2, latent_channels=4, sample_size=512, norm_num_groups=16,
                down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            ),
            scheduler=diffusers.PNDMScheduler(
                beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
            ),
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
    pipe.save_pretrained(folder)
    return folder


def write_llava(folder: Path, device: str, tiny: bool = False) -> Path:
    """LLaVA 1.5 7B: CLIP ViT-L/14 at 336 pixels and Llama 2 7B, 7.06 billion parameters, 14.1 GB."""
    side, patch = (28, 14) if tiny else (336, 14)
    tokenizer = _byte_words(600 if tiny else 32_064)
    vision = transformers.CLIPVisionConfig(
        hidden_size=32 if tiny else 1024, intermediate_size=64 if tiny else 4096, num_hidden_layers=2 if tiny else 24,
        num_attention_heads=2 if tiny else 16, image_size=side, patch_size=patch, projection_dim=768,
    )  # fmt: skip
    text = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64 if tiny else 4096, intermediate_size=128 if tiny else 11_008,
        num_hidden_layers=2 if tiny else 32, num_attention_heads=4 if tiny else 32, max_position_embeddings=4096,
        num_key_value_heads=4 if tiny else 32, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    config = transformers.LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2, vision_feature_select_strategy="default", tie_word_embeddings=False,
    )  # fmt: skip
    with random_half(device):
        model = transformers.LlavaForConditionalGeneration(config)
    model.generation_config.update(bos_token_id=1, eos_token_id=2, pad_token_id=0)
    model.save_pretrained(folder)
    images = transformers.CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    transformers.LlavaProcessor(
        images, tokenizer, patch_size=patch, vision_feature_select_strategy="default", chat_template=CHAT,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def _byte_words(size: int) -> Any:
    """A byte-level tokenizer of ``size`` tokens; those that no text needs are names for what a random model says."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<pad>", "<s>", "</s>", "<image>"]
    words = special + letters + [f"w{number}" for number in range(size - len(special) - len(letters))]
    bpe = Tokenizer(tokenizing.BPE(vocab={word: number for number, word in enumerate(words)}, merges=[]))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<pad>",
        additional_special_tokens=["<image>"],
    )  # fmt: skip


def _clip_words(folder: Path, size: int) -> Path:
    """CLIP's tokenizer with all bytes and no words: vocab.json, merges.txt and tokenizer_config.json."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters)]
    words += [f"w{number}</w>" for number in range(size - len(words) - 2)] + ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    vocabulary = {word: number for number, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    ends = {"bos_token": words[-2], "eos_token": words[-1], "pad_token": words[-1], "unk_token": words[-1]}
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **ends}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    return folder
