"""End-of-turn detection: Smart Turn on ONNX Runtime."""

from models.smart_turn.engine import build, load

__all__ = ["build", "load"]
