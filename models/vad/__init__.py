from models.vad.engine import build, load

__all__ = ["build", "load"]
