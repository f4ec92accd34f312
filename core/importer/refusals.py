"""Refusals: why a folder or file cannot be used, and what the person can do about it."""

from __future__ import annotations

from typing import Any

from core.errors import BadInput
from core.importer.found import Listing

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
UNDERSTOOD = (
    "a diffusers folder (model_index.json), a LLaVA-like transformers folder, a Coqui VITS or XTTS folder, "
    "a faster-whisper folder, a CLIP folder, a GGUF file (with its mmproj for one that sees), a LoRA adapter folder",
    "diffusers 文件夹（model_index.json）、LLaVA 类 transformers 文件夹、Coqui VITS 或 XTTS 文件夹、"
    "faster-whisper 文件夹、CLIP 文件夹、GGUF 文件（识图模型需附 mmproj 文件），以及 LoRA 适配器文件夹",
)


def refusal(listing: Listing, config: dict[str, Any], readable: bool) -> BadInput:
    """``config`` is of the listing's config.json, ``readable`` that a kind we know is named there."""
    kind = config.get("model_type")
    names = sorted(listing.sizes)
    pickles = [name for name in names if name.endswith(PICKLES)]
    if readable:
        return pickled(listing.name, pickles) if pickles else no_weights(listing.name)
    if kind == "whisper":
        return _whisper(listing.name)
    if kind:
        return _other_transformers(listing.name, str(kind))
    if config.get("model"):
        return BadInput(
            f"{listing.name} is a Coqui model of the kind {config['model']}; Parlor speaks with VITS and XTTS.",
            f"{listing.name} 是 Coqui 的 {config['model']} 模型；Parlor 支持 VITS 和 XTTS。",
        )
    whole = [name for name in names if name.endswith(".safetensors") and _is_painter(listing, name)]
    whole += [name for name in names if name.endswith(".ckpt")]
    if whole:
        return _single_file(whole[0])
    return pickled(listing.name, pickles) if pickles else unknown(listing.name)


def pickled(name: str, files: list[str]) -> BadInput:
    """The refusal of weights that a pickle holds."""
    which = ", ".join(files[:3])
    return BadInput(
        f"{name} has its weights in {which}: files of that kind can run code when they are opened, so Parlor never "
        "opens them. Get the edition in safetensors (or GGUF), or convert it where you trust it.",
        f"{name} 的权重保存在 {which} 中：这类文件打开时可能执行代码，Parlor 从不打开。"
        "请获取 safetensors（或 GGUF）版本，或在可信环境中转换。",
    )


def no_weights(where: str) -> BadInput:
    return BadInput(
        f"{where} has no whole set of weights in safetensors. Get the missing files.",
        f"{where} 缺少完整的 safetensors 权重，请补齐文件。",
    )


def unknown(name: str) -> BadInput:
    return BadInput(
        f"{name} is nothing that Parlor understands. It takes {UNDERSTOOD[0]}.",
        f"无法识别 {name}。Parlor 支持：{UNDERSTOOD[1]}。",
    )


def _whisper(name: str) -> BadInput:
    command = "ct2-transformers-converter --model {} --output_dir {} --quantization float16 --copy_files tokenizer.json"
    return BadInput(
        f"{name} is Whisper in transformers' format. Get its faster-whisper (CTranslate2) edition, or convert it: "
        + command.format("FOLDER", "NEW_FOLDER"),
        f"{name} 是 transformers 格式的 Whisper。请获取 faster-whisper（CTranslate2）版本，或转换："
        + command.format("文件夹", "新文件夹"),
    )


def _other_transformers(name: str, kind: str) -> BadInput:
    return BadInput(
        f"{name} is a transformers model of the kind {kind}, which Parlor does not load; for chat, get the GGUF. "
        f"Parlor takes {UNDERSTOOD[0]}.",
        f"{name} 是 {kind} 类 transformers 模型，Parlor 不支持；对话模型请获取 GGUF 版本。支持：{UNDERSTOOD[1]}。",
    )


def _is_painter(listing: Listing, name: str) -> bool:
    return any(tensor.startswith("model.diffusion_model.") for tensor in listing.tensors(name))


def _single_file(name: str) -> BadInput:
    convert = "StableDiffusionPipeline.from_single_file({}).save_pretrained({})"
    return BadInput(
        f"{name} is a whole Stable Diffusion in one file; Parlor paints from a diffusers folder. Get that edition, or "
        f"convert it once with diffusers: {convert.format('FILE', 'FOLDER')} (a .ckpt only if you trust it: it can run "
        "code), then add the folder.",
        f"{name} 是单文件 Stable Diffusion，而 Parlor 使用 diffusers 文件夹。请获取该版本，或用 diffusers 转换一次："
        f"{convert.format('文件', '文件夹')}（.ckpt 可能执行代码，仅限可信来源），然后添加该文件夹。",
    )
