"""Parlor's own small components: ``<name>.js`` and ``<name>.css`` beside the file that mounts them, and shared icons.

Their scripts put text into the page with ``textContent`` only: titles, transcripts and answers are never HTML.
"""

from __future__ import annotations

from pathlib import Path

from streamlit.components.v2 import component as register
from streamlit.components.v2.types import ComponentRenderer

HERE = Path(__file__).parent


def component(file: str, name: str, *parts: str) -> ComponentRenderer:
    """Register the component ``name`` of ``file`` (``__file__``), made of the scripts ``parts`` beside it too.

    Once a process: call it at import.
    """
    beside = Path(file).parent
    scripts = HERE / "dom.js", *(beside / f"{part}.js" for part in (*parts, name))
    styles = HERE / "dom.css", beside / f"{name}.css"
    css, js = ("".join(path.read_text("utf-8") for path in paths) for paths in (styles, scripts))
    return register(f"parlor_{name}", css=css, js=js)
