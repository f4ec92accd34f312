"""What the page costs: ``python start.py bench ui [--json]``, about three minutes; needs Chromium.

Measured in a real browser, beside the plain way to write a Streamlit chat (``st.chat_message`` for every message and
``st.write_stream``) that is given the same text at the same pace in the same run. Only the ratios are claims.

- ``token_to_screen``: seconds from the moment the engine gave a piece of text to the moment its letters stood in the
  page; median and 95th percentile.
- ``bytes_per_token``: WebSocket bytes received while the answer came, by its pieces.
- ``rerun``: seconds from a click to the page being drawn anew, in conversations of 10, 100 and 1,000 messages.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from core import settings
from core.errors import NotInstalled
from core.l10n.text import l10n
from core.server.launch import choose_port, find_chromium, wait_until_answering
from core.settings import Settings
from core.store.store import Store
from core.types.messages import Message, Text

ROOT = Path(__file__).resolve().parent.parent
MODEL = "smollm2-135m-instruct"
QUESTION = "Write a very long story about a lighthouse keeper, with many chapters."
TOKENS = 300
SIZES = (10, 100, 1000)  # messages
CLICKS = 7
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SEEN = """() => {
  window.seen = [];
  let most = 0;
  const letters = (text) => (text.match(/[\\p{L}\\p{N}]/gu) || []).length;
  const look = () => {
    const all = [...document.querySelectorAll('__SCOPE__')].filter((each) => !each.closest('.st-key-doing'));
    const now = letters(all.map((each) => each.innerText).join(''));
    if (now > most) { most = now; window.seen.push([Date.now() / 1000, now]); }
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
OURS, THEIRS = '[class*="st-key-live"] [data-testid="stMarkdownContainer"]', ".st-key-answer p"
PLAIN = """
import json, sys, time
import streamlit as st
messages, trace, out = sys.argv[1:4]
for role, text in json.load(open(messages, encoding="utf-8")):
    st.chat_message(role).markdown(text)
st.button("Again", key="again")
if st.chat_input("Say"):
    pieces = [json.loads(line) for line in open(trace, encoding="utf-8")]
    def replay():
        began, first = time.time(), pieces[0][0]
        with open(out, "w", buffering=1, encoding="utf-8") as told:
            for at, letters, text in pieces:
                time.sleep(max(0.0, began + at - first - time.time()))
                told.write(json.dumps([time.time(), letters, text]) + "\\n")
                yield text
    with st.container(key="answer"):
        st.write_stream(replay())
"""

Trace = list[tuple[float, int]]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser("start.py bench ui", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    chromium = find_chromium(sys.platform)
    if not chromium:
        print("No Chrome, Edge or Chromium is installed, so the page cannot be measured.")
        return 0
    models = settings.load().models
    if not (models / MODEL).is_dir():
        raise NotInstalled(l10n("Get it first: models get {model}", model=MODEL))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playing:
        browser = playing.chromium.launch(executable_path=chromium, args=FLAGS)
        figures = measured(browser, Path(folder), models)
        browser.close()
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        _print(figures)
    return 0


def measured(browser: Browser, folder: Path, models: Path) -> dict[str, Any]:
    """All figures: ``parlor`` and ``plain`` beside one another."""
    home = folder / "home"
    (home / "models").mkdir(parents=True)
    (home / "models" / MODEL).symlink_to(models / MODEL, target_is_directory=True)
    conversations = _fill(Settings(home))
    trace, plain = folder / "trace.jsonl", folder / "plain.jsonl"
    with _served(["-m", "bench.support.traced_server", str(trace)], home) as url:
        page = browser.new_page()
        ours = _stream(page, url, OURS, trace)
        reruns = {size: _reruns(page, f"{url}/?c={id}", "parlor") for size, id in conversations.items()}
        page.close()
    (folder / "plain.py").write_text(PLAIN, "utf-8")
    told: dict[int, float] = {}
    theirs: dict[str, float] = {}
    for size in SIZES:
        messages = folder / f"{size}.json"
        messages.write_text(json.dumps([[m.role, m.text] for m in _messages(size)]), "utf-8")
        command = ["-m", "streamlit", "run", str(folder / "plain.py")]
        with _served(command, home, "--", str(messages), str(trace), str(plain)) as url:
            page = browser.new_page()
            if size == SIZES[0]:
                theirs = _stream(page, url, THEIRS, plain)
            told[size] = _reruns(page, url, "plain")
            page.close()
    return {"parlor": ours | {"rerun": reruns}, "plain": theirs | {"rerun": told}}


def _messages(size: int) -> Iterator[Message]:
    words = "It was a quiet evening, and **the lamp** turned over the water, once every twelve seconds. " * 3
    for number in range(size):
        role = "assistant" if number % 2 else "user"
        yield Message(role, (Text(f"{number}. {words}"),))  # type: ignore[arg-type]


def _fill(chosen: Settings) -> dict[int, str]:
    """A conversation of each size in the store; their ids."""
    store = Store(chosen.database, chosen.media)
    ids = {}
    for size in SIZES:
        ids[size], parent = store.create(f"{size} messages"), None
        for message in _messages(size):
            parent = store.add(ids[size], message, parent)
    store.close()
    return ids


@contextmanager
def _served(command: list[str], home: Path, *arguments: str) -> Iterator[str]:
    """A server in a process of its own; its URL."""
    port = choose_port("127.0.0.1", None)
    chosen = {"PARLOR_HOME": str(home), "PARLOR_OFFLINE": "1", "PARLOR_CHAT": MODEL, "PARLOR_TEMPERATURE": "0"}
    environment = os.environ | chosen | {"PARLOR_MAX_TOKENS": str(TOKENS), "STREAMLIT_SERVER_HEADLESS": "true"}
    environment |= {"STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false", "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none"}
    place = ["--server.port", str(port)] if "streamlit" in command else ["--port", str(port)]
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command, *place, *arguments], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_answering(url, lambda: process.poll() is None)
        yield url
    finally:
        process.terminate()
        process.wait()


def _stream(page: Page, url: str, scope: str, trace: Path) -> dict[str, float]:
    """Ask, watch the letters come, and count what came over the socket."""
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: received.append(len(data))))
    page.goto(url)
    _settle(page)
    page.evaluate(SEEN.replace("__SCOPE__", scope.replace("'", "\\'")))
    received.clear()
    page.get_by_test_id("stChatInputTextArea").fill(QUESTION)
    page.get_by_test_id("stChatInputTextArea").press("Enter")
    _until_quiet(trace)
    page.wait_for_timeout(1000)
    given = [json.loads(line) for line in trace.read_text("utf-8").splitlines()]
    delays = _delays([(at, letters) for at, letters, _ in given], page.evaluate("window.seen"))
    return {
        "token_to_screen_p50": round(median(delays), 4),
        "token_to_screen_p95": round(quantiles(delays, n=20)[-1], 4),
        "bytes_per_token": round(sum(received) / len(given), 1),
        "tokens": len(given),
    }


def _delays(given: Trace, seen: Trace) -> list[float]:
    """How long each piece took from the engine to the page; pieces without letters are told by the next."""
    found = []
    for at, letters in given:
        shown = next((then for then, count in seen if count >= letters and then >= at - 0.05), None)
        if shown is not None:
            found.append(max(0.0, shown - at))
    return found


def _until_quiet(trace: Path) -> None:
    """Wait until the answer has begun and nothing has been added to it for two seconds."""
    until = time.monotonic() + 180
    while time.monotonic() < until:
        time.sleep(0.2)
        if trace.exists() and trace.stat().st_size and time.time() - trace.stat().st_mtime > 2:
            return


def _settle(page: Page) -> None:
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)
    page.wait_for_timeout(500)


def _reruns(page: Page, url: str, kind: str) -> float:
    """Median seconds from a click to the end of the script run that it causes."""
    page.goto(url)
    _settle(page)
    page.wait_for_timeout(1500)
    button = page.get_by_role("button", name="Good answer").last if kind == "parlor" else page.get_by_text("Again")
    page.evaluate("""() => {
      const app = document.querySelector('[data-testid="stApp"]');
      window.runs = [];
      let began = null;
      document.addEventListener('click', () => { began = performance.now(); }, true);
      new MutationObserver(() => {
        if (began !== null && app.dataset.testScriptState === 'notRunning') {
          window.runs.push((performance.now() - began) / 1000); began = null;
        }
      }).observe(app, { attributes: true, attributeFilter: ['data-test-script-state'] });
    }""")
    for _ in range(CLICKS):
        button.click()
        page.wait_for_timeout(300)
        page.wait_for_function("() => window.runs.length > 0", timeout=60_000)
        _settle(page)
    times: list[float] = page.evaluate("window.runs")
    return round(median(times), 4)


def _print(figures: dict[str, Any]) -> None:
    ours, plain = figures["parlor"], figures["plain"]
    print(f"{'':28}{'Parlor':>10}{'plain':>10}{'ratio':>8}")
    rows = [
        (name, ours[name], plain[name]) for name in ("token_to_screen_p50", "token_to_screen_p95", "bytes_per_token")
    ]
    rows += [(f"rerun at {size:,} messages", ours["rerun"][size], plain["rerun"][size]) for size in SIZES]
    for name, one, other in rows:
        print(f"{name:28}{one:10.3f}{other:10.3f}{one / other if other else float('nan'):8.2f}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
