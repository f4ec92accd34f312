"""Where llama.cpp computes, and files that it cannot load."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import EngineFailed, NotEnoughMemory
from core.host.hardware import nvidia_gpus
from models.llama import device as llama_gpu
from models.llama import engine as llama
from models.llama.engine import Llama
from tests.models.llama.helpers import ASK, answer, spec


@pytest.mark.parametrize("kept", [0, 10, 5_000, 300_000])
def test_a_file_cut_short_is_refused_with_what_to_do(tmp_path: Path, tiny: Path, kept: int) -> None:
    (tmp_path / "model.gguf").write_bytes((tiny / "model.gguf").read_bytes()[:kept])
    with pytest.raises(EngineFailed, match=r"start\.py models verify") as caught:
        llama.load(spec(), tmp_path)
    assert "已损坏" in pickle.loads(pickle.dumps(caught.value)).said("zh")  # noqa: S301


def test_a_whole_file_that_did_not_fit_on_the_gpu_is_not_called_damaged(tmp_path: Path, tiny: Path) -> None:
    told = llama_gpu.load_error(tiny / "model.gguf", gpu=True)
    assert isinstance(told, NotEnoughMemory)
    assert "GPU memory" in str(told)
    assert "显存不足" in told.said("zh")
    (tmp_path / "model.gguf").write_bytes((tiny / "model.gguf").read_bytes()[:-100])
    assert isinstance(llama_gpu.load_error(tmp_path / "model.gguf", gpu=True), EngineFailed)
    assert isinstance(llama_gpu.load_error(tiny / "model.gguf", gpu=False), EngineFailed)


@pytest.mark.parametrize(
    ("device", "able", "nvidia", "gpu"),
    [
        ("cuda", True, True, True),
        ("cpu", True, True, False),
        ("cpu", True, False, True),  # Metal, of which the pool knows nothing
        ("", True, True, True),
        ("cuda", False, True, False),  # built for the CPU
    ],
)
def test_it_computes_where_it_is_told_as_far_as_its_build_can(device: str, able: bool, nvidia: bool, gpu: bool) -> None:
    assert llama_gpu.chosen({"device": device} if device else {}, able, nvidia) is gpu


def test_kept_off_the_gpu_it_answers_and_takes_nothing_there(tiny: Path, engine: Llama) -> None:
    off = llama.load(replace(spec(), defaults=(("device", "cpu"), ("context_tokens", 1024), ("threads", 1))), tiny)
    if nvidia_gpus() or not llama_gpu.offloads():
        assert off.gpu_bytes() == 0
    assert answer(off, ASK).usage.answer_tokens == answer(engine, ASK).usage.answer_tokens
    off.close()
