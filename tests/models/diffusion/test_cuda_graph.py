"""The UNet as a CUDA graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import pytest

from models.diffusion import engine as diffusion
from tests.models.diffusion.helpers import CAT, KINDS, file, needs_gpu, painted, spec
from tests.tiny.tiny_diffusion import Kind

pytestmark = [  # diffusers' schedulers hand torch's tensors to numpy's functions
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning"),
]


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
