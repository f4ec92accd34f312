"""``python -m models.starter.data --out DIR``: the pictures that the starter models learn from, built from
nothing.

Openly licensed emoji art and names from npm packages (ATTRIBUTION.md) become one file, DIR/icons.safetensors; the same
inputs give the same bytes. It needs npm, resvg-py, Pillow and numpy; reading a pack, safetensors, Pillow and numpy.

A pack holds n pictures, 128 x 128 RGBA with straight alpha, as lossless WebP:
    webp     uint8 [total]  all the WebP files, one after another
    ends     int64 [n]      where each file ends in ``webp``, in bytes
    concept  int16 [n]      index into the metadata's ``concepts``
    style    int16 [n]      index into the metadata's ``styles``
The metadata are JSON: ``concepts`` (see data_names.Concept), ``styles`` and ``licences`` (style to SPDX licence).

With ``--unseen``, DIR/unseen.safetensors comes too: a style of its own with the same concepts, for evaluation alone.
Training must never read it.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.starter.data.fetch import NAMES, TRAINING, UNSEEN, FetchError, NpmPackage, fetch, read_json
from models.starter.data.names import (
    ENOUGH_SETS,
    SHORTCODES,
    Glossary,
    IconConcept,
    IconSet,
    concepts,
    glossary,
    icon_set,
    match,
    shared_codes,
)
from models.starter.data.render import alike, decode, draw, svg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.starter.data.render import Picture

PACK, UNSEEN_PACK = "icons.safetensors", "unseen.safetensors"
LARGEST = 60_000_000  # bytes of a pack

Style = dict[str, bytes]  # concept's key to WebP


@dataclass(frozen=True)
class DrawnPack:
    """A pack in memory: n pictures, what each shows and in which style."""

    webp: NDArray[np.uint8]  # [total]
    ends: NDArray[np.int64]  # [n]
    concept: NDArray[np.int16]  # [n]
    style: NDArray[np.int16]  # [n]
    concepts: list[IconConcept]
    styles: list[str]
    licences: dict[str, str]

    def __len__(self) -> int:
        return len(self.ends)

    def picture(self, index: int) -> Picture:
        """uint8 [128, 128, 4], straight alpha."""
        start = int(self.ends[index - 1]) if index else 0
        return decode(self.webp[start : int(self.ends[index])].tobytes())


def read_pack(path: Path) -> DrawnPack:
    """The pack at ``path``. Raises OSError where there is none, and safetensors' error for another kind of file."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
        tensors = {name: file.get_tensor(name) for name in ("webp", "ends", "concept", "style")}
    return DrawnPack(**tensors, **{name: json.loads(about[name]) for name in ("concepts", "styles", "licences")})


def write_pack(path: Path, styles: Sequence[tuple[NpmPackage, Style]], listed: dict[str, IconConcept]) -> None:
    """Writes the styles' pictures of the ``listed`` concepts (key to concept, in their order), whole or not at all.

    The header is written here, since safetensors' own writer promises no order for metadata. Raises ValueError for
    a pack beyond LARGEST, and OSError.
    """
    import numpy as np

    rows = [
        (style[code], index, number)
        for number, (_, style) in enumerate(styles)
        for index, code in enumerate(listed)
        if code in style
    ]
    parts = {
        "ends": ("I64", np.cumsum([len(webp) for webp, _, _ in rows], dtype="<i8").tobytes(), len(rows)),
        "concept": ("I16", np.array([index for _, index, _ in rows], dtype="<i2").tobytes(), len(rows)),
        "style": ("I16", np.array([number for _, _, number in rows], dtype="<i2").tobytes(), len(rows)),
        "webp": ("U8", data := b"".join(webp for webp, _, _ in rows), len(data)),
    }
    about = {
        "concepts": list(listed.values()),
        "styles": [package.short for package, _ in styles],
        "licences": {package.short: package.licence for package, _ in styles},
    }
    header: dict[str, object] = {"__metadata__": {name: json.dumps(part) for name, part in about.items()}}
    at = 0
    for name, (kind, raw, length) in parts.items():
        header[name] = {"dtype": kind, "shape": [length], "data_offsets": [at, at := at + len(raw)]}
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    whole = struct.pack("<Q", len(head)) + head + b"".join(raw for _, raw, _ in parts.values())
    if len(whole) > LARGEST:
        raise ValueError(f"{path.name} would take {len(whole)} bytes, more than {LARGEST}")
    part = path.with_suffix(".part")
    part.write_bytes(whole)
    os.replace(part, path)


def load_set(package: NpmPackage, cache: Path) -> IconSet:
    """An icon set from its package. Raises FetchError."""
    files = read_json(fetch(package, cache), ("icons.json", "chars.json"))
    return icon_set(package.short, files["icons.json"], files.get("chars.json", {}))


def load_names(cache: Path) -> Glossary:
    """The names from emojibase. Raises FetchError."""
    codes = [f"en/shortcodes/{name}.json" for name in SHORTCODES]
    files = read_json(fetch(NAMES, cache), ("en/data.json", "zh/data.json", *codes))
    return glossary(files["en/data.json"], files["zh/data.json"], [files[name] for name in codes])


def draw_style(icons: IconSet, matched: dict[str, str], jobs: int) -> Style:
    """Key to WebP for each key of ``matched`` (key to icon name) with a usable picture; ``jobs`` processes draw."""
    markup = [svg(icons, name) for name in matched.values()]
    if jobs == 1:
        drawn = [draw(each) for each in markup]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            drawn = list(pool.map(draw, markup, chunksize=16))
    return {code: webp for code, webp in zip(matched, drawn, strict=True) if webp is not None}


def build(out: Path, cache: Path, unseen: bool, jobs: int) -> None:
    """Writes the pack, and the unseen one where asked, into ``out``. Raises FetchError, ValueError and OSError."""
    words = load_names(cache)
    sets = [load_set(package, cache) for package in TRAINING]
    others = shared_codes(sets)
    styles = [draw_style(icons, match(icons, words, others), jobs) for icons in sets]
    counts = Counter(code for style in styles for code in style)
    listed = concepts((code for code, count in counts.items() if count >= ENOUGH_SETS), words)
    for code in alike([{code: style[code] for code in style if code in listed} for style in styles]):
        listed[code]["confusable"] = True
    out.mkdir(parents=True, exist_ok=True)
    write_pack(out / PACK, list(zip(TRAINING, styles, strict=True)), listed)
    if unseen:
        icons = load_set(UNSEEN, cache)
        wanted = {code: name for code, name in match(icons, words, others).items() if code in listed}
        write_pack(out / UNSEEN_PACK, [(UNSEEN, draw_style(icons, wanted, jobs))], listed)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m models.starter.data", description="Build the starter pictures.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the packs")
    parser.add_argument("--cache", type=Path, help="folder that keeps the fetched packages (default: none is kept)")
    parser.add_argument("--unseen", action="store_true", help="also build the style that only evaluation may read")
    parser.add_argument("--jobs", type=int, default=2, help="processes that draw")
    wish = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as temporary:
            build(wish.out, wish.cache or Path(temporary), wish.unseen, wish.jobs)
    except (FetchError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name in (PACK, UNSEEN_PACK) if wish.unseen else (PACK,):
        pack = read_pack(wish.out / name)
        per_style = Counter(pack.styles[number] for number in pack.style.tolist())
        print(f"{name}: {len(pack)} pictures, {len(pack.concepts)} concepts, {dict(per_style)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
