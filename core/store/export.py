"""Export and import of conversations: JSON for everything exactly, Markdown for people."""

from core.store.export_json import from_json as from_json
from core.store.export_json import to_json as to_json
from core.store.export_markdown import from_markdown as from_markdown
from core.store.export_markdown import to_markdown as to_markdown
