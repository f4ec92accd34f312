"""Text to speech and voice cloning: VITS and XTTS on Coqui TTS."""

from models.coqui.engine import build, load

__all__ = ["build", "load"]
