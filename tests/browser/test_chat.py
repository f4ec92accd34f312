"""What a person does in a conversation, in Chromium, with the real models."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.web.browser import (
    LONG,
    Watch,
    answered,
    answers,
    conversation,
    press,
    questions,
    said,
    send,
    settle,
    visit,
    writing,
)
from tests.support.web.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.models]

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
