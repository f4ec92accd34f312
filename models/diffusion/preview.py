"""Previews of a picture taking shape (``preview``): latents to RGB by a linear map, and the time they may take.

Latents of another number of channels than Stable Diffusion's four are of a small model's own, whose VAE is as quick.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.types.messages import Image

if TYPE_CHECKING:
    import PIL.Image
    import torch

SHARE = 0.02  # of the time spent painting
FIRST = 0.002  # seconds that the first preview is believed to take; measured: 0.9 ms at 512x512, 1.4 at 1024x1024
LONGEST_SIDE = 256  # pixels

# Channels to red, green and blue, each from -1 to 1: Stable Diffusion 1 and 2, fitted by Kevin Turner in
# "Decoding latents to RGB without upscaling", a thread of the Hugging Face forums.
STABLE_DIFFUSION = (
    (0.298, 0.207, 0.208),
    (0.187, 0.286, 0.173),
    (-0.158, 0.189, 0.264),
    (-0.184, -0.271, -0.473),
)
# The same from 0 to 255 around (150, 140, 130): SDXL, by Timothy Alexis Vass in
# "Explaining the SDXL latent space", an article of the Hugging Face community.
SDXL = ((60, 60, 60), (-60, -5, 10), (25, 15, -5), (-70, -50, -35))
SDXL_MIDDLE = (150, 140, 130)


@dataclass(slots=True)
class Allowance:
    """A share of the time that passes, to be spent on something else: never more than ``share`` of what has passed.

    Times are seconds of any clock that the caller reads. What the next spending will cost is taken to be the greatest
    cost so far, so only a cost that grows can pass the share, and then the pause that follows makes up for it.
    """

    began: float
    share: float = SHARE
    cost: float = FIRST
    spent: float = 0.0

    def allows(self, now: float) -> bool:
        return self.spent + self.cost <= self.share * (now - self.began)

    def spend(self, seconds: float) -> None:
        self.cost = seconds if not self.spent else max(self.cost, seconds)
        self.spent += seconds


def preview(pipe: Any, latents: torch.Tensor) -> Image:
    """A small JPEG of ``latents``, shape (1, channels, height / 8, width / 8), scaled as the UNet sees them.

    Its longer side has at most LONGEST_SIDE pixels and four a latent; of a small model, all that there are.
    """
    if latents.shape[1] != len(STABLE_DIFFUSION):
        return _decode(pipe, latents)
    return latents_to_rgb(latents, hasattr(pipe, "text_encoder_2"))


def _decode(pipe: Any, latents: torch.Tensor) -> Image:
    import torch

    with torch.no_grad():
        told = (latents / pipe.vae.config.scaling_factor).to(pipe.vae.dtype)
        shown = pipe.vae.decode(told, return_dict=False)[0].float().cpu()
    return _jpeg(pipe.image_processor.postprocess(shown.nan_to_num(), output_type="pil")[0])


def latents_to_rgb(latents: torch.Tensor, xl: bool) -> Image:
    """Stable Diffusion's four channels, or SDXL's, as colours."""
    import PIL.Image
    import torch

    small = latents[0].float().cpu().permute(1, 2, 0)
    if xl:
        colours = small @ torch.tensor(SDXL, dtype=torch.float32) + torch.tensor(SDXL_MIDDLE)
    else:
        colours = (small @ torch.tensor(STABLE_DIFFUSION) + 1) * 127.5
    picture = PIL.Image.fromarray(colours.nan_to_num().clamp(0, 255).byte().numpy())
    scale = min(4.0, LONGEST_SIDE / max(picture.size))
    return _jpeg(
        picture.resize((round(picture.width * scale), round(picture.height * scale)), PIL.Image.Resampling.BICUBIC)
    )


def _jpeg(picture: PIL.Image.Image) -> Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return Image(file.getvalue(), "image/jpeg")
