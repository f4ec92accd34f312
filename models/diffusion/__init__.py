"""Text to image: Stable Diffusion and its family on diffusers."""

from models.diffusion.engine import build, load

__all__ = ["build", "load"]
