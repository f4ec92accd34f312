"""A real browser on the app: what a person sees, does and hears in it.

Every error in the browser's console and every request that leaves this machine fails the test it happens in.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from core.store.store import Store
from core.types.messages import Message, Text
from tests.support.web.caller import end

CHROMIUM = "/usr/bin/chromium"
LONG = "Write a very long story about a lighthouse keeper, with many chapters."
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
PERMISSIONS = ["microphone", "clipboard-read", "clipboard-write"]
# Streamlit's page asks below its own address first whether the server is there, and is told that it is not
EXPECTED = ("/_stcore/health", "/_stcore/host-config")
PATIENCE = 60_000  # milliseconds for anything a model does on a busy machine


@dataclass(slots=True)
class Watch:
    """What went wrong in the browser's eyes. ``outage`` is set by tests that take the server or the network away."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    outage: bool = False
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")

    def over(self, page: Page) -> None:
        page.on("console", lambda said: self._said(said.type, said.text, said.location.get("url", "")))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))
        page.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))

    def _said(self, kind: str, text: str, where: str) -> None:
        if kind == "error" and not urlsplit(where).path.endswith(EXPECTED):
            self.errors.append(f"{text} ({where})")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob", "about"} and parts.hostname not in self.hosts:
            self.outside.append(url)


@contextlib.contextmanager
def browsing(playing: Playwright, heard: Path | None, *without: str) -> Iterator[Browser]:
    """Debian's Chromium, started without some of the usual flags; its microphones hear the file ``heard``, once."""
    flags = [flag for flag in FLAGS if flag not in without]
    if heard:
        flags.append(f"--use-file-for-fake-audio-capture={heard}%noloop")
    browser = playing.chromium.launch(
        executable_path=CHROMIUM, args=flags, ignore_default_args=["--mute-audio", "--headless"]
    )
    try:
        yield browser
    finally:
        browser.close()


@contextlib.contextmanager
def browser_context(browser: Browser, locale: str = "en-GB", permissions: bool = True) -> Iterator[BrowserContext]:
    """A person's browser, with the microphone and the clipboard allowed or not."""
    made = browser.new_context(locale=locale, permissions=PERMISSIONS if permissions else [])
    made.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def tab(context: BrowserContext, watch: Watch) -> Iterator[Page]:
    """A tab; what went wrong in it fails the test. A call that is left over is hung up, and the browser forgets."""
    page = context.new_page()
    watch.over(page)
    try:
        yield page
    finally:
        call = page.evaluate("window.parlorCall?.id")
        if page.url.startswith("http"):
            page.evaluate("localStorage.clear(); sessionStorage.clear()")
        where = urlsplit(page.url)
        for opened in context.pages:
            opened.close()
        context.clear_cookies()
        if call:
            end(f"{where.scheme}://{where.netloc}", call)
    assert not watch.outside
    assert watch.outage or not watch.errors


def visit(page: Page, url: str) -> None:
    page.goto(url)
    settle(page)


def settle(page: Page) -> None:
    """Wait until the page has been drawn."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.get_by_test_id("stSidebar").wait_for(state="attached")


def conversation(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query)["c"][0]


def said(store: Store, *texts: str) -> str:
    """A conversation that is already there; returns its id."""
    id, parent = store.create(texts[0][:40]), None
    for number, text in enumerate(texts):
        parent = store.add(id, Message("assistant" if number % 2 else "user", (Text(text),)), parent)
    return id


def send(page: Page, text: str) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(text)
    page.locator('[data-testid="stChatInputSubmitButton"]:enabled').click()


def writing(page: Page) -> None:
    """Wait until the first words of an answer are on the page."""
    page.locator('[class*="st-key-writing"] [data-testid="stMarkdownContainer"]').first.wait_for()


def answered(page: Page) -> None:
    """Wait until nothing is being answered and the answer has its row of buttons."""
    page.locator('[class*="st-key-parlor-"]').last.wait_for()
    expect(page.locator(".st-key-stop")).to_have_count(0)
    settle(page)


def questions(page: Page) -> list[str]:
    return page.locator('[class*="st-key-bubble-"]').all_inner_texts()


def answers(page: Page) -> list[str]:
    return [text.strip() for text in page.locator('[class*="st-key-parlor-"]').all_inner_texts()]


def press(page: Page, name: str, which: int = -1) -> None:
    """Press one of the small buttons under a message, by what it says to a screen reader."""
    buttons = page.get_by_role("button", name=name, exact=True)
    (buttons.last if which == -1 else buttons.nth(which)).click()
