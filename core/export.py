"""Conversations in and out of Parlor: JSON for everything exactly, Markdown for people."""

from core.jsonfile import from_json as from_json
from core.jsonfile import to_json as to_json
from core.markdown import from_markdown as from_markdown
from core.markdown import to_markdown as to_markdown
