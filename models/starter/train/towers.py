"""The shapes of the starter family's parts, all of them classes that transformers and diffusers load by themselves.

The image tower is a ResNet with one layer of attention over its cells: the hybrid of ViT (arXiv:2010.11929) that DPT
(arXiv:2103.13413) is built on. In a set this small convolutions with batch normalisation learn what carries over to a
style that was never shown, and the hybrid gives their cells as one row, as LLaVA takes them.
"""

from __future__ import annotations

from typing import Any

import transformers

from models.starter.train.tokens import BOS, EOS, IMAGE, LONGEST, PAD

SIDE = 64  # pixels that the image tower sees
CELLS = SIDE // 16  # of a side, after its last stage
WIDTH = 256
DEPTHS, WIDTHS = [2, 2, 2], [64, 128, 192]
library: Any = transformers


def backbone(**told: Any) -> Any:
    """Two by two by two basic blocks of 64, 128 and 192 channels, 16 pixels to a cell, 1.9 million weights."""
    return library.ResNetConfig(embedding_size=64, hidden_sizes=WIDTHS, depths=DEPTHS, layer_type="basic", **told)


def vision() -> Any:
    """64x64 pixels to 4x4 cells of 256, and one before them for the whole."""
    shape = [1, WIDTHS[-1], CELLS, CELLS]
    return library.DPTConfig(
        is_hybrid=True, backbone_config=backbone(out_features=["stage1", "stage2", "stage3"]), hidden_size=WIDTH,
        num_hidden_layers=1, num_attention_heads=4, intermediate_size=2 * WIDTH, image_size=SIDE, patch_size=16,
        backbone_featmap_shape=shape, neck_ignore_stages=[0, 1], readout_type="project", hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip


def grown(tower: Any, folder: Any) -> None:
    """Give the tower's convolutions what the classifier in ``folder`` has learnt."""
    learnt = library.ResNetForImageClassification.from_pretrained(folder, use_safetensors=True).float()
    kept = {f"{name}": value for name, value in learnt.resnet.state_dict().items() if not name.startswith("pooler")}
    tower.embeddings.backbone.load_state_dict(kept)


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
    """The image tower, two layers of projector, and a Llama of four layers."""
    language = library.LlamaConfig(
        vocab_size=words, hidden_size=WIDTH, intermediate_size=3 * WIDTH, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=1024, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD,
        tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 1e6},
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
