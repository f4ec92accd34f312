"""A pipeline off the disk, and what this machine has for it. Safetensors only, no foreign code, no network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import diffusers
import psutil
import torch
import transformers
from diffusers.quantizers.pipe_quant_config import PipelineQuantizationConfig
from safetensors import SafetensorError

from core.errors import NotEnoughMemory
from core.host.hardware import cpu_features
from core.l10n.text import l10n
from core.types.provenance import Scalar
from models.common.load_errors import check_files
from models.common.torch_memory import NATIVE_BFLOAT16, device, limit_gpu_memory, out_of_memory
from models.diffusion.folder import HALF, LEFT_OUT, Contents
from models.diffusion.memory_plan import DiffusionFacts, DiffusionPlan, Dtype

XL = "StableDiffusionXLPipeline"


def look(found: Contents, defaults: Mapping[str, Scalar]) -> DiffusionFacts:
    """The machine and the model, as ``choose_plan`` wants to know them; holds the GPU's room down to ``gpu_bytes``."""
    where = device(defaults)
    return DiffusionFacts(
        device=where,
        gpu_bytes=limit_gpu_memory(defaults),
        ram_bytes=psutil.virtual_memory().available,
        parameters=found.parameters,
        largest=found.largest,
        single_vae=where == "cpu" or vae_overflows(found),
        native_bfloat16=bool(NATIVE_BFLOAT16 & cpu_features()),
        bits=int(defaults.get("bits", 0)),
        dtype=_dtype(defaults),
    )


def _dtype(defaults: Mapping[str, Scalar]) -> Dtype | None:
    return next((name for name in get_args(Dtype) if name == defaults.get("dtype")), None)


def opened(name: str, folder: Path, found: Contents, plan: DiffusionPlan) -> Any:
    """The pipeline in RAM, in the precision that ``plan`` asks for; a VAE that overflows in half stays in single."""
    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()
    dtype = getattr(torch, plan.dtype)
    single = plan.device == "cpu" or (plan.dtype == "float16" and vae_overflows(found))
    left_out: dict[str, bool | None] = {name: None for name in LEFT_OUT if name in found.configs["index"]}
    if "safety_checker" in left_out:
        left_out["requires_safety_checker"] = False
    half = found.half and (plan.dtype != "float32" or not found.plain)
    try:
        return getattr(diffusers, found.pipeline).from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            variant=HALF if half else None,
            dtype={"vae": torch.float32 if single else dtype, "default": dtype},
            quantization_config=_eight_bits() if plan.bits == 8 else None,
            **left_out,
        )
    except (OSError, ValueError, RuntimeError, LookupError, TypeError, SafetensorError) as error:
        if out_of_memory(error):
            raise too_big(name) from error
        raise check_files(name, error) from error


def vae_overflows(found: Contents) -> bool:
    """Whether the VAE has to compute in float32: SDXL's, unless its maker mended it. Others are marked so in vain."""
    return found.pipeline == XL and bool(found.configs["vae"].get("force_upcast", True))


def _eight_bits() -> Any:
    """LLM.int8 (arXiv:2208.07339) for the UNet's linear layers."""
    return PipelineQuantizationConfig(
        quant_backend="bitsandbytes_8bit", quant_kwargs={"load_in_8bit": True}, components_to_quantize=["unet"]
    )


def too_big(name: str) -> NotEnoughMemory:
    return NotEnoughMemory(
        l10n(
            "{name} ran out of memory. Paint a smaller picture, close other programs, or choose a smaller model.",
            name=name,
        )
    )
