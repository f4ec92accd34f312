"""A call in the browser over the app's own socket: what is said, heard, shown and drawn; left, and taken up again."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from core.types.messages import Audio
from tests.sound.microphone import Microphone, with_ear
from tests.support import screens
from tests.support.alone import alone
from tests.support.browser import Watch, browser_context, conversation, settle, tab, visit
from tests.support.call_page import (
    FRANCE,
    HEARD,
    JAPAN,
    OPTIONS,
    STORY,
    TALKING,
    answer,
    begin,
    hang_up,
    heard,
    noted,
    says,
    state,
    write,
    you,
)
from tests.support.served import Served, Serving

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.slow]

STOP = "Sorry, what is the capital of Japan?"
LONG = "Please tell me about Japan, its capital, and all of the people who live and work there nowadays."
INVOICE = "What is the total on this invoice?"
FOX = "Draw a red fox in the snow."
GROWING = """(list) => new MutationObserver(() => {
  if (list.querySelector(".canvas img[src]")) window.grown = true;
}).observe(list, { subtree: true, childList: true, attributes: true })"""


@pytest.fixture(scope="module", autouse=True)
def no_network() -> Iterator[bool]:
    """Every call of this file is held where there is no network, if one may do that."""
    with alone() as so:
        yield so


@pytest.fixture(scope="module")
def app(no_network: bool, serving: Serving) -> Served:
    """An app with a small chat model, which begins with an opening word, and a tiny painter that shows previews."""
    return serving(painter=True, **TALKING)


@pytest.fixture(scope="module")
def context(context: BrowserContext) -> BrowserContext:
    return with_ear(context)


# ── talking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_is_heard_answered_interrupted_shown_something_and_asked_to_draw(
    app: Served, page: Page, microphone: Microphone, models_home: Path, tmp_path: Path
) -> None:
    begin(page, app.url)
    microphone.says(page, says(models_home, STORY))
    expect(you(page, 1)).to_have_text(re.compile("lighthouse keeper", re.IGNORECASE))
    heard(page, 1)
    state(page, "Speaking")
    expect(answer(page, 1).locator(".rest")).not_to_be_empty()
    expect(page.locator(".waterfall dt").first).to_have_text("Your pause")
    expect(page.locator(".total .number")).to_have_text(re.compile(r"^[\d,]+ ms$"))

    microphone.says(page, says(models_home, STOP))
    heard(page, 1, "silent")
    expect(page.locator(".turns li").first.locator(".cut")).to_be_visible()
    cut = answer(page, 1).inner_text()
    expect(you(page, 2)).to_have_text(re.compile("Japan"))
    heard(page, 2)
    state(page, "Listening")

    picture = tmp_path / "invoice.png"
    picture.write_bytes(screens.invoice("en").image.data)
    page.locator("input[type=file]").set_input_files(picture)
    expect(page.locator(".waiting img")).to_have_count(1)
    microphone.says_fast(page, says(models_home, INVOICE))
    expect(you(page, 3)).to_have_text(re.compile("total", re.IGNORECASE))
    heard(page, 3)
    expect(page.locator(".waiting")).to_be_hidden()
    expect(page.locator(".turns li").nth(2).locator(".shown img")).to_have_count(1)
    state(page, "Listening")

    page.locator(".turns").evaluate(GROWING)
    microphone.says_fast(page, says(models_home, FOX))
    heard(page, 4)
    expect(page.locator(".drawn > img")).to_have_count(1)
    assert page.evaluate("window.grown"), "the picture was seen growing"
    state(page, "Listening")
    hang_up(page)
    hushed = noted(page, "hush")[0]
    print(f"hush at level {hushed['level']:.3f}; silent after {noted(page, 'silent')[0]['at'] - hushed['at']:.0f} ms")

    page.get_by_role("button", name="Open the conversation").click()
    page.locator('[class*="st-key-bubble-"]').nth(3).wait_for()
    settle(page)
    path = app.store().path(conversation(page))
    assert len(path) == 8
    assert path[1].message.cut
    assert path[1].message.text == cut
    assert [len(list(node.message.images)) for node in path] == [0, 0, 0, 0, 1, 0, 0, 1]
    assert all(any(isinstance(part, Audio) for part in node.message.parts) for node in path)


def test_in_chinese_it_answers_in_chinese(
    app: Served, chromium: Browser, microphone: Microphone, models_home: Path, watch: Watch
) -> None:
    with browser_context(chromium, "zh-CN") as tabs, tab(with_ear(tabs), watch) as page:
        visit(page, f"{app.url}/Call")
        page.get_by_role("button", name="开始通话").click()
        state(page, "我在听")
        microphone.says_fast(page, says(models_home, "法国的首都是哪里？"))
        expect(you(page, 1)).to_have_text(re.compile("法国"))
        heard(page, 1)
        expect(page.locator(".waterfall dt").first).to_have_text("你停下来")
        page.get_by_role("button", name="挂断").click()
        page.get_by_role("button", name="打开对话").wait_for()


def test_the_whole_of_it_where_there_is_no_network_but_the_machine_itself(app: Served, no_network: bool) -> None:
    if not no_network:
        pytest.skip("this needs ip, and the right to make a network of one's own (root)")
    outside = subprocess.run(["ip", "route"], capture_output=True, text=True)
    assert outside.stdout == "", "there is a way out"
    assert Path(f"/proc/{app.process.pid}/ns/net").samefile("/proc/thread-self/ns/net")


def test_with_push_to_talk_it_listens_while_the_space_bar_is_held(
    app: Served, page: Page, microphone: Microphone, models_home: Path
) -> None:
    begin(page, app.url)
    page.get_by_role("button", name=OPTIONS).click()
    page.get_by_role("switch", name="Push to talk").check()
    hold = page.get_by_role("button", name="Hold to talk")
    expect(hold).to_be_visible()
    microphone.says(page, says(models_home, FRANCE))
    page.evaluate(HEARD)
    page.locator(".state").click()  # away from the list of microphones, where a space would mean something else
    page.keyboard.down("Space")
    microphone.says_fast(page, says(models_home, LONG))
    expect(you(page, 1)).to_have_text(re.compile("Japan"))
    page.keyboard.up("Space")
    expect(you(page, 1)).not_to_have_class(re.compile("growing"))
    expect(you(page, 1)).to_have_text(re.compile("Japan"))
    expect(you(page, 1)).not_to_have_text(re.compile("France"))
    heard(page, 1)
    expect(page.locator(".turns li")).to_have_count(1)
    page.get_by_role("switch", name="Push to talk").uncheck()


def test_a_pasted_and_a_dropped_picture_wait_as_thumbnails_and_what_is_none_is_told(app: Served, page: Page) -> None:
    begin(page, app.url)
    picture = list(screens.settings("en").image.data)
    transfer = page.evaluate_handle(
        """(bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "screen.png", { type: "image/png" }));
          return transfer;
        }""",
        picture,
    )
    page.evaluate("(data) => dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))", transfer)
    expect(page.locator(".waiting img")).to_have_count(1)
    page.locator(".talk").dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.locator(".waiting img")).to_have_count(2)
    page.locator("input[type=file]").set_input_files(
        {"name": "notes.png", "mimeType": "image/png", "buffer": b"these are words"}
    )
    expect(page.locator(".told .bad")).to_contain_text("notes.png")
    expect(page.locator(".waiting img")).to_have_count(2)


def test_words_in_a_call_are_never_html(app: Served, page: Page) -> None:
    begin(page, app.url)
    write(page, '<img src=x onerror="window.pwned = 1"> <b>Hello</b>')
    expect(you(page, 1)).to_contain_text("<b>Hello</b>")
    heard(page, 1)
    assert page.evaluate("window.pwned") is None


# ── leaving and coming back ──────────────────────────────────────────────────────────────────────────────────────────


def test_another_page_leaves_the_call_as_it_is_and_a_pill_leads_back(app: Served, page: Page) -> None:
    begin(page, app.url)
    write(page, STORY)
    heard(page, 1)
    played = page.evaluate("parlorCall.turns.get(1).heard")
    page.get_by_test_id("stSidebar").get_by_role("link", name="Settings").click()
    page.get_by_role("heading", name="Settings").wait_for()
    pill = page.get_by_role("group", name="Call in progress")
    expect(pill).to_contain_text("Speaking")
    page.wait_for_function("(before) => parlorCall.turns.get(1).heard > before + 0.5", arg=played)
    assert page.evaluate("parlorCall.linked")
    pill.get_by_role("button", name="Mute").click()
    pill.get_by_role("button", name="Unmute").wait_for()
    pill.get_by_title("Back to the call").click()
    expect(you(page, 1)).to_have_text(STORY)
    expect(pill).to_have_count(0)
    expect(page.get_by_role("button", name="Unmute")).to_be_visible()
    assert not noted(page, "lost")


def test_a_reload_goes_on_with_the_call(app: Served, page: Page) -> None:
    begin(page, app.url)
    write(page, JAPAN)
    heard(page, 1)
    state(page, "Listening")
    said = answer(page, 1).inner_text()
    id = page.evaluate("parlorCall.id")
    page.reload()
    page.wait_for_function("window.parlorCall?.linked")
    state(page, "Listening")
    assert page.evaluate("parlorCall.id") == id
    expect(answer(page, 1)).to_have_text(said)
    write(page, "And of France?")
    heard(page, 2)


def test_the_next_call_does_not_end_with_the_last(app: Served, page: Page) -> None:
    begin(page, app.url)
    hang_up(page)
    page.get_by_role("button", name="Call again").click()
    state(page, "Listening")
    page.evaluate("new Promise((done) => setTimeout(done, 3000))")  # by then the page gives up the one it hung up
    state(page, "Listening")
    assert page.evaluate("parlorCall.linked")


def test_a_second_tab_can_take_the_call_over(app: Served, page: Page, context: BrowserContext, watch: Watch) -> None:
    begin(page, app.url)
    write(page, JAPAN)
    heard(page, 1)
    other = context.new_page()
    watch.over(other)
    visit(other, f"{app.url}/Call")
    other.get_by_role("button", name="Start talking").click()
    expect(other.locator(".trouble")).to_contain_text("Another call is going on")
    other.get_by_role("button", name="Take it over").click()
    state(other, "Listening")
    expect(you(other, 1)).to_have_text(JAPAN)
    expect(page.locator(".trouble")).to_contain_text("The call went on in another tab")
    hang_up(other)
