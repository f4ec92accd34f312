"""The precision that a model is computed in, by what is asked for and by the memory there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import pytest
import torch

from models.llava import engine as llava
from models.llava.precision import LlavaFacts, choose_plan, needs
from tests.models.llava.helpers import answer, shown, spec

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),  # peft, while it wraps a model
]


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_it_still_sees_in_fewer_bits(taught: Path, bits: int) -> None:
    engine = llava.load(spec(bits=bits), taught)
    assert [answer(engine, (shown(colour),)).text for colour in ("red", "green", "white")] == ["red", "green", "white"]
    assert engine.plan.bits == bits
    assert engine.gpu_bytes() == 0
    engine.close()


@pytest.mark.parametrize("bits", [4, 8])
def test_the_eyes_keep_their_precision(taught: Path, bits: int) -> None:
    engine = llava.load(spec(bits=bits), taught)
    linear = {name: type(each).__module__ for name, each in engine._model.named_modules() if is_linear(each)}
    fewer = {name for name, module in linear.items() if module.startswith("bitsandbytes")}
    assert fewer
    assert all("language_model" in name for name in fewer)
    assert linear.keys() - fewer == {name for name in linear if "language_model" not in name}
    engine.close()


def is_linear(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Linear)


GPU = LlavaFacts("cuda", room=24_000_000_000, layers=6_500_000_000, kept=600_000_000, bfloat16=True)
CPU = LlavaFacts("cpu", room=64_000_000_000, layers=6_500_000_000, kept=600_000_000, bfloat16=False)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (GPU, "bfloat16"),
        (replace(GPU, bfloat16=False), "float16"),
        (replace(GPU, room=12_000_000_000), "8 bit weights, bfloat16"),
        (replace(GPU, room=8_000_000_000), "4 bit weights, bfloat16"),
        (replace(GPU, room=8_000_000_000, bfloat16=False), "4 bit weights, float16"),
        (replace(GPU, room=8_000_000_000, grouped=False), "8 bit weights, bfloat16"),
        (replace(GPU, room=2_000_000_000), "4 bit weights, bfloat16"),
        (replace(GPU, bits=8), "8 bit weights, bfloat16"),
        (CPU, "float32"),
        (replace(CPU, bfloat16=True), "bfloat16"),
        (replace(CPU, room=20_000_000_000), "bfloat16"),
        (replace(CPU, room=14_000_000_000), "8 bit weights, float32"),
        (replace(CPU, room=8_500_000_000), "4 bit weights, float32"),
        (replace(CPU, bits=4), "4 bit weights, float32"),
        (replace(CPU, bits=16), "bfloat16"),
        (replace(CPU, bfloat16=True, bits=32), "float32"),
    ],
)
def test_the_precision_is_chosen_by_device_and_room(facts: LlavaFacts, told: str) -> None:
    assert str(choose_plan(facts)) == told


def test_fewer_bits_need_less_room() -> None:
    for facts in (GPU, CPU):
        sizes = [needs(facts, bits) for bits in (4, 8, 16, 32)]
        assert sizes == sorted(sizes)
