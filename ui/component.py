"""Parlor's own small components: ``<name>.js`` and ``<name>.css`` beside this file, with the icons they share.

Their scripts put text into the page with ``textContent`` only: titles, transcripts and answers are never HTML.
"""

from __future__ import annotations

from pathlib import Path

from streamlit.components.v2 import component as register
from streamlit.components.v2.types import ComponentRenderer

HERE = Path(__file__).parent


def component(name: str, *parts: str) -> ComponentRenderer:
    """Register the component ``name``, made of the scripts ``parts`` too (once a process: call it at import)."""
    css = HERE / f"{name}.css"
    script = "".join((HERE / f"{part}.js").read_text("utf-8") for part in ("dom", *parts, name))
    return register(f"parlor_{name}", css=(HERE / "dom.css").read_text("utf-8") + css.read_text("utf-8"), js=script)
