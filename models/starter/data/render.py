"""Pictures for the packs: an icon's SVG drawn by resvg, the unusable ones and the look-alikes found."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from models.starter.data.names import IconSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]  # [SIDE, SIDE, 4], straight alpha

SIDE = 128  # pixels
EMPTY, TILE = 0.02, 0.97  # shares of the square that an icon covers, at least and at most
ALIKE = 0.035  # mean absolute difference, of 1, under which two pictures of one style look alike
ALIKE_STYLES = 2
SMALL = 16  # pixels a side, for the comparison


def svg(icons: IconSet, name: str) -> str:
    """The icon as a whole SVG file, fitted into SIDE x SIDE pixels."""
    icon, (width, height) = icons.icons[name], icons.size
    box = f"{icon.get('left', 0)} {icon.get('top', 0)} {icon.get('width', width)} {icon.get('height', height)}"
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {spaces} width="{SIDE}" height="{SIDE}" viewBox="{box}">{icon["body"]}</svg>'


def draw(markup: str) -> bytes | None:
    """Lossless WebP, SIDE x SIDE, RGBA with straight alpha; None for an empty picture and for a full square.

    Raises ValueError for SVG that resvg does not take.
    """
    import numpy as np
    import resvg_py
    from PIL import Image

    png = resvg_py.svg_to_bytes(svg_string=markup, width=SIDE, height=SIDE, skip_system_fonts=True)
    picture = np.array(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))
    if not EMPTY <= float((picture[..., 3] > 127).mean()) <= TILE:
        return None
    picture[picture[..., 3] == 0] = 0
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "WEBP", lossless=True, exact=True, quality=75, method=4)
    return out.getvalue()


def decode(webp: bytes) -> Picture:
    """The picture of ``draw``: uint8 [SIDE, SIDE, 4], straight alpha."""
    import numpy as np
    from PIL import Image

    return np.array(Image.open(io.BytesIO(webp)).convert("RGBA"))


def alike(styles: Sequence[Mapping[str, bytes]]) -> set[str]:
    """Keys whose pictures look like another key's in ALIKE_STYLES styles or more; a style is key to WebP."""
    import numpy as np

    times: dict[tuple[str, str], int] = {}
    for style in styles:
        keys = sorted(style)
        small = np.stack([_shrunk(decode(style[code])) for code in keys])
        for row in range(len(keys) - 1):
            near = np.abs(small[row + 1 :] - small[row]).mean(axis=1) < ALIKE
            for other in np.flatnonzero(near):
                pair = keys[row], keys[row + 1 + int(other)]
                times[pair] = times.get(pair, 0) + 1
    return {code for pair, count in times.items() if count >= ALIKE_STYLES for code in pair}


def _shrunk(picture: Picture) -> NDArray[np.float32]:
    """Premultiplied RGBA, 0 to 1, flat: [SMALL * SMALL * 4]."""
    import numpy as np

    whole = picture.astype(np.float32) / 255
    whole[..., :3] *= whole[..., 3:]
    step = SIDE // SMALL
    small: NDArray[np.float32] = whole.reshape(SMALL, step, SMALL, step, 4).mean(axis=(1, 3)).ravel()
    return small
