"""Chat and vision: GGUF language models on llama.cpp."""

from models.llama.engine import build, load

__all__ = ["build", "load"]
