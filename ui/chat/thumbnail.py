"""Small versions of pictures for the page, so that a screen of photographs stays light."""

from __future__ import annotations

import io

import streamlit as st
from PIL import Image, ImageOps

from ui.i18n.words import say

ORIENTATION = 0x0112  # Exif
ENLARGED = 4  # times its own size at most: a small drawing is not blown up to a blur
SIDE = 1024  # pixels: sharp on the page at twice its size there, and large enough to look at in full screen


def picture(data: bytes, width: int) -> None:
    """Show a picture at most ``width`` pixels wide; one whose file is gone or broken says so."""
    small, own = thumbnail(data)
    if small:
        st.image(small, width=min(width, ENLARGED * own))
    else:
        st.caption(say("no_picture"))


@st.cache_data(max_entries=200, show_spinner=False)
def thumbnail(data: bytes) -> tuple[bytes, int]:
    """``data`` upright, at most ``SIDE`` pixels a side, as PNG or JPEG, and its width; empty if it cannot be read."""
    try:
        with Image.open(io.BytesIO(data)) as whole:
            if max(whole.size) <= SIDE and whole.getexif().get(ORIENTATION, 1) == 1:
                return data, whole.width
            whole.draft("RGB", (SIDE, SIDE))
            small = ImageOps.exif_transpose(whole)
            small.thumbnail((SIDE, SIDE))
            clear = small.mode in {"RGBA", "LA", "P", "PA"}
            out = io.BytesIO()
            small.convert("RGBA" if clear else "RGB").save(out, "PNG" if clear else "JPEG", quality=85)
            return out.getvalue(), small.width
    except (OSError, ValueError, Image.DecompressionBombError):
        return b"", 0
