"""LoRA adapters: switched between two answers, and harmless when they are broken."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import pytest
from safetensors.torch import load_file, save_file

from core.errors import BadInput, EngineFailed
from models.llava import engine as llava
from models.llava.engine import Llava
from tests.models.llava.helpers import GREEDY, answer, shown, spec
from tests.tiny.tiny_llava import (
    CHINESE,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),  # peft, while it wraps a model
]


def test_adapters_are_switched_without_loading_anything_again(taught: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(taught, tmp_path / "model")
    engine = llava.load(spec(), folder)
    chinese = replace(GREEDY, adapter="chinese")
    assert answer(engine, (shown("red"),), chinese).text == "红色"
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()
    answers = [answer(engine, (shown("red"),), each).text for each in (GREEDY, chinese, GREEDY, chinese)]
    assert answers == ["red", "红色", "red", "红色"]
    assert engine.encoded == 1
    engine.close()


def test_a_cache_is_not_shared_between_adapters(engine: Llava) -> None:
    answer(engine, (shown("blue"),))
    told = answer(engine, (shown("blue"),), replace(GREEDY, adapter="chinese"))
    assert (told.text, told.usage.reused_tokens) == (CHINESE["blue"], 0)


def test_an_unknown_adapter_is_bad_input_that_names_those_there(opened: Llava) -> None:
    with pytest.raises(BadInput, match="This model has: chinese"):
        answer(opened, (shown("red"),), replace(GREEDY, adapter="../chinese"))
    assert answer(opened, (shown("red"),)).text == "red"


def test_a_damaged_adapter_says_so_and_leaves_the_model_usable(taught: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(taught, tmp_path / "model")
    weights = folder / "adapters" / "chinese" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    engine = llava.load(spec(), folder)
    with pytest.raises(EngineFailed, match="adapter chinese"):
        answer(engine, (shown("red"),), replace(GREEDY, adapter="chinese"))
    assert answer(engine, (shown("red"),)).text == "red"
    engine.close()


@pytest.mark.parametrize("used", ["", "chinese"])
def test_an_adapter_that_breaks_off_half_way_leaves_the_one_in_use(taught: Path, tmp_path: Path, used: str) -> None:
    folder = shutil.copytree(taught, tmp_path / "model")
    other = shutil.copytree(folder / "adapters" / "chinese", folder / "adapters" / "other")
    weights = load_file(other / "adapter_model.safetensors")
    save_file({name: each[..., :3].contiguous() for name, each in weights.items()}, other / "adapter_model.safetensors")
    engine = llava.load(spec(), folder)
    now = replace(GREEDY, adapter=used)
    right = answer(engine, (shown("red"),), now).text
    with pytest.raises(EngineFailed, match="adapter other"):
        answer(engine, (shown("red"),), replace(GREEDY, adapter="other"))
    assert answer(engine, (shown("red"),), now, "new").text == right
    assert answer(engine, (shown("red"),), replace(GREEDY, adapter="chinese"), "new").text == "红色"
    engine.close()
