from models.smart_turn.engine import build, load

__all__ = ["build", "load"]
