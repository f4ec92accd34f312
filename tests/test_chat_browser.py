"""What a person does in a conversation, in Chromium, with the real models."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from core.messages import Message, Text
from core.store import Store
from tests.browser import (
    Served,
    Watch,
    answered,
    answers,
    app,
    chromium,
    context,
    fresh_app,
    page,
    playing,
    press,
    questions,
    send,
    settle,
    spoken_wav,
    visit,
    watch,
    writing,
)

__all__ = ["app", "chromium", "context", "fresh_app", "page", "playing", "spoken_wav", "watch"]
pytestmark = [pytest.mark.browser, pytest.mark.models]

LEAD = 0.03  # seconds the player gives itself before a clause that has just come
LONG = "Write a very long story about a lighthouse keeper, with many chapters."
NASTY = """<script>window.pwned = 1; alert(1)</script> <img src=x onerror="window.pwned = 1">
<iframe src="https://tracker.example/frame"></iframe>

![a picture](https://tracker.example/pixel.png) ![ref][p] [![nested](https://tracker.example/n.png)](https://tracker.example)
[click me](javascript:window.pwned=1) <javascript:window.pwned=1> [data](data:text/html,<script>alert(1)</script>)

`unbalanced ![tick](https://tracker.example/tick.png)

[p]: https://tracker.example/reference.png
[bad]: javascript:alert(1)

[reference][bad] :red[not red] :material/home: It costs $5 or $6.
"""


def conversation(page: Page) -> str:
    return re.search(r"[?&]c=([\w-]+)", page.url)[1]  # type: ignore[index]


def said(store: Store, *texts: str) -> str:
    """A conversation that is already there; returns its id."""
    id, parent = store.create(texts[0][:40]), None
    for number, text in enumerate(texts):
        parent = store.add(id, Message("assistant" if number % 2 else "user", (Text(text),)), parent)
    return id


# ── a turn ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_typed_question_is_answered_and_stays(app: Served, page: Page) -> None:
    visit(page, app.url)
    send(page, "Say hello.")
    answered(page)
    assert questions(page) == ["Say hello."]
    answer = answers(page)
    assert answer[0]
    page.reload()
    answered(page)
    assert answers(page) == answer


def test_stop_keeps_what_was_said(app: Served, page: Page) -> None:
    visit(page, app.url)
    send(page, LONG)
    writing(page)
    page.locator(".st-key-stop button").click()
    answered(page)
    stored = app.store().path(conversation(page))[-1].message
    assert stored.cut
    assert stored.text
    assert "ended early" in answers(page)[-1]


def test_escape_stops_too(app: Served, page: Page) -> None:
    visit(page, app.url)
    send(page, LONG)
    writing(page)
    page.keyboard.press("Escape")
    answered(page)
    assert app.store().path(conversation(page))[-1].message.cut


def test_leaving_reloading_a_second_tab_and_a_lost_connection_leave_the_answer_alone(
    app: Served, page: Page, context: BrowserContext, watch: Watch
) -> None:
    watch.outage = True
    visit(page, app.url)
    send(page, LONG)
    writing(page)
    page.get_by_test_id("stPageLink").get_by_text("Settings").click()
    page.get_by_role("heading", name="Settings").first.wait_for()
    page.get_by_role("link", name=LONG[:20]).first.click()
    page.locator('[class*="st-key-live"]').first.wait_for()
    page.reload()
    settle(page)
    other = context.new_page()
    visit(other, page.url)
    context.set_offline(True)
    page.wait_for_timeout(500)
    context.set_offline(False)
    answered(page)
    answered(other)
    stored = app.store().path(conversation(page))[-1].message
    assert not stored.cut
    assert stored.text.split()[-1].strip("*.") in answers(page)[-1]
    assert answers(other) == answers(page)


def test_a_pasted_picture_is_read(app: Served, page: Page) -> None:
    visit(page, app.url)
    page.get_by_test_id("stChatInputTextArea").focus()
    page.evaluate(PASTE)
    page.get_by_text("image.png").wait_for()
    send(page, "What does it say?")
    answered(page)
    page.get_by_text("Words in the picture").click()
    expect(page.get_by_test_id("stExpander")).to_contain_text(re.compile("Invoice", re.IGNORECASE))


PASTE = """async () => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 900, height: 300});
  const pen = canvas.getContext('2d');
  pen.fillStyle = 'white'; pen.fillRect(0, 0, 900, 300);
  pen.fillStyle = 'black'; pen.font = '64px sans-serif';
  pen.fillText('Invoice 2041', 60, 120); pen.fillText('Total 318.50', 60, 220);
  const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
  const clip = new DataTransfer();
  clip.items.add(new File([blob], 'image.png', {type: 'image/png'}));
  document.activeElement.dispatchEvent(new ClipboardEvent('paste', {
    clipboardData: clip, bubbles: true, cancelable: true,
  }));
}"""


def test_a_spoken_question_is_heard_and_answered_in_a_voice_without_gap_or_overlap(
    app: Served, page: Page, context: BrowserContext
) -> None:
    visit(page, app.url)
    page.get_by_test_id("stChatInputMicButton").click()
    page.wait_for_timeout(4500)
    page.get_by_test_id("stChatInputApproveButton").click()
    heard = page.locator('[class*="st-key-bubble-"]').first
    expect(heard).to_contain_text(re.compile("lighthouse", re.IGNORECASE))
    page.wait_for_function("window.parlorPlayer?.played.length > 0")
    other = context.new_page()
    visit(other, page.url)
    page.wait_for_function("window.parlorPlayer.played.length > 2")
    page.get_by_role("button", name="Stop speaking").click()
    assert not page.evaluate("window.parlorPlayer.speaking()")
    played = page.evaluate("window.parlorPlayer.played")
    assert [clause["index"] for clause in played] == list(range(len(played)))
    for before, after in pairwise(played):
        follows = max(before["end"], after["came"] + LEAD)  # at once, or as soon as it has come
        assert before["cut"] or after["start"] == pytest.approx(follows, abs=0.01)
    assert other.evaluate("window.parlorPlayer.played.length") == 0, "a second tab stays silent"
    page.keyboard.press("Escape")
    answered(page)
    press(page, "Listen")
    page.locator('[class*="st-key-parlor-"] audio').wait_for()


# ── versions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_answering_again_keeps_both_versions(app: Served, page: Page) -> None:
    visit(page, f"{app.url}/?c={said(app.store(), 'Say one word.', 'First answer')}")
    press(page, "Answer again")
    page.get_by_text("2/2").wait_for()
    answered(page)
    second = answers(page)[-1]
    assert second != "First answer"
    press(page, "Previous version")
    page.get_by_text("1/2").wait_for()
    settle(page)
    assert answers(page)[-1].startswith("First answer")


def test_an_edited_question_is_a_new_branch(app: Served, page: Page) -> None:
    visit(page, f"{app.url}/?c={said(app.store(), 'What is red?', 'A colour.')}")
    page.locator('[class*="st-key-you-"]').first.hover()
    press(page, "Edit")
    page.get_by_role("textbox", name="Your message").fill("What is blue?")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("2/2").wait_for()
    answered(page)
    assert questions(page) == ["What is blue?"]
    press(page, "Previous version", 0)
    expect(page.get_by_text("A colour.")).to_be_visible()
    assert questions(page) == ["What is red?"]


def test_copy_puts_the_answer_on_the_clipboard(app: Served, page: Page) -> None:
    visit(page, f"{app.url}/?c={said(app.store(), 'Code?', 'Use `x = 1` and **run** it.')}")
    press(page, "Copy")
    page.get_by_role("button", name="Copy", exact=True).and_(page.get_by_title("Copied")).wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "Use `x = 1` and **run** it."


def test_a_thumb_is_kept(app: Served, page: Page) -> None:
    id = said(app.store(), "Well?", "Yes.")
    visit(page, f"{app.url}/?c={id}")
    press(page, "Good answer")
    expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    assert app.store().path(id)[-1].feedback == 1


# ── what must never happen ───────────────────────────────────────────────────────────────────────────────────────────


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


def test_a_file_that_cannot_be_used_is_named_and_the_words_are_kept(app: Served, page: Page) -> None:
    visit(page, app.url)
    page.get_by_test_id("stChatInput").locator("input[type=file]").set_input_files(
        [{"name": "broken.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + b"\x00" * 40}]
    )
    page.get_by_text("broken.png").wait_for()
    send(page, "What is in this picture?")
    page.locator('[class*="st-key-trouble-box"]').wait_for()
    expect(page.get_by_test_id("stChatInputTextArea")).to_have_value("What is in this picture?")


def test_a_megabyte_of_pasted_text_does_not_freeze_the_page(app: Served, page: Page) -> None:
    visit(page, app.url)
    page.get_by_test_id("stChatInputTextArea").evaluate(
        """(box) => {
          const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set;
          set.call(box, 'lorem ipsum '.repeat(87382));
          box.dispatchEvent(new Event('input', {bubbles: true}));
        }"""
    )
    page.get_by_test_id("stChatInputTextArea").press("Enter")
    page.locator('[class*="st-key-bubble-"]').wait_for()
    expect(page.locator(".st-key-stop")).to_have_count(0)
    settle(page)
    page.locator('[class*="st-key-you-"]').get_by_text("Show all of it").wait_for()
    assert len(app.store().path(conversation(page))[0].message.text) >= 1_000_000


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
    page.keyboard.press("Escape")
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
