"""The image encoder: any kind of file, tile by tile, within the tokens that a picture may take."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import pytest
import torch
from PIL import Image as Pillow

from core.errors import BadInput
from core.types.events import Progress
from core.types.messages import Image
from models.llava import engine as llava
from models.llava.engine import Llava
from tests.models.llava.helpers import ASK, GREEDY, answer, said, shown, spec
from tests.tiny.tiny_llava import (
    picture,
    write_tiny_next,
    write_tiny_onevision,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),  # peft, while it wraps a model
]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_any_common_kind_of_file_is_seen(opened: Llava, kind: str) -> None:
    assert answer(opened, (said("user", picture("green", 300, 20, kind), ASK),), conversation=kind).text == "green"


def test_a_picture_that_is_none_is_bad_input(opened: Llava) -> None:
    with pytest.raises(BadInput, match="cannot be opened"):
        answer(opened, (said("user", Image(b"no picture", "image/png"), ASK),))
    assert answer(opened, (shown("red"),)).text == "red"


@pytest.mark.parametrize("write", [write_tiny_next, write_tiny_onevision], ids=["NeXT", "OneVision"])
def test_stop_acts_between_tiles_and_the_vectors_are_the_models_own(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    engine = llava.load(spec(), write(tmp_path))
    large = picture("red", 200, 190)
    told = answer(engine, (said("user", large, ASK),))
    assert sum(str(each.note) == "Looking at the picture" for each in told.progress) >= 4
    given = engine._encoder._inputs(0)
    with torch.inference_mode():
        whole = torch.cat(list(engine._model.get_image_features(**given, return_dict=True).pooler_output))
    torch.testing.assert_close(engine._encoder.vectors(0, ""), whole)
    stream = engine.reply((said("user", picture("blue", 200, 190), ASK),), GREEDY, "b")
    assert [type(next(stream)) for _ in range(2)] == [Progress, Progress]
    stream.close()
    assert engine.encoded == 1
    engine.close()


def test_a_picture_is_made_smaller_only_where_that_takes_fewer_cells(taught: Path, tmp_path: Path) -> None:
    file = io.BytesIO()
    Pillow.effect_noise((400, 400), 90).save(file, "PNG")
    noise = (said("user", Image(file.getvalue(), "image/png"), ASK),)
    vectors = {}
    for most in (1, 3000):
        engine = llava.load(spec(picture_tokens=most), taught)
        answer(engine, noise)
        vectors[most] = engine._encoder.vectors(0, "")
        engine.close()
    assert torch.equal(vectors[1], vectors[3000])
    lengths = []
    folder = write_tiny_next(tmp_path)
    for most in (3000, 12):
        engine = llava.load(spec(picture_tokens=most), folder)
        lengths.append(answer(engine, noise).usage.prompt_tokens)
        engine.close()
    assert lengths[0] > lengths[1]
