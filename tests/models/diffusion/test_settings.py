"""A model's own settings, told by its folder, and requests that it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import pytest

from core.errors import BadInput
from core.types.image_request import ImageRequest
from models.diffusion import engine as diffusion
from models.diffusion.folder import contents
from models.diffusion.settings import native
from tests.models.diffusion.helpers import CAT, painted, spec
from tests.tiny.tiny_diffusion import Kind, write_tiny_diffusion

pytestmark = [  # diffusers' schedulers hand torch's tensors to numpy's functions
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning"),
]


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
