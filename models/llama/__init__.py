from models.llama.engine import build, load

__all__ = ["build", "load"]
