"""A conversation leaves Parlor and comes back the same, and a file from a stranger does no harm."""

import pytest

from core.errors import BadInput
from core.store.export import to_json, to_markdown
from core.store.store import Store


def test_exporting_what_is_gone_says_so(store: Store) -> None:
    for export in (to_json, to_markdown):
        with pytest.raises(BadInput):
            export(store, "nowhere")
