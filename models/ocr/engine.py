"""Reading: the words in a picture and where they stand, by PP-OCRv6 through RapidOCR (Chinese and English, also mixed).

Detection finds boxes of text; boxes that stand beside one another are put on one line in the order they are read, so
that a setting stays with its value and an amount with its name.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.catalogue.spec import ModelSpec
from core.types.messages import Image, Reading, TextLine
from models.common.load_errors import install_again
from models.common.pictures import open_picture

SIDE = 12_000  # pixels: the engine's own limit, beyond what a band has
BAND = 3_000_000  # pixels looked at together: a 4K screen at once took 1.6 GB
OVERLAP = 160  # pixels that bands share: a line of text less high than this is whole in one of them
SCORE = 0.5  # what the recogniser is less sure of is left out
UPRIGHT = 0.8  # mean score; text upside down scores below it, and only then is each line tried the other way up
GAP = "  |  "  # between columns: a bar keeps a label with its value and the columns of a table apart
COLUMN = 1.2  # heights of a line: boxes that are farther apart are columns


@dataclass(frozen=True, slots=True)
class Box:
    """One piece of text as it was found, in pixels."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    score: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def build() -> dict[str, str]:
    """What this engine was built with, for ``doctor``; loads no model."""
    import onnxruntime

    found = {name: importlib.metadata.version(name) for name in ("rapidocr", "onnxruntime")}
    return found | {"providers": " ".join(onnxruntime.get_available_providers())}


def load(spec: ModelSpec, folder: Path) -> PictureReader:
    """Open the three networks in ``folder``, and nothing else. Raises EngineFailed when one is missing or broken."""
    logging.getLogger("RapidOCR").disabled = True
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf
    from rapidocr import RapidOCR

    try:
        engine: Any = RapidOCR(params=_settings(folder))
        for opened in (engine._load_det_model, engine._load_cls_model, engine._load_rec_model):
            opened()
    except (OSError, ValueError, Fail, InvalidGraph, InvalidProtobuf) as error:
        raise install_again(spec.name, error) from error
    return PictureReader(engine)


def _settings(folder: Path) -> dict[str, Any]:
    return {
        "Global.log_level": "critical",
        "Global.max_side_len": SIDE,
        "Det.model_path": str(folder / "PP-OCRv6_det_small.onnx"),
        "Rec.model_path": str(folder / "PP-OCRv6_rec_small.onnx"),
        "Cls.model_path": str(folder / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
    }


class PictureReader:
    """A Reader."""

    def __init__(self, engine: Any) -> None:
        self._engine: Any = engine

    def read(self, image: Image) -> Iterator[Reading]:
        """The words in a picture, line by line from the top; boxes in pixels of the upright picture.

        Raises BadInput when the bytes are no picture.
        """
        import numpy as np

        pixels = np.array(open_picture(image))[:, :, ::-1]
        high, wide = pixels.shape[:2]
        boxes = [box for top, below in bands(wide, high) for box in self._found(pixels, top, below)]
        yield Reading(tuple(map(_line, rows(boxes))), wide, high)

    def _found(self, pixels: Any, top: int, below: int) -> list[Box]:
        """Boxes of BGR ``pixels`` whose middle lies between the lines ``top`` and ``below``."""
        start, high = max(0, top - OVERLAP // 2), pixels.shape[0]
        boxes = self._recognised(pixels[start : min(high, below + OVERLAP // 2)].copy(), start)
        return [box for box in boxes if top <= box.middle < below or box.middle >= high]

    def _recognised(self, pixels: Any, start: int) -> list[Box]:
        """Boxes of ``pixels``, which begin at line ``start``; turning all lines over would make ``Off`` a ``HO``."""
        boxes: list[Box] = []
        for turn in (False, True):
            found: Any = self._engine(pixels, use_cls=turn, text_score=0.0)
            if found.boxes is None:
                return []
            boxes = [_box(*one, start) for one in zip(found.boxes, found.txts, found.scores, strict=True)]
            if sum(box.score for box in boxes) >= UPRIGHT * len(boxes):
                break
        return [box for box in boxes if box.score >= SCORE and box.text]

    def close(self) -> None:
        """Give the networks' memory back; the engine is of no use afterwards."""
        del self._engine


def bands(wide: int, high: int) -> list[tuple[int, int]]:
    """A picture's lines in bands of ``BAND`` pixels at most: (first, one past the last)."""
    step = max(2 * OVERLAP, BAND // wide)
    return [(top, min(high, top + step)) for top in range(0, high, step)]


def rows(boxes: list[Box]) -> list[list[Box]]:
    """Boxes grouped into lines of text, from the top, each from the left.

    A box joins the line that it overlaps in height by at least half of the smaller of the two, nearest first.
    """
    lines: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: box.middle):
        for line in reversed(lines[-4:]):
            last = line[-1]
            shared = min(last.bottom, box.bottom) - max(last.top, box.top)
            if all(_beside(box, other) for other in line) and shared >= 0.5 * min(last.height, box.height):
                line.append(box)
                break
        else:
            lines.append([box])
    return [sorted(line, key=lambda box: box.left) for line in lines]


def _beside(box: Box, other: Box) -> bool:
    return box.left >= other.right - other.height or box.right <= other.left + other.height


def _line(row: list[Box]) -> TextLine:
    text = row[0].text
    for before, box in itertools.pairwise(row):
        text += (GAP if box.left - before.right > COLUMN * box.height else " ") + box.text
    edges = (min(b.left for b in row), min(b.top for b in row), max(b.right for b in row), max(b.bottom for b in row))
    left, top, right, bottom = (round(edge) for edge in edges)
    return TextLine(text, (left, top, right, bottom), min(box.score for box in row))


def _box(corners: Any, text: str, score: float, start: int) -> Box:
    """``corners``: shape (4, 2), x and y in pixels, y counted from line ``start``."""
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return Box(text.strip(), left, top + start, right, bottom + start, float(score))
