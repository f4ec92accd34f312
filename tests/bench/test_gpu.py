"""``bench gpu`` says so where there is no GPU, and its whole course runs on models in miniature."""

from __future__ import annotations

import json

import pytest
import torch

from bench import gpu

pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "There is no GPU here that PyTorch can use, so there is nothing to measure."
    ]


@pytest.mark.slow
def test_in_miniature_every_lane_does_its_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--tiny", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    figures = told["figures"]
    assert list(figures["paint"]) == ["seed", "defaults", "half", "ours"]
    assert list(figures["see"]) == ["seed", "defaults", "ours"]
    assert {lane["count"] for lane in figures["paint"].values()} == {2}
    assert {lane["count"] for lane in figures["see"].values()} == {gpu.TINY.tokens}
    assert all(value > 0 for part in figures.values() for lane in part.values() for value in lane.values() if value)
    assert set(told["claims"].values()) <= {True, False}
