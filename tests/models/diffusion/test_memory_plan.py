"""How a picture is computed in the memory there is, and once more with less when it runs out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import diffusers
import numpy as np
import pytest
import torch

from core.errors import NotEnoughMemory
from core.types.events import Progress
from core.types.generation import ImageResult
from models.diffusion import denoise as diffusion_steps
from models.diffusion import engine as diffusion
from models.diffusion.folder import contents
from models.diffusion.memory_plan import DiffusionFacts, DiffusionPlan, choose_plan, leaner, needs
from models.diffusion.preview import SHARE
from models.diffusion.settings import native
from tests.models.diffusion.helpers import CAT, file, needs_gpu, painted, pixels, spec
from tests.tiny.tiny_diffusion import Kind

pytestmark = [  # diffusers' schedulers hand torch's tensors to numpy's functions
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning"),
]


GB = 1_000_000_000
BITS = "float16, SDPA, 8-bit UNet"
SD15 = DiffusionFacts("cuda", 0, 32 * GB, parameters=1_066_000_000, largest=860_000_000)
XL = DiffusionFacts("cuda", 0, 32 * GB, parameters=3_470_000_000, largest=2_570_000_000, single_vae=True)
CPU = replace(SD15, device="cpu", single_vae=True)


@pytest.mark.parametrize(
    ("facts", "size", "plan"),
    [
        (replace(SD15, gpu_bytes=80 * GB), (768, 512), "float16, SDPA"),
        (replace(SD15, gpu_bytes=80 * GB), (1536, 1536), "float16, SDPA, VAE tiling"),
        (replace(SD15, gpu_bytes=4 * GB), (512, 512), "float16, SDPA"),
        (replace(SD15, gpu_bytes=5 * GB), (1024, 1024), "float16, SDPA, VAE tiling"),
        (replace(SD15, gpu_bytes=3 * GB), (512, 512), "float16, SDPA, model offload, VAE tiling"),
        (replace(SD15, gpu_bytes=2 * GB), (512, 512), "float16, SDPA, group offload, VAE tiling"),
        (
            replace(SD15, gpu_bytes=3 * GB, ram_bytes=GB),
            (512, 512),
            f"{BITS}, model offload, VAE tiling",
        ),
        (replace(SD15, gpu_bytes=80 * GB, bits=8), (512, 512), BITS),
        (replace(XL, gpu_bytes=16 * GB), (1024, 1024), "float16, SDPA"),
        (replace(XL, gpu_bytes=10 * GB), (1024, 1024), "float16, SDPA, VAE tiling"),
        (replace(XL, gpu_bytes=8 * GB), (1024, 1024), "float16, SDPA, model offload, VAE tiling"),
        (replace(XL, gpu_bytes=4 * GB), (1024, 1024), "float16, SDPA, group offload, VAE tiling"),
        (CPU, (512, 512), "float32, SDPA"),
        (replace(CPU, native_bfloat16=True), (512, 512), "bfloat16, SDPA"),
        (replace(CPU, native_bfloat16=True, dtype="float32"), (512, 512), "float32, SDPA"),
        (CPU, (2048, 1024), "float32, SDPA, VAE tiling"),
        (replace(CPU, ram_bytes=6 * GB), (1024, 768), "float32, SDPA, VAE tiling"),
        (replace(CPU, ram_bytes=4 * GB), (512, 512), "bfloat16, SDPA, VAE tiling"),
        (replace(CPU, ram_bytes=GB), (512, 512), "bfloat16, SDPA, VAE tiling"),
    ],
)
def test_the_means_are_chosen_by_what_the_machine_has(facts: DiffusionFacts, size: tuple[int, int], plan: str) -> None:
    assert str(choose_plan(facts, *size)) == plan


@pytest.mark.parametrize("facts", [SD15, replace(SD15, bits=8), replace(SD15, ram_bytes=GB), XL, CPU])
@pytest.mark.parametrize("size", [(512, 512), (2048, 2048)])
def test_leaner_means_need_less_and_come_to_an_end(facts: DiffusionFacts, size: tuple[int, int]) -> None:
    plan: DiffusionPlan | None = choose_plan(replace(facts, gpu_bytes=999 * GB, ram_bytes=999 * GB), *size)
    if facts.ram_bytes < 2 * GB:
        plan = choose_plan(replace(facts, gpu_bytes=999 * GB), *size)
    need = 999 * GB
    for _ in range(9):
        if plan is None:
            return
        assert needs(facts, plan, *size) <= need
        need = needs(facts, plan, *size)
        plan = leaner(facts, plan, *size)
    pytest.fail("the ladder has no end")


def test_where_memory_runs_out_the_picture_is_begun_again_by_leaner_means(
    folders: dict[Kind, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = diffusion.load(spec(), folders["sd"])
    decode = diffusion_steps.decode
    monkeypatch.setattr(diffusion_steps, "decode", lambda pipe, latents: crowded(pipe) or decode(pipe, latents))
    items = list(engine.paint(CAT))
    assert isinstance(items[-1], ImageResult)
    assert items[-1].means == "float32, SDPA, VAE tiling"
    assert any(
        "once more with float32, SDPA, VAE tiling" in str(each.note) for each in items if isinstance(each, Progress)
    )


def crowded(pipe: diffusers.DiffusionPipeline) -> None:
    """Memory has no room for a VAE that works in one piece."""
    if not pipe.vae.use_tiling:
        raise torch.OutOfMemoryError("no room")


def test_where_no_means_are_lean_enough_it_says_so(folders: dict[Kind, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    engine = diffusion.load(spec(), folders["sd"])

    def never(pipe: diffusers.DiffusionPipeline, latents: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(diffusion_steps, "decode", never)
    with pytest.raises(NotEnoughMemory, match="smaller picture"):
        painted(engine, CAT)


def test_a_precision_alone_is_no_leaner_means(folders: dict[Kind, Path]) -> None:
    last = DiffusionPlan("cpu", "float32", vae_tiling=True)
    assert leaner(CPU, last, 512, 512) == replace(last, dtype="bfloat16")
    engine = diffusion.Diffusion("tiny", None, CPU, last, native(contents(folders["sd"]), {}), SHARE)
    with pytest.raises(NotEnoughMemory):
        engine._leaner(last, 512, 512, RuntimeError("can't allocate memory"))


def test_pictures_above_a_megapixel_come_out_of_tiles(folders: dict[Kind, Path]) -> None:
    engine = diffusion.load(spec(), folders["sd"])
    (made,) = painted(engine, replace(CAT, width=2048, height=520, steps=1, guidance=0.0))
    assert made.means == "float32, SDPA, VAE tiling"
    assert pixels(made.image.data).shape == (520, 2048, 3)
    assert painted(engine, CAT)[0].means == "float32, SDPA"


def test_bfloat16_paints_nearly_the_same(folders: dict[Kind, Path], painter: diffusion.Diffusion) -> None:
    (made,) = painted(diffusion.load(spec(dtype="bfloat16"), folders["sd"]), CAT)
    assert made.means == "bfloat16, SDPA"
    assert np.abs(pixels(made.image.data).astype(int) - pixels(file(painter, CAT))).mean() < 8


@needs_gpu
@pytest.mark.parametrize("offload", ["model", "group"])
def test_with_weights_that_wait_in_ram_the_picture_is_nearly_the_same(folders: dict[Kind, Path], offload: str) -> None:
    engine = diffusion.load(spec(device="cuda", dtype="float16"), folders["sdxl"])
    right = pixels(file(engine, CAT)).astype(int)
    engine._use(DiffusionPlan("cuda", "float16", offload=offload, vae_tiling=True), 64, 64)  # type: ignore[arg-type]
    (made,) = painted(engine, CAT)
    assert f"{offload} offload" in made.means
    assert np.abs(right - pixels(made.image.data)).mean() < 2


@needs_gpu
def test_weights_of_8_bits_paint_nearly_the_same(folders: dict[Kind, Path]) -> None:
    (made,) = painted(diffusion.load(spec(device="cuda", dtype="float16", bits=8), folders["sdxl"]), CAT)
    plain = file(diffusion.load(spec(device="cuda", dtype="float16"), folders["sdxl"]), CAT)
    assert "8-bit" in made.means
    assert np.abs(pixels(made.image.data).astype(int) - pixels(plain)).mean() < 16


def test_on_a_cpu_no_gpu_memory_is_held(painter: diffusion.Diffusion) -> None:
    assert painter.gpu_bytes() == 0
