"""Painting: the same wish gives the same bytes, Stop leaves nothing behind, and the folder tells how it is painted."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import diffusers
import numpy as np
import PIL.Image
import pytest
import torch

from core.catalogue.spec import ModelSpec
from core.errors import BadInput, EngineFailed, NotEnoughMemory
from core.types.events import Progress
from core.types.generation import ImageResult
from core.types.image_request import ImageRequest
from models.common import torch_memory
from models.diffusion import denoise as diffusion_steps
from models.diffusion import engine as diffusion
from models.diffusion.folder import contents
from models.diffusion.memory_plan import DiffusionFacts, DiffusionPlan, choose_means, leaner, needs
from models.diffusion.preview import SHARE, Allowance, mapped
from models.diffusion.settings import SCHEDULERS, native
from tests.tiny.tiny_diffusion import Kind, write_tiny_diffusion

pytestmark = [  # diffusers' schedulers hand torch's tensors to numpy's functions
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning"),
]

KINDS: tuple[Kind, ...] = ("sd", "turbo", "lcm", "sdxl", "sdxl-lcm")
ALONE = (("device", "cpu"), ("dtype", "float32"), ("preview_share", 1.0), ("threads", 1))
CAT = ImageRequest("a red cat", seed=7, steps=4)
LONG = "a green cat and a blue dog " * 20


def spec(**defaults: str | int | float) -> ModelSpec:
    settings = tuple((dict(ALONE) | defaults).items())
    return ModelSpec("tiny", "Tiny painter", "paint", "diffusion", "MIT", ("en",), 0, "", (), defaults=settings)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    top = tmp_path_factory.mktemp("painters")
    return {kind: write_tiny_diffusion(top / kind, kind=kind) for kind in KINDS}


@pytest.fixture(scope="module")
def painters(folders: dict[Kind, Path]) -> dict[Kind, diffusion.Diffusion]:
    return {kind: diffusion.load(spec(), folder) for kind, folder in folders.items()}


@pytest.fixture
def painter(painters: dict[Kind, diffusion.Diffusion]) -> diffusion.Diffusion:
    return painters["sd"]


def painted(engine: diffusion.Diffusion, painting: ImageRequest) -> list[ImageResult]:
    return [item for item in engine.paint(painting) if isinstance(item, ImageResult)]


def file(engine: diffusion.Diffusion, painting: ImageRequest) -> bytes:
    (picture,) = painted(engine, painting)
    return picture.image.data


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(data)))


# What is painted


@pytest.mark.parametrize("kind", KINDS)
def test_it_paints_bit_for_bit_what_the_diffusers_pipeline_paints(
    painters: dict[Kind, diffusion.Diffusion], folders: dict[Kind, Path], kind: Kind
) -> None:
    guidance = {"turbo": 0.0, "lcm": 8.0, "sdxl-lcm": 8.0}.get(kind, 6.0)
    wish = replace(CAT, guidance=guidance, width=128, height=64)
    pipe = diffusers.DiffusionPipeline.from_pretrained(folders[kind], local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    random = torch.Generator("cpu").manual_seed(wish.seed)
    theirs = pipe(
        wish.prompt,
        num_inference_steps=wish.steps,
        guidance_scale=wish.guidance,
        width=wish.width,
        height=wish.height,
        generator=random,
    ).images[0]
    assert np.array_equal(pixels(file(painters[kind], wish)), np.asarray(theirs))


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_a_png_of_the_size_asked_for_without_text_chunks(
    painters: dict[Kind, diffusion.Diffusion], kind: Kind
) -> None:
    (made,) = painted(painters[kind], replace(CAT, width=96, height=64))
    picture = PIL.Image.open(io.BytesIO(made.image.data))
    picture.load()
    assert (picture.format, picture.size, picture.info, made.image.mime) == ("PNG", (96, 64), {}, "image/png")
    assert pixels(made.image.data).std() > 5


def test_what_is_left_to_the_model_is_said_with_the_picture_and_gives_it_again(painter: diffusion.Diffusion) -> None:
    (made,) = painted(painter, ImageRequest("a blue dog", seed=3))
    assert made.painting == ImageRequest(
        "a blue dog", width=64, height=64, steps=25, guidance=7.5, scheduler="PNDMScheduler", seed=3
    )
    assert file(painter, made.painting) == made.image.data
    assert made.means == "float32, SDPA"


@pytest.mark.slow
def test_a_fresh_process_paints_the_same_bytes(folders: dict[Kind, Path], painter: diffusion.Diffusion) -> None:
    code = (
        "import hashlib, sys; from pathlib import Path\n"
        "from core.types.image_request import ImageResult\n"
        "from models import diffusion\nfrom tests.models.diffusion import test_engine as t\n"
        "engine = diffusion.load(t.spec(), Path(sys.argv[1]))\n"
        "print(hashlib.sha256(t.file(engine, t.CAT)).hexdigest())"
    )
    ours = hashlib.sha256(file(painter, CAT)).hexdigest()
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code, str(folders["sd"])], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == ours, done.stderr


def test_two_pictures_at_once_are_the_two_of_their_seeds(painter: diffusion.Diffusion) -> None:
    both = painted(painter, replace(CAT, count=2))
    assert [each.painting.seed for each in both] == [7, 8]
    assert [each.painting.count for each in both] == [1, 1]
    assert [each.image.data for each in both] == [file(painter, replace(CAT, seed=seed)) for seed in (7, 8)]


def test_another_seed_prompt_or_negative_prompt_is_another_picture(painter: diffusion.Diffusion) -> None:
    wishes = [CAT, replace(CAT, seed=8), replace(CAT, prompt="a blue dog"), replace(CAT, negative="green")]
    assert len({file(painter, wish) for wish in wishes}) == 4


def test_without_guidance_the_negative_prompt_has_no_say(painter: diffusion.Diffusion) -> None:
    plain = replace(CAT, guidance=0.0)
    assert file(painter, plain) == file(painter, replace(plain, negative="green"))


@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_words_beyond_the_77th_token_tell_in_the_picture(painters: dict[Kind, diffusion.Diffusion], kind: Kind) -> None:
    pictures = {file(painters[kind], replace(CAT, prompt=LONG + end, steps=2)) for end in ("red", "green")}
    assert len(pictures) == 2


def test_a_prompt_without_end_is_refused(painter: diffusion.Diffusion) -> None:
    with pytest.raises(BadInput, match="at most 750"):
        painted(painter, replace(CAT, prompt=LONG * 10))


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_offered_paints_and_paints_the_same_again(
    painter: diffusion.Diffusion, name: str, steps: int
) -> None:
    wish = replace(CAT, scheduler=name, steps=steps)
    first = file(painter, wish)
    assert first == file(painter, wish)
    assert pixels(first).std() > 1


# Progress, previews and Stop


def test_every_step_is_told_in_both_languages_and_the_fraction_grows(painter: diffusion.Diffusion) -> None:
    told = [item for item in painter.paint(replace(CAT, count=2)) if isinstance(item, Progress)]
    fractions = [each.fraction or 0.0 for each in told]
    assert fractions == sorted(fractions)
    assert max(fractions) < 1
    assert {each.stage for each in told} == {"paint"}
    assert "Picture 2 of 2: Step 3 of 4" in [str(each.note) for each in told]
    assert "第 2 张，共 2 张：第 3 步，共 4 步" in [each.note.into("zh") for each in told]


@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_a_preview_is_a_small_picture_of_the_same_shape(painters: dict[Kind, diffusion.Diffusion], kind: Kind) -> None:
    wish = replace(CAT, width=128, height=64)
    previews = [item.preview for item in painters[kind].paint(wish) if isinstance(item, Progress) and item.preview]
    assert previews
    picture = PIL.Image.open(io.BytesIO(previews[-1].data))
    assert (picture.size, picture.mode, previews[-1].mime) == ((64, 32), "RGB", "image/jpeg")


def test_a_preview_has_the_colour_of_its_latents() -> None:
    bright, dark = torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 8, 8)
    bright[:, 0], dark[:, 0] = 2, -2
    light, shade = (pixels(mapped(each, False).data).mean() for each in (bright, dark))
    assert light > 160
    assert shade < 100


def test_the_estimate_at_the_last_step_is_the_picture_itself(painter: diffusion.Diffusion) -> None:
    words = painter._words(replace(CAT, guidance=0.0))
    wish = replace(CAT, width=64, height=64, guidance=0.0, scheduler="EulerDiscreteScheduler")
    denoising = diffusion_steps.Denoising(painter._pipe, diffusion_steps.eager(painter._pipe.unet), words, wish)
    for number in range(len(denoising)):
        denoising.step(number)
    torch.testing.assert_close(denoising.estimate(), denoising.latents, atol=0.01, rtol=0.01)


@pytest.mark.parametrize("cost", [0.0001, 0.002, 0.05, 3.0])
@pytest.mark.parametrize("step", [0.01, 0.4, 20.0])
def test_previews_never_take_more_than_their_share_of_the_time(cost: float, step: float) -> None:
    now, allowance, spent = 100.0, Allowance(100.0, cost=cost), 0.0
    for _ in range(2000):
        now += step
        if allowance.allows(now):
            now += cost
            spent += cost
            allowance.spend(cost)
        assert spent <= SHARE * (now - 100.0)
    assert spent >= 0.9 * SHARE * (now - 100.0) - 2 * cost or step * SHARE > cost


def test_a_preview_that_turns_out_dear_is_made_up_for() -> None:
    allowance = Allowance(0.0)
    assert allowance.allows(0.2)
    allowance.spend(1.0)
    assert not allowance.allows(60.0)
    assert allowance.allows(101.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_closed_in_mid_picture_it_leaves_nothing_behind_and_the_next_is_right(
    painters: dict[Kind, diffusion.Diffusion], kind: Kind, steps: int
) -> None:
    engine, threads = painters[kind], threading.active_count()
    right = file(engine, CAT)
    stream: Iterator[Progress | ImageResult] = engine.paint(replace(CAT, prompt="a blue dog", seed=99, width=96))
    for _ in range(steps):
        assert isinstance(next(stream), Progress)
    stream.close()
    assert threading.active_count() == threads
    assert torch.is_grad_enabled()
    assert file(engine, CAT) == right


# What a folder is


@pytest.mark.parametrize(
    ("kind", "steps", "guidance", "scheduler"),
    [
        ("sd", 25, 7.5, "PNDMScheduler"),
        ("turbo", 4, 0.0, "EulerDiscreteScheduler"),
        ("lcm", 6, 8.0, "LCMScheduler"),
        ("sdxl", 30, 5.0, "EulerDiscreteScheduler"),
    ],
)
def test_the_folder_tells_how_it_likes_to_paint(
    folders: dict[Kind, Path], kind: Kind, steps: int, guidance: float, scheduler: str
) -> None:
    own = native(contents(folders[kind]), {})
    assert (own.width, own.height, own.steps, own.guidance, own.scheduler) == (64, 64, steps, guidance, scheduler)


def test_the_catalogue_has_the_last_word_about_it(folders: dict[Kind, Path]) -> None:
    given = {"steps": 9, "guidance": 2, "width": 96, "height": 128, "scheduler": "DDIMScheduler"}
    (made,) = painted(diffusion.load(spec(**given), folders["sd"]), ImageRequest("a dog"))
    assert made.painting == ImageRequest(
        "a dog", width=96, height=128, steps=9, guidance=2.0, scheduler="DDIMScheduler"
    )


def test_a_model_that_is_trained_down_to_no_signal_is_no_turbo(tmp_path: Path) -> None:
    folder = write_tiny_diffusion(tmp_path / "zero", kind="turbo")
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rescale_betas_zero_snr": True}))
    assert native(contents(folder), {}).steps == 25


def test_files_in_half_precision_are_taken_when_there_are_no_others(tmp_path: Path) -> None:
    folder = write_tiny_diffusion(tmp_path / "half", variant="fp16")
    assert pixels(file(diffusion.load(spec(), folder), CAT)).shape == (64, 64, 3)


def test_a_safety_checker_that_the_folder_names_is_not_missed(tmp_path: Path) -> None:
    folder = write_tiny_diffusion(tmp_path / "named")
    index = json.loads((folder / "model_index.json").read_text())
    index |= {
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    assert painted(diffusion.load(spec(), folder), CAT)


# What cannot be painted


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"width": 500}, "nearest is 496x64"),
        ({"height": 32}, "from 64 to 2048"),
        ({"width": 4096, "height": 4096}, "nearest is 2048x2048"),
        ({"steps": 151}, "from 1 to 150"),
        ({"steps": -1}, "from 1 to 150"),
        ({"guidance": float("nan")}, "from 0.0 to 50.0"),
        ({"guidance": -2.0}, "from 0.0 to 50.0"),
        ({"count": 0}, "from 1 to 64"),
        ({"seed": -1}, "from 0 to"),
        ({"scheduler": "MagicScheduler"}, "PNDMScheduler, DDIMScheduler"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_with_what_can(
    painter: diffusion.Diffusion, wish: dict[str, float], said: str
) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        painted(painter, replace(CAT, **wish))
    assert caught.value.said("zh") != str(caught.value)


def test_a_consistency_model_refuses_schedulers_it_was_not_made_for(painters: dict[Kind, diffusion.Diffusion]) -> None:
    with pytest.raises(BadInput, match="It has: LCMScheduler"):
        painted(painters["lcm"], replace(CAT, scheduler="DDIMScheduler"))


@pytest.mark.parametrize(
    "name", ["unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors", "model_index.json"]
)
def test_a_cut_off_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write_tiny_diffusion(tmp_path / "cut")
    path = folder / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(EngineFailed, match=f"{path.parent.name}/{path.name}.*models verify"):
        diffusion.load(spec(), folder)


@pytest.mark.parametrize("name", ["vae/diffusion_pytorch_model.safetensors", "unet/config.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write_tiny_diffusion(tmp_path / "gone")
    (folder / name).unlink()
    with pytest.raises(EngineFailed, match=f"{name.partition('/')[0]}.*missing"):
        diffusion.load(spec(), folder)


def test_weights_of_another_model_are_refused(tmp_path: Path, folders: dict[Kind, Path]) -> None:
    folder = write_tiny_diffusion(tmp_path / "mixed")
    name = "unet/diffusion_pytorch_model.safetensors"
    (folder / name).write_bytes((folders["sdxl"] / name).read_bytes())
    with pytest.raises(EngineFailed, match="cannot be opened"):
        diffusion.load(spec(), folder)


def test_weights_that_could_run_code_are_not_opened(tmp_path: Path) -> None:
    folder = write_tiny_diffusion(tmp_path / "pickled")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(EngineFailed, match="can run code"):
        diffusion.load(spec(), folder)


@pytest.mark.parametrize("change", [{"_class_name": "FluxPipeline"}, {"unet": ["my_unet", "MyUNet"]}])
def test_code_of_the_folders_own_and_strange_pipelines_are_refused(
    tmp_path: Path, change: dict[str, str | list[str]]
) -> None:
    folder = write_tiny_diffusion(tmp_path / "foreign")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | change))
    (folder / "unet" / "my_unet.py").write_text("raise SystemExit('this ran')")
    with pytest.raises(EngineFailed, match=r"FluxPipeline|my_unet"):
        diffusion.load(spec(), folder)


def test_a_picture_of_invalid_numbers_is_an_error_and_no_picture(folders: dict[Kind, Path]) -> None:
    engine = diffusion.load(spec(), folders["sd"])
    with torch.no_grad():
        engine._pipe.vae.decoder.conv_out.weight.fill_(float("nan"))
    with pytest.raises(EngineFailed, match="invalid numbers"):
        painted(engine, CAT)


def test_a_vae_that_overflows_in_half_precision_is_put_in_single(folders: dict[Kind, Path]) -> None:
    engine = diffusion.load(spec(), folders["sd"])
    pipe = engine._pipe
    with torch.no_grad():
        pipe.vae.decoder.conv_in.weight.mul_(1e5)
    pipe.vae.to(torch.float16)
    image = diffusion_steps.decode(pipe, torch.full((1, 4, 8, 8), 20.0))
    assert image.isfinite().all()
    assert pipe.vae.dtype == torch.float32


@pytest.mark.parametrize(("kind", "steps", "scheduler"), [("lcm", 51, ""), ("turbo", 2, "PNDMScheduler")])
def test_steps_that_the_scheduler_cannot_take_are_refused_with_what_to_do(
    painters: dict[Kind, diffusion.Diffusion], kind: Kind, steps: int, scheduler: str
) -> None:
    with pytest.raises(BadInput, match=f"cannot work in {steps} steps") as refused:
        painted(painters[kind], replace(CAT, steps=steps, scheduler=scheduler))
    assert f"以 {steps} 步" in refused.value.said("zh")


# By what means

GB = 1_000_000_000
BITS = "float16, SDPA, 8-bit UNet"
SD15 = DiffusionFacts("cuda", 0, 32 * GB, parameters=1_066_000_000, largest=860_000_000)
XL = DiffusionFacts("cuda", 0, 32 * GB, parameters=3_470_000_000, largest=2_570_000_000, single_vae=True)
CPU = replace(SD15, device="cpu", single_vae=True)


@pytest.mark.parametrize(
    ("facts", "size", "means"),
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
def test_the_means_are_chosen_by_what_the_machine_has(facts: DiffusionFacts, size: tuple[int, int], means: str) -> None:
    assert str(choose_means(facts, *size)) == means


@pytest.mark.parametrize("facts", [SD15, replace(SD15, bits=8), replace(SD15, ram_bytes=GB), XL, CPU])
@pytest.mark.parametrize("size", [(512, 512), (2048, 2048)])
def test_leaner_means_need_less_and_come_to_an_end(facts: DiffusionFacts, size: tuple[int, int]) -> None:
    means: DiffusionPlan | None = choose_means(replace(facts, gpu_bytes=999 * GB, ram_bytes=999 * GB), *size)
    if facts.ram_bytes < 2 * GB:
        means = choose_means(replace(facts, gpu_bytes=999 * GB), *size)
    need = 999 * GB
    for _ in range(9):
        if means is None:
            return
        assert needs(facts, means, *size) <= need
        need = needs(facts, means, *size)
        means = leaner(facts, means, *size)
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


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


@needs_gpu
@pytest.mark.parametrize("kind", KINDS)
def test_on_a_gpu_the_recorded_unet_paints_what_the_plain_one_paints(folders: dict[Kind, Path], kind: Kind) -> None:
    engine = diffusion.load(spec(device="cuda", dtype="float16"), folders[kind])
    (made,) = painted(engine, CAT)
    assert made.means.endswith("CUDA graph")
    assert engine.gpu_bytes() > 0
    assert file(engine, replace(CAT, width=96)) != file(engine, CAT) == made.image.data
    engine._graphed = None
    assert file(engine, CAT) == made.image.data


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


def test_a_closed_engine_holds_no_weights(folders: dict[Kind, Path]) -> None:
    engine = diffusion.load(spec(), folders["sd"])
    engine.close()
    assert engine._pipe is None


def test_the_doctor_hears_what_it_computes_with() -> None:
    assert {"diffusers", "transformers", "torch", "GPU"} == set(diffusion.build())
    assert torch_memory.out_of_memory(torch.OutOfMemoryError("x"))
