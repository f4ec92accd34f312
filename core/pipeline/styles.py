"""Styles for pictures: words that go after a prompt, and what such pictures should not show."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import BadInput
from core.l10n.text import L10n, l10n


@dataclass(frozen=True, slots=True)
class Style:
    """``words`` follow the prompt after a comma, ``negative`` goes before the person's own negative prompt."""

    id: str
    name: L10n
    words: str
    negative: str = ""


_POOR = "blurry, low quality, jpeg artifacts, watermark, text"

STYLES = (
    Style("photo", l10n("Photograph"), "photograph, natural light, sharp focus, 35mm lens", f"{_POOR}, drawing"),
    Style("film", l10n("Film still"), "cinematic film still, dramatic lighting, shallow depth of field", _POOR),
    Style("illustration", l10n("Illustration"), "digital illustration, clean lines, vivid colours", _POOR),
    Style("watercolour", l10n("Watercolour"), "watercolour painting, soft washes, paper texture", f"{_POOR}, photo"),
    Style("oil", l10n("Oil painting"), "oil painting on canvas, brush strokes, rich colours", f"{_POOR}, photo"),
    Style("ink", l10n("Ink wash"), "Chinese ink wash painting, rice paper, sparse strokes", f"{_POOR}, photo"),
    Style("anime", l10n("Anime"), "anime style, cel shading, detailed background", _POOR),
    Style("pixel", l10n("Pixel art"), "pixel art, 16-bit, limited palette", "blurry, photo, smooth gradients"),
    Style("render", l10n("3D render"), "3D render, soft studio lighting, high detail", _POOR),
    Style("sketch", l10n("Pencil sketch"), "pencil sketch, fine hatching, white paper", f"{_POOR}, colour"),
)  # fmt: skip


def find_style(name: str) -> Style | None:
    """The style called ``name``; None for an empty one. Raises BadInput."""
    if not name:
        return None
    for style in STYLES:
        if style.id == name:
            return style
    known = ", ".join(style.id for style in STYLES)
    raise BadInput(l10n("There is no style {name!r}. Choose one of: {known}.", name=name, known=known))


def apply_style(prompt: str, negative: str, style: Style | None) -> tuple[str, str]:
    """Prompt and negative prompt in ``style``; a prompt that has its words already stays as it is."""
    if style is None:
        return prompt, negative
    if style.words not in prompt:
        prompt = f"{prompt}, {style.words}"
    if style.negative and style.negative not in negative:
        negative = ", ".join(filter(None, (style.negative, negative)))
    return prompt, negative
