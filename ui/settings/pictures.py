"""The part of the settings that says how pictures are drawn."""

from __future__ import annotations

import streamlit as st

from core.pipeline.styles import STYLES
from ui.common.controls import choose, number, switch, write_line
from ui.i18n.words import language, say

SIZES = ("512x512", "768x512", "512x768", "768x768", "1024x1024", "1152x896", "896x1152")  # pixels


def pictures() -> None:
    st.header(say("s_pictures"), anchor=False)
    switch("image.enhance", say("s_enhance"), say("s_enhance_help"))
    left, right = st.columns(2, gap="medium")
    with left:
        styles = {"": say("s_paint_no_style")} | {style.id: style.name.into(language()) for style in STYLES}
        choose("image.style", say("s_paint_style"), styles)
        number("image.steps", say("s_paint_steps"), 0, 150, 1)
    with right:
        sizes = {"": say("s_paint_own")} | {size: size.replace("x", " × ") for size in SIZES}
        choose("image.size", say("s_paint_size"), sizes)
        number("image.guidance", say("s_paint_guidance"), -1.0, 30.0, 0.5, say("s_paint_guidance_help"))
    write_line("image.negative", say("p_negative"))
