"""Detokenising a stream (``Writer``): tokens' bytes as whole characters, and nothing of a stop word."""

from __future__ import annotations

import codecs


class Writer:
    """Decodes UTF-8 as it comes and ends at the first of ``stop``.

    A character split over several tokens comes out whole with its last byte. Text that may be the beginning of a stop
    word is held back until it is clear. ``length`` counts the characters let out.
    """

    def __init__(self, stop: tuple[str, ...] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(word for word in stop if word)
        self._held = ""
        self._out: list[str] = []
        self._clean = True
        self.length = 0
        self.stopped = False

    def push(self, piece: bytes) -> str:
        """Take a token's bytes; returns what may be shown now, often nothing."""
        text = self._decoder.decode(piece)
        self._clean = self._clean and "\ufffd" not in text
        self._held += text
        found = [at for word in self._stop if (at := self._held.find(word)) >= 0]
        if found:
            self.stopped = True
            return self._let_out(min(found))
        return self._let_out(len(self._held) - self._doubtful())

    def flush(self) -> str:
        """The answer ended: what was held back and is no stop word. Half a character at the end is left out."""
        return "" if self.stopped else self._let_out(len(self._held))

    @property
    def whole(self) -> str:
        """All text let out so far."""
        return "".join(self._out)

    @property
    def exact(self) -> bool:
        """Whether every byte pushed so far is in ``whole``."""
        return self._clean and not self._held and not self._decoder.getstate()[0]

    def _doubtful(self) -> int:
        """Length of the longest end of the held text that begins a stop word."""
        longest = max(map(len, self._stop), default=0)
        lengths = range(min(longest - 1, len(self._held)), 0, -1)
        return next((size for size in lengths if any(word.startswith(self._held[-size:]) for word in self._stop)), 0)

    def _let_out(self, size: int) -> str:
        text, self._held = self._held[:size], self._held[size:]
        self._out.append(text)
        self.length += len(text)
        return text
