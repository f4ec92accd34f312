"""The catalogue's lines for the committed weights: ``python -m models.starter.train.entries`` prints each model's
files.

They go under its ``[[model]]`` in ``models/catalogue.toml``; a test keeps the two the same.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

WEIGHTS = Path(__file__).parents[1] / "weights"
MODELS = ("clip", "eyes", "brush")  # the classifier is for the bench alone
CARD = "README.md"


def files(model: str) -> list[tuple[str, int, str]]:
    """Name in the model's folder, bytes and sha256 of each file but the card."""
    folder = WEIGHTS / model
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CARD)
    return [
        (path.relative_to(folder).as_posix(), path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in found
    ]


def lines(model: str) -> str:
    return "\n".join(
        f'[[model.file]]\nname = "{name}"\nbytes = {size:_}\nsha256 = "{digest}"\n'
        f'sources = [{{ folder = "starter/weights/{model}/{name}" }}]\n'
        for name, size, digest in files(model)
    )


if __name__ == "__main__":
    for each in MODELS:
        print(f"# {each}\n{lines(each)}")
