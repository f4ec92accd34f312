"""A LLaVA off the disk, in the precision that fits. Safetensors only, no foreign code, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import psutil
import torch
import transformers

from core.errors import EngineFailed, NotEnoughMemory
from core.host.hardware import cpu_features
from core.l10n.text import l10n, listed
from core.types.provenance import Scalar
from models.common.load_errors import check_files
from models.common.torch_memory import NATIVE_BFLOAT16, device, limit_gpu_memory, out_of_memory, release_memory
from models.common.weights import LOAD_ERRORS, weight_counts
from models.llava.precision import GROUP, LlavaFacts, LlavaPlan, choose_plan

# Families whose language model takes one row of positions and attends from left to right, so that a prompt can be read
# in pieces with pictures as vectors. Others (Qwen-VL, Gemma) are served as GGUF files by models/llama/engine.py.
FAMILIES = ("llava", "llava_next", "llava_onevision", "vipllava")
LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
UNTOUCHED = [r".*\bvision_tower", r".*\bmulti_modal_projector", "lm_head"]  # small, and much the worse for it


class StillOnevision(transformers.LlavaOnevisionProcessor):
    """OneVision's processor without its video part, which needs torchvision."""

    @classmethod
    def get_attributes(cls) -> list[str]:
        return ["image_processor", "tokenizer"]


def open_model(name: str, folder: Path, defaults: Mapping[str, Scalar]) -> tuple[Any, Any, LlavaPlan]:
    """The model (in eval mode, on its device), its processor, and the plan chosen.

    Raises EngineFailed when the folder is incomplete, damaged or of another family, NotEnoughMemory when it does not
    fit.
    """
    library: Any = transformers
    library.utils.logging.disable_progress_bar()
    library.utils.logging.set_verbosity_error()
    with memory_errors(name):
        try:
            config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
            if config.model_type not in FAMILIES:
                raise _unknown(name, config.model_type)
            plan = choose_plan(_look(name, folder, config, defaults))
            kind: Any = StillOnevision if config.model_type == "llava_onevision" else library.AutoProcessor
            processor = kind.from_pretrained(folder, local_files_only=True)
            model, report = library.AutoModelForImageTextToText.from_pretrained(
                folder,
                output_loading_info=True,
                local_files_only=True,
                use_safetensors=True,
                dtype=getattr(torch, plan.dtype),
                device_map=plan.device if plan.device == "cuda" or plan.bits < 16 else None,
                quantization_config=_quantised(plan),
            )
            if missing := sorted(report["missing_keys"]):  # which transformers would fill with random numbers
                raise ValueError(f"{len(missing)} weights are missing, {missing[0]} the first")
        except LOAD_ERRORS as error:
            if out_of_memory(error):
                raise
            raise check_files(name, error) from error
    return model.eval(), processor, plan


@contextmanager
def memory_errors(name: str) -> Iterator[None]:
    """Says what to do when an allocator gives up; the CPU's has no error class of its own."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        release_memory()
        raise NotEnoughMemory(
            l10n(
                "{name} ran out of memory. Close other programs, show fewer pictures, or choose a smaller "
                "context_tokens or model.",
                name=name,
            )
        ) from error


def _look(name: str, folder: Path, config: Any, defaults: Mapping[str, Scalar]) -> LlavaFacts:
    """The machine and the model; holds the GPU's room down to ``gpu_bytes``."""
    found = weight_counts(name, folder)
    layers = sum(size for key, size in found.items() if "language_model" in key and key.split(".")[-2] in LAYERS)
    where = device(defaults)
    native = bool(NATIVE_BFLOAT16 & cpu_features())
    return LlavaFacts(
        device=where,
        room=limit_gpu_memory(defaults) if where == "cuda" else psutil.virtual_memory().available,
        layers=layers,
        kept=sum(found.values()) - layers,
        bfloat16=torch.cuda.is_bf16_supported(including_emulation=False) if where == "cuda" else native,
        grouped=not any(
            size % GROUP for size in (config.text_config.hidden_size, config.text_config.intermediate_size)
        ),
        bits=int(defaults.get("bits", 0)),
    )


def _quantised(plan: LlavaPlan) -> Any:
    """LLM.int8 (arXiv:2208.07339) or NF4 (arXiv:2305.14314) for the language model's layers."""
    settings: Any = transformers.BitsAndBytesConfig
    if plan.bits == 8:
        return settings(load_in_8bit=True, llm_int8_skip_modules=UNTOUCHED)
    if plan.bits == 4:
        return settings(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=getattr(torch, plan.dtype),
            llm_int8_skip_modules=UNTOUCHED,
        )
    return None


def _unknown(name: str, kind: str) -> EngineFailed:
    return EngineFailed(
        l10n(
            "{name} is a model of the kind {kind}, which this engine does not open; it opens {families}. "
            "Look for a GGUF version of it with an mmproj file.",
            name=name,
            kind=kind,
            families=listed(FAMILIES),
        )
    )
