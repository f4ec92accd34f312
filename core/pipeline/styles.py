"""Styles for pictures: words that go after a prompt, and what such pictures should not show."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import BadInput


@dataclass(frozen=True, slots=True)
class Style:
    """``words`` follow the prompt after a comma, ``negative`` goes before the person's own negative prompt."""

    id: str
    en: str
    zh: str
    words: str
    negative: str = ""


_POOR = "blurry, low quality, jpeg artifacts, watermark, text"

STYLES = (
    Style("photo", "Photograph", "照片", "photograph, natural light, sharp focus, 35mm lens", f"{_POOR}, drawing"),
    Style("film", "Film still", "电影画面", "cinematic film still, dramatic lighting, shallow depth of field", _POOR),
    Style("illustration", "Illustration", "插画", "digital illustration, clean lines, vivid colours", _POOR),
    Style("watercolour", "Watercolour", "水彩", "watercolour painting, soft washes, paper texture", f"{_POOR}, photo"),
    Style("oil", "Oil painting", "油画", "oil painting on canvas, brush strokes, rich colours", f"{_POOR}, photo"),
    Style("ink", "Ink wash", "水墨", "Chinese ink wash painting, rice paper, sparse strokes", f"{_POOR}, photo"),
    Style("anime", "Anime", "动漫", "anime style, cel shading, detailed background", _POOR),
    Style("pixel", "Pixel art", "像素画", "pixel art, 16-bit, limited palette", "blurry, photo, smooth gradients"),
    Style("render", "3D render", "三维渲染", "3D render, soft studio lighting, high detail", _POOR),
    Style("sketch", "Pencil sketch", "铅笔素描", "pencil sketch, fine hatching, white paper", f"{_POOR}, colour"),
)  # fmt: skip


def find_style(name: str) -> Style | None:
    """The style called ``name``; None for an empty one. Raises BadInput."""
    if not name:
        return None
    for style in STYLES:
        if style.id == name:
            return style
    known = ", ".join(style.id for style in STYLES)
    raise BadInput(f"There is no style {name!r}. Choose one of: {known}.", f"没有名为 {name!r} 的风格。可选：{known}。")


def apply_style(prompt: str, negative: str, style: Style | None) -> tuple[str, str]:
    """Prompt and negative prompt in ``style``; a prompt that has its words already stays as it is."""
    if style is None:
        return prompt, negative
    if style.words not in prompt:
        prompt = f"{prompt}, {style.words}"
    if style.negative and style.negative not in negative:
        negative = ", ".join(filter(None, (style.negative, negative)))
    return prompt, negative
