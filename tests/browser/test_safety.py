"""Nothing that is said in a conversation, and no other site, gains anything."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support.web.browser import answers, said, visit
from tests.support.web.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.models]

NASTY = """<script>window.pwned = 1; alert(1)</script> <img src=x onerror="window.pwned = 1">
<iframe src="https://tracker.example/frame"></iframe>

![a picture](https://tracker.example/pixel.png) ![ref][p] [![nested](https://tracker.example/n.png)](https://tracker.example)
[click me](javascript:window.pwned=1) <javascript:window.pwned=1> [data](data:text/html,<script>alert(1)</script>)

`unbalanced ![tick](https://tracker.example/tick.png)

[p]: https://tracker.example/reference.png
[bad]: javascript:alert(1)

[reference][bad] :red[not red] :material/home: It costs $5 or $6.
"""


@pytest.mark.parametrize("where", ["answer", "question", "title"])
def test_nothing_in_a_message_runs_or_reaches_out(app: Served, page: Page, where: str) -> None:
    store = app.store()
    id = said(store, NASTY if where == "question" else "Hello", NASTY if where == "answer" else "Fine, thanks.")
    if where == "title":
        store.rename(id, "<img src=x onerror=alert(1)> ![t](https://tracker.example/t.png)")
    visit(page, f"{app.url}/?c={id}")
    page.locator('[class*="st-key-parlor-"]').wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("window.pwned") is None
    assert (
        page.locator("a[href^='javascript:'], a[href^='data:'], iframe[src*='tracker'], img[src*='tracker']").count()
        == 0
    )
    if where == "answer":
        assert "$5 or $6" in answers(page)[0]


def test_the_live_socket_is_closed_to_other_sites(app: Served) -> None:
    address = f"ws://127.0.0.1:{app.port}/live/nothing"
    for origin in ("https://evil.example", f"https://127.0.0.1.evil.example:{app.port}", "null", None):
        with pytest.raises(InvalidStatus, match="403"):
            connect(address, origin=origin)  # type: ignore[arg-type]
    with pytest.raises(InvalidStatus, match=r"40[03]"):  # a name made to point at this machine
        connect(address, origin="http://evil.example", additional_headers={"Host": "evil.example"})  # type: ignore[arg-type]
    with connect(address, origin=app.url) as own:  # type: ignore[arg-type]
        assert json.loads(own.recv(timeout=10)) == {"end": True, "stopped": False}
