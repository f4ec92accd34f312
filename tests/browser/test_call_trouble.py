"""What goes wrong around a call in the browser: each says why and what to do, and nothing that was said is lost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tests.browser.test_trouble import own_address
from tests.sound.microphone import Microphone
from tests.support.browser import Watch, browser_context, browsing, conversation, questions, tab, visit
from tests.support.call_page import BRIEF, JAPAN, STORY, TALKING, answer, begin, hang_up, heard, says, state, write, you
from tests.support.caller import Caller
from tests.support.served import Served, Serving

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.slow]


@pytest.fixture(scope="module")
def app(serving: Serving) -> Served:
    return serving(**TALKING)


def test_an_engine_that_dies_in_mid_sentence_is_told_and_the_next_turn_works(app: Served, page: Page) -> None:
    begin(page, app.url)
    write(page, STORY)
    heard(page, 1)
    for worker in app.workers():
        if any(".gguf" in each.path or "kokoro" in each.path for each in worker.memory_maps()):
            worker.kill()
    expect(page.locator(".told .bad")).to_contain_text(re.compile("ended unexpectedly|stopped"))
    state(page, "Listening")
    kept = app.store().path(page.evaluate("parlorCall.conversation"))[1].message
    assert kept.text
    assert kept.text.split()[0] in answer(page, 1).inner_text()
    write(page, JAPAN)
    heard(page, 2)


def test_a_server_that_is_killed_loses_nothing_and_the_page_says_so(
    serving: Serving, context: BrowserContext, watch: Watch
) -> None:
    mortal = serving(**BRIEF)
    watch.outage = True
    with tab(context, watch) as page:
        begin(page, mortal.url)
        write(page, STORY)
        heard(page, 1)
        page.wait_for_function("parlorCall.turns.get(1).heard > 2")
        mortal.kill()
        expect(page.locator(".trouble")).to_contain_text("Parlor does not answer")
        state(page, "On hold")
        expect(answer(page, 1)).not_to_be_empty()
        mortal.start()
        expect(page.locator(".trouble")).to_contain_text("The call is over: Parlor was closed in the middle of it.")
        page.locator(".trouble").get_by_role("button", name="Open the conversation").click()
        page.locator('[class*="st-key-parlor-"]').wait_for()
        assert questions(page) == [STORY]
        kept = mortal.store().path(conversation(page))
    assert kept[1].message.text, "what was heard of the answer is kept"
    assert kept[1].message.cut


def test_a_microphone_that_is_unplugged_is_told_and_another_goes_on(
    app: Served, page: Page, microphone: Microphone, models_home: Path
) -> None:
    page.add_init_script(
        """if (navigator.mediaDevices) {
          const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async (wanted) => (window.stream = await ask(wanted));
        }"""
    )
    begin(page, app.url)
    page.evaluate(
        """() => {
          const [track] = window.stream.getAudioTracks();
          track.stop();
          track.dispatchEvent(new Event("ended"));
        }"""
    )
    trouble = page.locator(".trouble")
    expect(trouble).to_contain_text("was unplugged")
    trouble.get_by_role("button", name="Fake Audio Input 1").click()
    expect(trouble).to_be_hidden()
    microphone.says(page, says(models_home, JAPAN))
    expect(you(page, 1)).to_have_text(re.compile("Japan"))


@pytest.mark.parametrize(
    ("without", "said", "what_to_do"),
    [
        ("--use-fake-ui-for-media-stream", "does not let this page use the microphone", "switch Microphone on"),
        ("--use-fake-device-for-media-stream", "No microphone was found", "Plug one in"),
    ],
)
def test_without_a_microphone_the_page_says_why_and_the_chat_is_the_way_out(
    app: Served, playing: Playwright, without: str, said: str, what_to_do: str
) -> None:
    allowed = without != "--use-fake-ui-for-media-stream"
    with browsing(playing, None, without) as browser, browser_context(browser, permissions=allowed) as tabs:
        page = tabs.new_page()
        visit(page, f"{app.url}/Call")
        page.get_by_role("button", name="Start talking").click()
        trouble = page.locator(".trouble")
        expect(trouble).to_contain_text(said)
        expect(trouble).to_contain_text(what_to_do)
        trouble.get_by_role("button", name="Record in the chat instead").click()
        page.get_by_test_id("stChatInputMicButton").wait_for()


def test_over_plain_http_from_another_machine_it_says_that_https_is_needed(chromium: Browser, serving: Serving) -> None:
    address = own_address()
    if not address:
        pytest.skip("this machine has no address but its own")
    served = serving(host="0.0.0.0", **BRIEF)
    with browser_context(chromium) as tabs:
        page = tabs.new_page()
        visit(page, f"http://{address}:{served.port}/Call")
        expect(page.locator(".trouble")).to_contain_text("this one came over plain HTTP")
        expect(page.locator(".trouble")).to_contain_text(f"http://localhost:{served.port}")
        expect(page.get_by_role("button", name="Start talking")).to_be_disabled()
        page.get_by_role("button", name="Record in the chat instead").wait_for()


# Where the button is, once it is drawn.
PRESS = """new Promise((done) => {
  const all = (node) =>
    [...node.querySelectorAll("*")].flatMap((each) => [each, ...(each.shadowRoot ? all(each.shadowRoot) : [])]);
  const look = () => {
    const button = all(document).find((each) => each.matches("button") && each.textContent === "Press to hear");
    const box = button?.getBoundingClientRect();
    box?.width ? done([box.x + box.width / 2, box.y + box.height / 2]) : setTimeout(look, 50);
  };
  look();
})"""


def untouched(page: Page, expression: str) -> Any:
    """What it comes to in a page that nobody has pressed: all else that Playwright asks it counts as a press."""
    asking = {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": False}
    return page.context.new_cdp_session(page).send("Runtime.evaluate", asking)["result"]["value"]


def test_where_the_browser_forbids_sound_after_a_reload_one_press_goes_on(
    app: Served, playing: Playwright, microphone: Microphone
) -> None:
    autoplay = "--autoplay-policy=no-user-gesture-required"
    with browsing(playing, microphone.file, autoplay) as browser, browser_context(browser) as tabs:
        page = tabs.new_page()
        begin(page, app.url)
        with Caller(app, type="watch", call=page.evaluate("parlorCall.id")) as watching:
            watching.phase("listening")
            page.reload()
            watching.phase("held")
            watching.phase("listening")
        page.mouse.click(*untouched(page, PRESS))
        page.wait_for_function("parlorCall.sound.context.state === 'running'")
        write(page, JAPAN)
        heard(page, 1)
        hang_up(page)
