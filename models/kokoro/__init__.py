from models.kokoro.engine import build, load

__all__ = ["build", "load"]
