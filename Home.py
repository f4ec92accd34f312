"""Parlor's entry: ``python -m ui.serve`` and ``streamlit run Home.py`` both run this at every visit."""

from ui.shell.frame import home

home()
