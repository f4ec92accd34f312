from models.clip.engine import build, load

__all__ = ["build", "load"]
