"""Speech recognition: Whisper on CTranslate2."""

from models.whisper.engine import build, load

__all__ = ["build", "load"]
