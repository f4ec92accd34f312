"""A call over WebRTC: three turns with captions and an interruption, measured in the page; left and taken up again."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, Playwright, expect

from core.media import wav
from core.messages import Audio, Transcript
from tests.browser import (
    CHROMIUM,
    FLAGS,
    PATIENCE,
    QUICK,
    Served,
    Watch,
    link_models,
    playing,
    visit,
    watch,
)
from tests.talk import saved, spoken, talk

__all__ = ["playing", "watch"]
pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.slow]

FRANCE, STORY, SPIDER = (
    "What is the capital of France?",
    "Please tell me a very long story about a lighthouse keeper.",
    "How many legs does a spider have?",
)
QUIET = 0.004  # RMS of full scale: what Opus leaves of digital silence
# Keeps every connection that is made, and the level of both directions every 10 ms of sound.
PROBE = """
(() => {
  if (!window.RTCPeerConnection) return;
  const made = (window.connections = []);
  window.levels = [];
  const meter = `registerProcessor("meter", class extends AudioWorkletProcessor {
    sums = [0, 0]; count = 0;
    process(inputs) {
      inputs.forEach(([channel], at) => channel?.forEach((sample) => (this.sums[at] += sample * sample)));
      this.count += 128;
      if (this.count >= 480) {
        this.port.postMessage([currentTime, ...this.sums.map((sum) => Math.sqrt(sum / this.count))]);
        [this.sums, this.count] = [[0, 0], 0];
      }
      return true;
    }
  });`;
  const measure = async (connection) => {
    const context = new AudioContext({ sampleRate: 48000 });
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([meter], { type: "text/javascript" })));
    const node = new AudioWorkletNode(context, "meter", { numberOfInputs: 2 });
    const tracks = [connection.getSenders()[0].track, connection.getReceivers()[0].track];
    tracks.forEach((track, at) => context.createMediaStreamSource(new MediaStream([track])).connect(node, 0, at));
    node.port.onmessage = ({ data }) => window.levels.push(data);
    node.connect(context.destination);
  };
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration) {
      super(configuration);
      made.push(Object.assign(this, { configuration, began: performance.now() }));
      this.addEventListener("connectionstatechange", () => {
        if (this.connectionState !== "connected") return;
        this.took = performance.now() - this.began;
        measure(this);
      });
    }
  };
})();
"""
# A microphone that hears what a test says into it.
MICROPHONE = """
(() => {
  if (window === top || !navigator.mediaDevices) return;
  let context, microphone;
  navigator.mediaDevices.getUserMedia = async () => {
    context = new AudioContext({ sampleRate: 48000 });
    microphone = context.createMediaStreamDestination();
    const room = new ConstantSourceNode(context, { offset: 0.0001 });
    room.connect(microphone);
    room.start();
    return microphone.stream;
  };
  window.speak = async (wav) => {
    const bytes = Uint8Array.from(atob(wav), (letter) => letter.charCodeAt(0));
    const node = context.createBufferSource();
    node.buffer = await context.decodeAudioData(bytes.buffer);
    node.connect(microphone);
    node.start();
    await new Promise((done) => (node.onended = done));
  };
})();
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Iterator[Served]:
    """A server that would have somebody to ask for servers of others, if it asked."""
    home = link_models(models_home, tmp_path_factory.mktemp("webrtc") / "home")
    served = Served(home, HF_TOKEN="hf_nothing", **QUICK | {"PARLOR_MAX_TOKENS": "80"})
    yield served
    served.stop()


@pytest.fixture(scope="module")
def chromium(playing: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with a microphone in a quiet room."""
    quiet = saved(tmp_path_factory.mktemp("silence"), talk(10.0))
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={quiet}"]
    browser = playing.chromium.launch(
        executable_path=CHROMIUM, args=flags, ignore_default_args=["--mute-audio", "--headless"]
    )
    yield browser
    browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(locale="en-GB", permissions=["microphone"])
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    context.add_init_script(PROBE)
    context.add_init_script("localStorage.setItem('parlor.call', JSON.stringify({ transport: 'webrtc' }))")
    yield context
    context.close()


@pytest.fixture
def page(app: Served, context: BrowserContext, watch: Watch) -> Iterator[Page]:
    """The Call page, set to WebRTC. Requests to other machines and errors in the console fail the test."""
    page = context.new_page()
    watch.over(page)
    yield page
    page.close()
    assert not watch.outside
    assert not watch.errors


def say(page: Page, sound: Audio) -> None:
    """Have the microphone hear it, and wait until it has."""
    inside(page).evaluate("(wav) => speak(wav)", base64.b64encode(wav(sound)).decode())


def inside(page: Page) -> Frame:
    """The frame that holds the connection."""
    handle = page.locator(".st-key-webrtc_line iframe").element_handle()
    frame = handle.content_frame()
    assert frame
    return frame


def begin(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^(Start talking|Call again)$")).click()
    carried(page)


def carried(page: Page) -> None:
    """Wait until sound goes both ways and the call listens."""
    page.locator(".st-key-webrtc_line iframe").wait_for(state="attached")
    inside(page).wait_for_function("window.connections?.some((each) => each.connectionState === 'connected')")
    page.wait_for_function("['listening', 'hearing', 'thinking', 'speaking'].includes(parlorCall.phase)")


def hang_up(page: Page) -> None:
    page.get_by_role("button", name="Hang up").click()
    expect(page.get_by_role("heading", name="Call ended")).to_be_visible()


def levels(page: Page) -> list[tuple[float, float, float]]:
    """Time, microphone and loudspeaker, every 10 ms."""
    measured: list[tuple[float, float, float]] = inside(page).evaluate("window.levels")
    return measured


def test_three_turns_are_heard_and_answered_and_an_answer_is_interrupted(
    app: Served, page: Page, context: BrowserContext, models_home: Path
) -> None:
    france, story, spider = spoken(models_home, FRANCE, STORY, SPIDER)
    context.add_init_script(MICROPHONE)
    visit(page, f"{app.url}/Call")
    begin(page)
    you, parlor = page.locator(".turns .you .words"), page.locator(".turns .parlor .words")
    say(page, france)
    expect(you.nth(0)).to_contain_text("France")
    expect(parlor.nth(0)).not_to_be_empty()
    page.wait_for_function("parlorCall.phase === 'listening'")
    say(page, story)
    expect(you.nth(1)).to_contain_text(re.compile("lighthouse", re.IGNORECASE))
    page.wait_for_function("parlorCall.turns.get(2)?.heard > 1.5")
    say(page, spider)
    expect(you.nth(2)).to_contain_text(re.compile("spider", re.IGNORECASE))
    expect(page.locator(".turns .cut:visible")).to_have_count(1)
    page.wait_for_function("parlorCall.turns.get(3)?.heard > 0.5")
    report(page)
    hang_up(page)
    kept = [node.message for node in app.store().path(page.evaluate("parlorCall.conversation"))]
    assert [message.role for message in kept] == ["user", "assistant"] * 3
    assert all(isinstance(message.parts[0], Audio) for message in kept)
    assert [message.cut for message in kept[1::2]][:2] == [False, True]
    told = page.evaluate("parlorCall.turns.get(2).cut")
    assert isinstance(kept[3].parts[1], Transcript)
    assert kept[3].parts[1].text == told, "the history keeps what was audible"


def report(page: Page) -> None:
    """Check that the answers sounded in the page and fell silent, and print how long that took."""
    measured = levels(page)
    took = inside(page).evaluate("connections.at(-1).took")
    totals = page.evaluate("[...parlorCall.turns.values()].map(({ timed }) => timed?.total)")
    voiced = [at for at, microphone, _ in measured if microphone > 0.02]
    onsets = [voiced[0], *(after for before, after in pairwise(voiced) if after - before > 1.5)]
    assert len(onsets) == 3
    sounding = [at for at, _, out in measured if out > QUIET]
    assert any(out > 0.02 for _, _, out in measured)
    silent = next(before for before, after in pairwise(sounding) if before > onsets[2] and after - before > 0.2)
    print(f"connected in {took:.0f} ms; voice to voice {totals} s; silent {silent - onsets[2]:.3f} s after a voice")


def test_no_other_machine_is_asked_for_a_way_to_connect(app: Served, page: Page) -> None:
    visit(page, f"{app.url}/Call")
    begin(page)
    connection = inside(page).evaluate(
        """() => {
             const { configuration, localDescription, remoteDescription } = window.connections.at(-1);
             return { configuration, sdp: [localDescription.sdp, remoteDescription.sdp] };
           }"""
    )
    assert connection["configuration"]["iceServers"] == []
    for sdp in connection["sdp"]:
        kinds = re.findall(r"a=candidate:.* typ (\w+)", sdp)
        assert kinds
        assert set(kinds) == {"host"}
    hang_up(page)


def test_a_page_that_is_left_holds_the_call_and_each_return_to_it_carries_sound_again(
    app: Served, page: Page, context: BrowserContext, models_home: Path
) -> None:
    context.add_init_script(MICROPHONE)
    visit(page, f"{app.url}/Call")
    begin(page)
    call = page.evaluate("parlorCall.id")
    for away in range(6):
        page.get_by_role("link", name="Settings").click()
        expect(page.get_by_role("heading", name="Settings")).to_be_visible()
        if away % 2:  # long enough for the server to see it, or back before it has
            page.wait_for_function("parlorCall.phase === 'held'")
        page.locator(".pill .back").click()
        carried(page)
        assert received(page) > 0
    say(page, spoken(models_home, FRANCE)[0])
    expect(page.locator(".turns .you .words").first).to_contain_text("France")
    assert page.evaluate("parlorCall.id") == call
    hang_up(page)
    begin(page)
    assert page.evaluate("parlorCall.id") != call
    hang_up(page)


def received(page: Page) -> int:
    """Packets of sound that have come to the page."""
    count: int = inside(page).evaluate(
        """async () => {
             const all = [...(await connections.at(-1).getStats()).values()];
             return all.find(({ type }) => type === "inbound-rtp").packetsReceived;
           }"""
    )
    return count
