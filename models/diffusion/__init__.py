from models.diffusion.engine import build, load

__all__ = ["build", "load"]
