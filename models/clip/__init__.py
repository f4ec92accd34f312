"""Text and image embeddings: CLIP and Chinese-CLIP on transformers."""

from models.clip.engine import build, load

__all__ = ["build", "load"]
