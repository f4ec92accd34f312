"""Vision chat: the LLaVA family on transformers."""

from models.llava.engine import build, load

__all__ = ["build", "load"]
