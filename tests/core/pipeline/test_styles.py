"""Styles for pictures: their words join a prompt."""

from __future__ import annotations

import pytest

from core.errors import BadInput
from core.pipeline.styles import STYLES, apply_style, find_style


def test_a_style_is_added_once() -> None:
    for style in STYLES:
        prompt, negative = apply_style("a fox", "people", style)
        assert prompt.startswith("a fox, ")
        assert negative.endswith("people")
        assert apply_style(prompt, negative, style) == (prompt, negative)
    with pytest.raises(BadInput, match="watercolour"):
        find_style("watercolor-ish")
