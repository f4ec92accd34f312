from models.ocr.engine import build, load

__all__ = ["build", "load"]
