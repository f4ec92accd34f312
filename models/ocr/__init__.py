"""Optical character recognition: PP-OCR on RapidOCR."""

from models.ocr.engine import build, load

__all__ = ["build", "load"]
