"""A call over WebRTC: three turns with captions and an interruption, measured in the page; left and taken up again."""

from __future__ import annotations

import base64
import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Frame, Page, Playwright, expect

from core.media.audio import wav
from core.types.messages import Audio
from tests.sound.talk import spoken
from tests.support import call_page, screens
from tests.support.browser import Watch, browser_context, browsing, tab, visit
from tests.support.call_page import BRIEF, STORY, state, you
from tests.support.served import Served, Serving

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.slow]

FRANCE, STOP = "What is the capital of France?", "Sorry, what is the capital of Japan?"
INVOICE, FOX = "What is the total on this invoice?", "Draw a red fox in the snow."
QUIET, LOUD = 0.004, 0.02  # RMS of full scale: what Opus leaves of digital silence; a voice
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
WEBRTC = "localStorage.setItem('parlor.call', JSON.stringify({ transport: 'webrtc' }))"
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
def app(serving: Serving) -> Served:
    """An app with a tiny painter, which would have somebody to ask for servers of others, if it asked."""
    return serving(painter=True, HF_TOKEN="hf_nothing", **BRIEF)


@pytest.fixture(scope="module")
def context(context: BrowserContext) -> BrowserContext:
    """A browser whose calls go over WebRTC, in a quiet room."""
    context.add_init_script(PROBE)
    context.add_init_script(WEBRTC)
    return context


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


def hang_up(page: Page) -> None:
    """End the call, and wait until the frame of its connection is gone: the next one must not be taken for it."""
    call_page.hang_up(page)
    expect(page.locator(".st-key-webrtc_line iframe")).to_have_count(0)


def carried(page: Page) -> None:
    """Wait until sound goes both ways and the call listens."""
    page.locator(".st-key-webrtc_line iframe").wait_for(state="attached")
    inside(page).wait_for_function("window.connections?.some((each) => each.connectionState === 'connected')")
    page.wait_for_function("['listening', 'hearing', 'thinking', 'speaking'].includes(parlorCall.phase)")


def sounds(page: Page, turn: int) -> None:
    """Wait until more than a second of the answer to ``turn`` has gone out."""
    page.wait_for_function("(turn) => parlorCall.turns.get(turn)?.heard > 1.2", arg=turn)


def levels(page: Page) -> list[tuple[float, float, float]]:
    """Time, microphone and loudspeaker, every 10 ms."""
    measured: list[tuple[float, float, float]] = inside(page).evaluate("window.levels")
    return measured


def test_a_call_is_heard_answered_interrupted_shown_something_and_asked_to_draw(
    app: Served, page: Page, models_home: Path, tmp_path: Path
) -> None:
    story, stop, invoice, fox = spoken(models_home, STORY, STOP, INVOICE, FOX)
    page.add_init_script(MICROPHONE)
    visit(page, f"{app.url}/Call")
    begin(page)
    say(page, story)
    expect(you(page, 1)).to_contain_text(re.compile("lighthouse", re.IGNORECASE))
    sounds(page, 1)
    say(page, stop)
    expect(you(page, 2)).to_contain_text("Japan")
    expect(page.locator(".turns li").first.locator(".cut")).to_be_visible()
    sounds(page, 2)
    state(page, "Listening")
    report(page)

    picture = tmp_path / "invoice.png"
    picture.write_bytes(screens.invoice("en").image.data)
    page.locator("input[type=file]").set_input_files(picture)
    expect(page.locator(".waiting img")).to_have_count(1)
    say(page, invoice)
    expect(you(page, 3)).to_contain_text(re.compile("total", re.IGNORECASE))
    sounds(page, 3)
    state(page, "Listening")
    say(page, fox)
    expect(you(page, 4)).to_contain_text(re.compile("draw", re.IGNORECASE))
    expect(page.locator(".drawn > img")).to_have_count(1)
    state(page, "Listening")
    hang_up(page)

    kept = [node.message for node in app.store().path(page.evaluate("parlorCall.conversation"))]
    assert [message.role for message in kept] == ["user", "assistant"] * 4
    assert [len(list(message.images)) for message in kept] == [0, 0, 0, 0, 1, 0, 0, 1]
    assert kept[1].cut
    assert kept[1].text == page.evaluate("parlorCall.turns.get(1).cut"), "the history keeps what was audible"


def report(page: Page) -> None:
    """Check that the answers sounded in the page and the first fell silent, and print how long that took."""
    measured = levels(page)
    took = inside(page).evaluate("connections.at(-1).took")
    totals = page.evaluate("[...parlorCall.turns.values()].map(({ timed }) => timed?.total)")
    voiced = [at for at, microphone, _ in measured if microphone > LOUD]
    onsets = [voiced[0], *(after for before, after in pairwise(voiced) if after - before > 1.5)]
    assert len(onsets) == 2
    assert any(out > LOUD for _, _, out in measured)
    sounding = [at for at, _, out in measured if out > QUIET]
    silent = next(before for before, after in pairwise(sounding) if before > onsets[1] and after - before > 0.2)
    print(f"connected in {took:.0f} ms; voice to voice {totals} s; silent {silent - onsets[1]:.3f} s after a voice")


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
    app: Served, page: Page, models_home: Path
) -> None:
    page.add_init_script(MICROPHONE)
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
    expect(you(page, 1)).to_contain_text("France")
    assert page.evaluate("parlorCall.id") == call
    hang_up(page)
    begin(page)
    assert page.evaluate("parlorCall.id") != call
    hang_up(page)


def test_a_microphone_that_is_refused_is_told_and_used_once_it_is_allowed(
    app: Served, playing: Playwright, watch: Watch
) -> None:
    unasked = "--use-fake-ui-for-media-stream"
    with browsing(playing, None, unasked) as browser, browser_context(browser, "zh-CN", permissions=False) as context:
        context.add_init_script(PROBE)
        context.add_init_script(WEBRTC)
        with tab(context, watch) as page:
            visit(page, f"{app.url}/Call")
            page.get_by_role("button", name="开始通话").click()
            starter = page.locator(".st-key-webrtc_starter")
            expect(starter.get_by_role("alert")).to_contain_text("麦克风权限被拒绝")
            asked = len(inside(page).evaluate("connections"))
            context.grant_permissions(["microphone"])
            starter.get_by_role("button", name="接通").click()
            carried(page)
            assert len(inside(page).evaluate("connections")) == asked + 1 == 2, "it asks once for each press"
            expect(starter.get_by_role("alert")).to_have_count(0)
            page.get_by_role("button", name="挂断").click()
            state(page, "通话已结束")


def received(page: Page) -> int:
    """Packets of sound that have come to the page."""
    count: int = inside(page).evaluate(
        """async () => {
             const all = [...(await connections.at(-1).getStats()).values()];
             return all.find(({ type }) => type === "inbound-rtp").packetsReceived;
           }"""
    )
    return count
