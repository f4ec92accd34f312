"""Painting: the same wish gives the same bytes, Stop leaves nothing behind, and the folder tells how it is painted."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import PIL.Image
import pytest
import torch

from core.errors import BadInput, EngineFailed
from core.types.events import Progress
from core.types.generation import ImageResult
from core.types.image_request import ImageRequest
from models import diffusion as package
from models.common import torch_memory
from models.diffusion import engine as diffusion
from tests.models.diffusion.helpers import CAT, KINDS, file, painted, pixels, spec
from tests.tiny.tiny_diffusion import Kind

pytestmark = [  # diffusers' schedulers hand torch's tensors to numpy's functions
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning"),
]


LONG = "a green cat and a blue dog " * 20


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
        "from core.types.generation import ImageResult\n"
        "from models import diffusion\nfrom tests.models.diffusion import helpers as t\n"
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


def test_every_step_is_told_in_both_languages_and_the_fraction_grows(painter: diffusion.Diffusion) -> None:
    told = [item for item in painter.paint(replace(CAT, count=2)) if isinstance(item, Progress)]
    fractions = [each.fraction or 0.0 for each in told]
    assert fractions == sorted(fractions)
    assert max(fractions) < 1
    assert {each.stage for each in told} == {"paint"}
    assert "Picture 2 of 2: Step 3 of 4" in [str(each.note) for each in told]
    assert "第 2 张，共 2 张：第 3 步，共 4 步" in [each.note.into("zh") for each in told]


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


def test_a_picture_of_invalid_numbers_is_an_error_and_no_picture(folders: dict[Kind, Path]) -> None:
    engine = diffusion.load(spec(), folders["sd"])
    with torch.no_grad():
        engine._pipe.vae.decoder.conv_out.weight.fill_(float("nan"))
    with pytest.raises(EngineFailed, match="invalid numbers"):
        painted(engine, CAT)


def test_a_closed_engine_holds_no_weights(folders: dict[Kind, Path]) -> None:
    engine = diffusion.load(spec(), folders["sd"])
    engine.close()
    assert engine._pipe is None


def test_the_doctor_hears_what_it_computes_with() -> None:
    assert {"diffusers", "transformers", "torch", "GPU"} == set(diffusion.build())
    assert torch_memory.out_of_memory(torch.OutOfMemoryError("x"))


def test_a_package_hands_on_the_same_load_after_it_has_loaded(folders: dict[Kind, Path]) -> None:
    for _ in range(2):
        package.load(spec(), folders["sd"]).close()
