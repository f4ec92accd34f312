"""The shapes of the starter family's parts, all of them classes that transformers and diffusers load by themselves.

The image tower is a FocalNet (arXiv:2203.11926): convolutions see a style they were never shown better than a ViT of
this size, and transformers gives its cells as one row, as LLaVA takes them.
"""

from __future__ import annotations

from typing import Any

import transformers

from models.starter.tokens import BOS, EOS, IMAGE, LONGEST, PAD

SIDE = 96  # pixels that the image tower sees
CELLS = 6  # of a side, after its last stage
WIDTH = 256
library: Any = transformers


def vision() -> Any:
    """96x96 pixels to 6x6 cells of 256, 5.5 million weights."""
    return library.FocalNetConfig(
        image_size=SIDE, patch_size=4, embed_dim=64, hidden_sizes=[64, 128, 256], depths=[2, 2, 6],
        focal_levels=[2, 2, 2], focal_windows=[3, 3, 3], hidden_size=WIDTH, drop_path_rate=0.05,
    )  # fmt: skip


def text(words: int, layers: int) -> Any:
    """CLIP's text tower over LONGEST tokens."""
    return library.CLIPTextConfig(
        vocab_size=words, hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=layers,
        num_attention_heads=4, max_position_embeddings=LONGEST, bos_token_id=BOS, pad_token_id=EOS, eos_token_id=EOS,
    )  # fmt: skip


def clip(words: int) -> Any:
    """Image and text tower with a projection each into one space of 256."""
    both = library.VisionTextDualEncoderConfig.from_vision_text_configs(vision(), text(words, 2), projection_dim=WIDTH)
    return library.VisionTextDualEncoderModel(both)


def llava(words: int) -> Any:
    """The image tower, two layers of projector, and a Llama of six layers."""
    language = library.LlamaConfig(
        vocab_size=words, hidden_size=WIDTH, intermediate_size=3 * WIDTH, num_hidden_layers=6, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=1024, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD,
        tie_word_embeddings=True,
    )  # fmt: skip
    config = library.LlavaConfig(
        vision_config=vision(), text_config=language, image_token_index=IMAGE, vision_feature_layer=-1,
        vision_feature_select_strategy="full", tie_word_embeddings=True,
    )  # fmt: skip
    return library.LlavaForConditionalGeneration(config)


def pixels() -> Any:
    """The image processor that belongs to the tower."""
    return library.CLIPImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, do_center_crop=False, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
