from models.coqui.engine import build, load

__all__ = ["build", "load"]
