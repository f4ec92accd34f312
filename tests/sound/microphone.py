"""The microphones of the browser: they say what a test wants when it wants it.

``Microphone.says`` speaks through Chromium's fake microphone, in real time: it reads its file whenever a page opens
one, so that choosing another of its three is what makes it speak. ``says_fast`` puts the same frames where the
page takes those of its microphone, several times as fast: for what does not depend on time.
"""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from core.media.audio import resampled, wav
from core.types.messages import Audio
from tests.sound.talk import talk

RATE = 48_000  # Hz of the fake microphone
LEAD = 1.0  # seconds of silence before what it says: with 0.3, once in five its first words were gone
PACE = 4  # frames of 20 ms that are heard in 20 ms, when time proves nothing
# Finds the page's capture node; ``parlorHear`` gives it s16 sound as the worklet would, in place of the microphone's.
EAR = """(() => {
  if (!window.AudioWorkletNode) return;
  let ear = null;
  window.AudioWorkletNode = class extends AudioWorkletNode {
    constructor(context, name, options) {
      super(context, name, options);
      if (name === "parlor-capture") ear = this;
    }
  };
  window.parlorHear = async (base64, pace) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const samples = new Int16Array(bytes.buffer);
    const size = Math.round(ear.context.sampleRate / 50);
    const take = ear.port.onmessage;
    ear.port.onmessage = null;
    for (let at = 0, frame = 1; at + size <= samples.length; at += size, frame++) {
      const piece = samples.slice(at, at + size);
      const marked = new Uint8Array(1 + 2 * size);
      marked[0] = 1;
      marked.set(new Uint8Array(piece.buffer), 1);
      const power = piece.reduce((sum, sample) => sum + (sample / 32768) ** 2, 0);
      take({ data: { frame: marked.buffer, level: Math.sqrt(power / size) } });
      if (frame % pace === 0) await new Promise((done) => setTimeout(done, 20));
    }
    ear.port.onmessage = take;
  };
})();"""


class Microphone:
    """The file that every microphone of the browser hears, once, and then silence. It begins in a quiet room."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.hears()

    def hears(self, *pieces: Audio | float) -> None:
        """What a microphone that is opened from now on hears: sound and seconds of silence, and then a quiet room."""
        self.file.write_bytes(wav(resampled(talk(*pieces, 1.0), RATE)))

    def says(self, page: Page, sound: Audio) -> None:
        """Speak into the page, through another microphone than the one it uses."""
        self.hears(LEAD, sound)
        chosen = page.locator(".options select").first
        if not chosen.is_visible():
            page.locator(".buttons [aria-expanded]").click()
        others = chosen.locator("option").evaluate_all("options => options.map((option) => option.value)")
        chosen.select_option(next(id for id in others if id not in ("", chosen.input_value())))

    def says_fast(self, page: Page, sound: Audio) -> None:
        """Speak into the page ``PACE`` times as fast, and wait until it has heard all of it."""
        rate = page.evaluate("parlorCall.sound.context.sampleRate")
        pcm = base64.b64encode(resampled(talk(0.2, sound, 0.2), rate).pcm).decode()
        page.evaluate("([pcm, pace]) => parlorHear(pcm, pace)", [pcm, PACE])


def with_ear(context: BrowserContext) -> BrowserContext:
    """Let ``says_fast`` be heard by the pages of this browser."""
    context.add_init_script(EAR)
    return context
