"""Which requests for a picture are written anew for the painter."""

from __future__ import annotations

from dataclasses import replace

from core.pipeline.prompt_enhancer import is_foreign, needs_enhancing
from tests.support.own_models import TINY_PAINTER


def test_only_short_and_foreign_wishes_are_written_anew() -> None:
    painter = TINY_PAINTER
    assert needs_enhancing("a cat", painter)
    assert needs_enhancing("一只在雪地里奔跑的红狐狸，背景是松林，冬日的阳光", painter)
    assert not needs_enhancing("a red fox running through deep snow, pine forest behind it", painter)
    assert not is_foreign("一只猫", replace(painter, languages=("en", "zh")))
