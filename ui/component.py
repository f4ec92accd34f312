"""Parlor's own small components: ``<name>.js`` and ``<name>.css`` beside this file, with the icons they share.

Their scripts put text into the page with ``textContent`` only: titles, transcripts and answers are never HTML.
"""

from __future__ import annotations

from pathlib import Path

from streamlit.components.v2 import component as register
from streamlit.components.v2.types import ComponentRenderer

HERE = Path(__file__).parent


def component(name: str) -> ComponentRenderer:
    """Register the component ``name`` (once a process: call it at import)."""
    css, js = HERE / f"{name}.css", HERE / f"{name}.js"
    script = (HERE / "dom.js").read_text("utf-8") + js.read_text("utf-8")
    return register(f"parlor_{name}", css=(HERE / "dom.css").read_text("utf-8") + css.read_text("utf-8"), js=script)
