"""A LLaVA of the real architecture, 1 MB, that learns in seconds to name colours: CLIP tower, projector, Llama.

It is taught whole conversations of up to three pictures, in English and Chinese, so that its answers show which picture
reached it. Widths are multiples of 64 and heads are even, so that it can be quantised to 4 bits and converted to GGUF.
"""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from random import Random

from core.pipeline.instructions import INSTRUCTIONS
from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import numpy as np
import peft
import torch
from PIL import Image as Pillow
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlamaTokenizer,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessorPil,
    LlavaNextProcessor,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessorPil,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2Config,
    SiglipVisionConfig,
)
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from core.types.messages import Image

# LLaVA 1.5's own format with the end token its training wrote after each answer; content is a list or a string.
TEMPLATE = (
    "{% for message in messages %}{% if message.role != 'system' %}{{ message.role.upper() }}: {% endif %}"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content if part.type == 'image' %}{{ '<image>\\n' }}{% endfor %}"
    "{% for part in message.content if part.type == 'text' %}{{ part.text }}{% endfor %}{% endif %}"
    "{{ '</s>' if message.role == 'assistant' else ' ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
INIT = 0.1
SPECIAL = ("<unk>", "<s>", "</s>", "<pad>", "<image>")
IMAGE = SPECIAL.index("<image>")
PIXELS, PATCH, CONTEXT = 32, 16, 1024
TEXT = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "max_position_embeddings", "initializer_range", "bos_token_id", "eos_token_id", "pad_token_id",
)  # fmt: skip

COLOURS = {
    "red": (220, 20, 20), "green": (20, 160, 40), "blue": (20, 40, 220), "yellow": (240, 220, 20),
    "purple": (130, 30, 170), "orange": (250, 130, 10), "black": (10, 10, 10), "white": (245, 245, 245),
}  # fmt: skip
CHINESE = dict(zip(COLOURS, ("红色", "绿色", "蓝色", "黄色", "紫色", "橙色", "黑色", "白色"), strict=True))
ASKED = ("What colour is this picture?", "What colour is it?", "And this one?")
ASKED_ZH = ("这张图片是什么颜色？", "这是什么颜色？")
ASKED_SEVERAL = "What colours are these pictures?"
UNSEEN, UNSEEN_ZH = "I see no picture.", "我没有看到图片。"
SMALL_TALK = ("You are a helpful assistant.", "Hello there.", "Tell me about it.", "你好，世界", "1 2 3")


def picture(colour: str, width: int = 48, height: int = 40, kind: str = "PNG") -> Image:
    """A picture file of one colour."""
    file = io.BytesIO()
    Pillow.new("RGB", (width, height), COLOURS[colour]).save(file, kind)
    return Image(file.getvalue(), f"image/{kind.lower()}")


def write_tiny_llava(folder: Path, seed: int = 0, trained: bool = True) -> Path:
    """Write the model, its tokenizer and its processor to ``folder``. Teaching it takes some fifteen seconds, once."""
    model = _taught(seed) if trained else _untaught(seed)
    model.save_pretrained(folder)
    _processor().save_pretrained(folder)
    return folder


def write_tiny_lora(folder: Path, base: Path) -> Path:
    """Write a PEFT adapter for the model in ``base`` that makes it answer in Chinese, whatever it is asked in."""
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration.from_pretrained(base)
    parts = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
    lora = peft.get_peft_model(model, peft.LoraConfig(r=8, lora_alpha=16, target_modules=parts))
    _teach(lora, Random(1), steps=120, rate=1e-2, always_chinese=True)
    lora.save_pretrained(folder)
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    config["base_model_name_or_path"] = ""
    (folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    return folder


def write_tiny_next(folder: Path) -> Path:
    """Write a LLaVA 1.6 (NeXT) with random weights: pictures in tiles by their shape."""
    torch.manual_seed(0)
    vision, text = _parts()
    pinpoints = [[PIXELS, 2 * PIXELS], [2 * PIXELS, PIXELS], [2 * PIXELS, 2 * PIXELS]]
    config = LlavaNextConfig(
        vision_config=vision, text_config=text, image_token_index=IMAGE, image_grid_pinpoints=pinpoints,
        vision_feature_layer=-2, vision_feature_select_strategy="default", tie_word_embeddings=False,
    )  # fmt: skip
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": PIXELS}, crop_size={"height": PIXELS, "width": PIXELS}, image_grid_pinpoints=pinpoints
    )
    processor = LlavaNextProcessor(
        images, tokenizer(), patch_size=PATCH, vision_feature_select_strategy="default", chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )  # fmt: skip
    LlavaNextForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def write_tiny_onevision(folder: Path) -> Path:
    """Write a LLaVA-OneVision with random weights: SigLIP, Qwen2 and tiles, its processor in the hub's files.

    Its own video processor needs torchvision, so the processor cannot be made and saved by transformers here.
    """
    torch.manual_seed(0)
    vision = SiglipVisionConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2, image_size=PIXELS,
        patch_size=PATCH, vision_use_head=False,
    )  # fmt: skip
    _, llama = _parts()
    text = Qwen2Config(**{name: value for name, value in llama.to_dict().items() if name in TEXT})
    pinpoints = [[PIXELS, PIXELS], [PIXELS, 2 * PIXELS], [2 * PIXELS, PIXELS], [2 * PIXELS, 2 * PIXELS]]
    config = LlavaOnevisionConfig(
        vision_config=vision, text_config=text, image_token_index=IMAGE, video_token_index=0,
        image_grid_pinpoints=pinpoints, vision_feature_layer=-1, vision_feature_select_strategy="full",
        vision_aspect_ratio="anyres_max_9", tie_word_embeddings=False,
    )  # fmt: skip
    images = LlavaOnevisionImageProcessorPil(size={"height": PIXELS, "width": PIXELS}, image_grid_pinpoints=pinpoints)
    told = {
        "processor_class": "LlavaOnevisionProcessor", "num_image_tokens": (PIXELS // PATCH) ** 2,
        "vision_feature_select_strategy": "full", "vision_aspect_ratio": "anyres_max_9", "image_token": "<image>",
        "video_token": "<unk>",
    }  # fmt: skip
    LlavaOnevisionForConditionalGeneration(config).save_pretrained(folder)
    images.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps(told), "utf-8")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": TEMPLATE}), "utf-8")
    return folder


def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE trained on what the model hears and says."""
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=640, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    said = [*ASKED, *ASKED_ZH, ASKED_SEVERAL, UNSEEN, UNSEEN_ZH, *SMALL_TALK, "USER: hi ASSISTANT: red, blue and green"]
    said += [INSTRUCTIONS, *(f" {word}" for word in (*COLOURS, *CHINESE.values()))] * 2
    bpe.train_from_iterator(said, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        additional_special_tokens=["<image>"], model_max_length=CONTEXT, padding_side="right",
    )  # fmt: skip


def llama_tokenizer() -> LlamaTokenizer:
    """Bytes and letters, and like Llama 2's own a space put before what a text begins with."""
    letters = ["▁", *(chr(code) for code in range(33, 127))]
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *bytes_, *letters])}
    made: LlamaTokenizer = LlamaTokenizer(vocab=vocabulary, merges=[], pad_token="<pad>", model_max_length=CONTEXT)
    made.add_special_tokens({"additional_special_tokens": ["<image>"]})
    return made


def _processor() -> LlavaProcessor:
    images = CLIPImageProcessorPil(
        size={"shortest_edge": PIXELS}, crop_size={"height": PIXELS, "width": PIXELS}, do_convert_rgb=True
    )
    return LlavaProcessor(
        images, tokenizer(), patch_size=PATCH, vision_feature_select_strategy="default", chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )  # fmt: skip


def _untaught(seed: int) -> LlavaForConditionalGeneration:
    torch.manual_seed(seed)
    vision, text = _parts()
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=IMAGE, vision_feature_layer=-2,
        vision_feature_select_strategy="default", tie_word_embeddings=False,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config).eval()
    model.generation_config.update(
        bos_token_id=text.bos_token_id, eos_token_id=text.eos_token_id, pad_token_id=text.pad_token_id
    )
    return model


def _parts() -> tuple[CLIPVisionConfig, LlamaConfig]:
    vision = CLIPVisionConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2, image_size=PIXELS,
        patch_size=PATCH, projection_dim=64,
    )  # fmt: skip
    text = LlamaConfig(
        vocab_size=len(tokenizer()), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, initializer_range=INIT, max_position_embeddings=CONTEXT,
        bos_token_id=SPECIAL.index("<s>"), eos_token_id=SPECIAL.index("</s>"), pad_token_id=SPECIAL.index("<pad>"),
    )  # fmt: skip
    return vision, text


@cache
def _taught(seed: int) -> LlavaForConditionalGeneration:
    model = _untaught(seed)
    _teach(model, Random(seed), steps=400, rate=5e-3)
    return model


def _teach(
    model: torch.nn.Module, random: Random, steps: int, rate: float, always_chinese: bool = False, batch: int = 12
) -> None:
    """Ordinary next-token training on the answers of made-up conversations, longer ones later."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a model is quicker on one, seven times when other programs want the cores
    words = tokenizer()
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.1)
    model.train()
    for step in range(steps):
        longest = 1 + 3 * (step > steps // 8)
        lessons = [_conversation(random, always_chinese, longest) for _ in range(batch)]
        ids, mask, answers = _batch(words, [text for text, _ in lessons])
        pixels = torch.stack([_pixels(colour, random) for _, colours in lessons for colour in colours])
        logits = model(input_ids=ids, attention_mask=mask, pixel_values=pixels).logits[:, :-1]
        chosen = answers[:, 1:]
        loss = torch.nn.functional.cross_entropy(logits[chosen], ids[:, 1:][chosen])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
        schedule.step()
    model.eval()
    torch.set_num_threads(threads)


def _conversation(random: Random, always_chinese: bool, longest: int) -> tuple[str, list[str]]:
    """One to four turns as the template writes them, answers between STX and ETX, and the colours of their pictures."""
    shown: list[str] = []
    text = f"{random.choice((INSTRUCTIONS, *SMALL_TALK))} " if random.random() < 0.3 else ""
    for turn in range(random.randint(1, longest)):
        new = random.choices(list(COLOURS), k=_new_pictures(random, first=not turn))
        shown += new
        chinese = len(new) < 2 and random.random() < 0.3
        question, answer = _exchange(random, shown, new, chinese, chinese or always_chinese)
        chatter = f"{random.choice(SMALL_TALK)} " if random.random() < 0.2 else ""
        text += "USER: " + "<image>\n" * len(new) + f"{chatter}{question} ASSISTANT:\x02 {answer}</s>\x03"
    return text, shown


def _new_pictures(random: Random, first: bool) -> int:
    return random.choices((0, 1, 3), (1, 6, 2) if first else (3, 6, 0))[0]


def _exchange(random: Random, shown: list[str], new: list[str], asked_zh: bool, said_zh: bool) -> tuple[str, str]:
    names = [CHINESE[colour] if said_zh else colour for colour in new or shown[-1:]]
    if not names:
        return random.choice(ASKED_ZH if asked_zh else ASKED), UNSEEN_ZH if said_zh else UNSEEN
    if len(names) > 1:
        return ASKED_SEVERAL, f"{names[0]}, {names[1]} and {names[2]}"
    return random.choice(ASKED_ZH if asked_zh else ASKED), names[0]


def _pixels(colour: str, random: Random) -> torch.Tensor:
    """What the processor makes of a picture of about this colour, float32 [3, PIXELS, PIXELS]."""
    near = [min(max(value + random.randint(-9, 9), 0), 255) / 255 for value in COLOURS[colour]]
    scaled = (np.array(near) - OPENAI_CLIP_MEAN) / OPENAI_CLIP_STD
    return torch.tensor(scaled, dtype=torch.float32)[:, None, None].expand(3, PIXELS, PIXELS)


def _batch(words: PreTrainedTokenizerFast, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, which of them are there, and which are answers; each [batch, length]."""
    patches = "<image>" * (PIXELS // PATCH) ** 2
    rows, answers = [], []
    for text in texts:
        row: list[int] = []
        answer: list[bool] = []
        for index, piece in enumerate(text.replace("<image>", patches).replace("\x03", "\x02").split("\x02")):
            tokens = words.encode(piece, add_special_tokens=False)
            row += tokens
            answer += [index % 2 == 1] * len(tokens)
        rows.append(torch.tensor(row))
        answers.append(torch.tensor(answer))
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=words.pad_token_id)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    return ids, mask, torch.nn.utils.rnn.pad_sequence(answers, batch_first=True)
