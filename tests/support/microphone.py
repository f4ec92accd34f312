"""The microphones of the browser: they say what a test wants when it wants it.

Chromium reads the file of its fake microphones anew whenever a page opens one: choosing another of its three in the
page is what makes it speak.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from core.media.audio import resampled, wav
from core.types.messages import Audio
from tests.support.talk import talk

RATE = 48_000  # Hz of the fake microphone
LEAD = 1.0  # seconds of silence before what it says: with 0.3, once in five its first words were gone


class Microphone:
    """The file that every microphone of the browser hears, once, and then silence. It begins in a quiet room."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.hears()

    def says(self, page: Page, sound: Audio) -> None:
        """Speak into the page, through another microphone than the one it uses."""
        self.hears(LEAD, sound)
        chosen = page.locator(".options select").first
        if not chosen.is_visible():
            page.locator(".buttons [aria-expanded]").click()
        others = chosen.locator("option").evaluate_all("options => options.map((option) => option.value)")
        chosen.select_option(next(id for id in others if id not in ("", chosen.input_value())))

    def hears(self, *pieces: Audio | float) -> None:
        """What a microphone that is opened from now on hears: sound and seconds of silence, and then a quiet room."""
        self.file.write_bytes(wav(resampled(talk(*pieces, 1.0), RATE)))
