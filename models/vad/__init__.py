"""Voice activity detection: Silero VAD on ONNX Runtime."""

from models.vad.engine import build, load

__all__ = ["build", "load"]
