"""Terminal output in the person's language: words and progress. Standard library only: start.py speaks through it."""

from __future__ import annotations

import ctypes
import locale
import os
import shutil
import sys
import time
from collections.abc import Mapping
from typing import TextIO

from core.l10n.tables import closest
from core.l10n.text import L10n
from core.text.width import shortened


def language(environment: Mapping[str, str] = os.environ) -> str:
    """The locale's language if Parlor has it, else ``en``; on Windows, without a locale, the display's decides."""
    code = next((environment[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(key)), "")
    if not code and sys.platform == "win32":
        code = locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
    return closest(code)


def say(text: L10n, stream: TextIO | None = None) -> None:
    """One line to the person, on stderr unless told otherwise."""
    print(text.into(language()), file=stream or sys.stderr, flush=True)


def prepare_streams() -> None:
    """Never fail on a character that the terminal cannot show."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


class StatusLine:
    """One line on stderr that is written over while something goes on, and cleared at the end; silent when piped."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._started = time.monotonic()

    def show(self, text: str) -> None:
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            seconds = int(time.monotonic() - self._started)
            line = f"  {seconds // 60}:{seconds % 60:02} {text}"
            self._stream.write("\r\x1b[K" + shortened(line, width))
            self._stream.flush()

    def clear(self) -> None:
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
