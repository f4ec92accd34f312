"""The graph in two halves: only the one that is known."""

from __future__ import annotations

import contextlib

import pytest

from models.kokoro.onnx_split import halves


@pytest.mark.parametrize("model", [b"", b"\x00", b"not a network", bytes(range(256))])
def test_a_file_that_is_another_graph_is_not_taken_apart(model: bytes) -> None:
    with contextlib.suppress(
        LookupError, ValueError
    ):  # no protobuf at all: it is opened whole, which says what is wrong
        assert halves(model) is None
