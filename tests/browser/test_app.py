"""The list of conversations, the server behind the page, and how the page is drawn."""

from __future__ import annotations

import json
import re

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.support.web.browser import LONG, Watch, answered, answers, conversation, said, send, visit, writing
from tests.support.web.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.models]

# ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_conversation_is_found_renamed_deleted_and_brought_back(app: Served, page: Page) -> None:
    said(app.store(), "Where do puffins nest?", "In burrows on grassy cliffs.")
    visit(page, app.url)
    page.get_by_role("searchbox").fill("burrows")
    hit = page.get_by_role("link", name=re.compile("burrows"))
    hit.click()
    expect(page.get_by_text("In burrows on grassy cliffs.").last).to_be_visible()
    page.get_by_role("searchbox").fill("")
    row = page.locator(".entry", has_text="Where do puffins nest?")
    row.hover()
    row.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_role("textbox", name="Rename").fill("Puffins")
    page.keyboard.press("Enter")
    row = page.locator(".entry", has_text="Puffins")
    row.hover()
    row.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_text("Deleted “Puffins”").wait_for()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row).to_have_count(1)


def test_a_conversation_is_exported_and_imported(app: Served, page: Page) -> None:
    said(app.store(), "What is a quokka?", "A small marsupial.")
    visit(page, app.url)
    row = page.locator(".entry", has_text="What is a quokka?")
    row.hover()
    row.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    data = download.value.path().read_bytes()
    json.loads(data)
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Import").click()
    page.get_by_role("dialog").locator("input[type=file]").set_input_files(
        [{"name": "quokka.json", "mimeType": "application/json", "buffer": data}]
    )
    expect(page.get_by_text("A small marsupial.")).to_be_visible()
    expect(page.locator(".entry", has_text="What is a quokka?")).to_have_count(2)


# ── the server ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/Settings", "/Chat", "/?c=nothing-here"])
def test_every_page_stands_when_it_is_the_first_to_be_opened(fresh_app: Served, page: Page, path: str) -> None:
    visit(page, fresh_app.url + path)
    heading = "Settings" if path == "/Settings" else "What shall we talk about?"
    page.get_by_role("heading", name=heading).first.wait_for()
    page.get_by_role("button", name="New chat").wait_for()
    assert page.get_by_text("Traceback").count() == 0


def test_a_killed_server_leaves_the_conversation_and_no_process(fresh_app: Served, page: Page, watch: Watch) -> None:
    watch.outage = True
    visit(page, fresh_app.url)
    send(page, LONG)
    writing(page)
    page.wait_for_timeout(1000)
    workers = fresh_app.workers()
    assert workers
    fresh_app.kill()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
    fresh_app.start()
    visit(page, page.url)
    answered(page)
    stored = fresh_app.store().path(conversation(page))
    assert stored[-1].message.cut
    assert stored[-1].message.text
    assert "ended early" in answers(page)[-1]
    send(page, "Say hello.")
    expect(page.locator('[class*="st-key-parlor-"]')).to_have_count(2)


def test_the_empty_page_leads_to_a_call(app: Served, page: Page) -> None:
    visit(page, app.url)
    page.get_by_role("button", name="Talk to me").click()
    expect(page).to_have_url(re.compile(r"/Call"))
    expect(page.get_by_role("button", name="Start talking")).to_be_visible()


def test_the_server_is_light(app: Served, page: Page) -> None:
    visit(page, app.url)
    process = psutil.Process(app.process.pid)
    assert process.memory_info().rss < 300e6
    assert not any("torch" in mapped.path for mapped in process.memory_maps())


def test_the_page_fits_a_phone(app: Served, page: Page) -> None:
    id = said(
        app.store(),
        "A table?",
        "| a | b |\n|---|---|\n" + "| long cell content here | and here |\n" * 2 + "\n`" + "x" * 300 + "`",
    )
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/", f"/?c={id}", "/Settings"):
        visit(page, app.url + path)
        page.wait_for_timeout(300)
        assert page.evaluate(
            "document.querySelector('.stMain').scrollWidth <= document.querySelector('.stMain').clientWidth"
        )


def test_the_language_changes_at_once(fresh_app: Served, page: Page) -> None:
    visit(page, f"{fresh_app.url}/Settings")
    page.get_by_role("combobox", name="Language").click()
    page.get_by_role("option", name="中文").click()
    page.get_by_role("heading", name="设置").first.wait_for()
    page.get_by_role("button", name="新对话").click()
    page.get_by_role("heading", name="今天想聊些什么？").wait_for()
    assert 'language = "zh"' in (fresh_app.home / "parlor.toml").read_text("utf-8")
