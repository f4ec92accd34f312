"""Text to speech: Kokoro 82M on ONNX Runtime."""

from models.kokoro.engine import build, load

__all__ = ["build", "load"]
