"""User turn: ``UserTurn`` is what a person is saying, in segments as they are recognised, and when things happened.

``Turns`` has the open one, ``Pictures`` what was shown for the next. Sound is s16 mono at 16 kHz, times the clock's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from core.turn_taking.actions import FRAME
from core.types.messages import Audio, Image, Part, Reading, Text, Transcript, Word

RATE = 16_000
BEFORE = 0.4  # seconds kept before speech is noticed: its score rises a tenth of a second late, after BEGIN
LOUD = 30.0  # dB below its loudest moment: what is quieter is no longer speech


@dataclass(slots=True)
class TurnSegment:
    """A stretch of a turn that is transcribed at once. ``start`` and ``end`` in bytes; text None until it is heard."""

    start: int
    end: int
    text: str | None = None
    language: str = ""
    words: tuple[Word, ...] = ()


@dataclass(slots=True)
class UserTurn:
    """One turn of the person's. Times of ``marks`` are the call's clock."""

    number: int
    sound: bytearray = field(default_factory=bytearray)  # s16 at RATE
    segments: dict[int, TurnSegment] = field(default_factory=dict)  # by the number of the pause that closed them
    start: int = 0  # bytes: where the segment being spoken begins
    shown: tuple[Part, ...] = ()
    typed: tuple[Part, ...] = ()
    question: int | None = None  # its message, once kept
    marks: dict[str, float] = field(default_factory=dict)
    loudest: float = -100.0
    voiced_until: float = 0.0
    barged: bool = False  # it interrupted an answer
    fillers: int = 0  # fillers that its answers began with: it may have gone on after one
    waiting: bool = False  # the key to talk is down, and nobody has spoken yet

    def add(self, pcm: bytes, level: float, at: float, speech: bool) -> None:
        self.sound += pcm
        if speech:
            self.loudest, self.waiting = max(self.loudest, level), False
        elif self.waiting:  # seconds of silence before the first word keep Whisper from believing it
            del self.sound[: -2 * round(BEFORE * RATE)]
        if level > self.loudest - LOUD:
            self.voiced_until = at

    @property
    def segment(self) -> bytes:
        """The sound of the segment that is being spoken."""
        return bytes(self.sound[self.start :])

    def end(self, number: int) -> bytes:
        """A pause: what has to be transcribed now."""
        self.segments[number] = TurnSegment(self.start, len(self.sound))
        return self.segment

    def reopen(self, number: int, kept: bool) -> None:
        self.marks.clear()
        if kept:
            self.start = self.segments[number].end
        else:
            self.segments.pop(number, None)

    def heard(self, number: int, text: str, language: str) -> None:
        if segment := self.segments.get(number):
            segment.text, segment.language = text, language

    def aligned(self, number: int, words: tuple[Word, ...]) -> None:
        if segment := self.segments.get(number):
            segment.words = later(words, segment.start / 2 / RATE)

    @property
    def text(self) -> str | None:
        """Everything that was said, None while a segment of it is not recognised yet."""
        texts = [segment.text for segment in self.segments.values()]
        return None if None in texts else self.joined()

    def joined(self, more: str = "") -> str:
        """What was recognised of all segments, and ``more`` after it."""
        text = ""
        for said in (*((segment.text or "").strip() for segment in self.segments.values()), more.strip()):
            text += " " * bool(text and said and said[0].isascii()) + said
        return text

    @property
    def words(self) -> str:
        """What was said, or written."""
        typed = (part.text for part in self.typed if isinstance(part, Text))
        return self.joined() if self.segments else "\n".join(typed)

    @property
    def language(self) -> str:
        return next((segment.language for segment in reversed(self.segments.values()) if segment.language), "")

    def parts(self) -> tuple[Part, ...]:
        """The turn as a message keeps it: what was shown, then the recording and its transcript."""
        if not self.segments:
            return self.shown + self.typed
        end = max(segment.end for segment in self.segments.values())
        words = tuple(word for segment in self.segments.values() for word in segment.words)
        return (*self.shown, Audio(bytes(self.sound[:end]), RATE), Transcript(self.joined(), self.language, words))

    def mark(self, name: str, at: float) -> None:
        self.marks[name] = at


class Pictures:
    """What was shown and waits for the next turn, each picture with its reading as soon as there is one."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Part, ...]] = {}  # by their numbers
        self._count = 0
        self._offered: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, image: Image) -> int:
        """The number that its reading will name it by."""
        self._count += 1
        self._waiting[self._count] = (image,)
        return self._count

    def read(self, number: int, reading: Reading) -> None:
        """What stands in picture ``number``, which may have been handed over without it."""
        if number in self._waiting:
            self._waiting[number] = (self._waiting[number][0], reading)

    def offer(self) -> tuple[Part, ...]:
        """All that wait, for a turn that may still go on."""
        self._offered = tuple(self._waiting)
        return tuple(part for parts in self._waiting.values() for part in parts)

    def hand_over(self) -> None:
        """What was last offered belongs to a turn now."""
        for number in self._offered:
            self._waiting.pop(number, None)


class Turns:
    """The turn that is open. Its first sound is from before it began."""

    def __init__(self) -> None:
        self.open: UserTurn | None = None
        self._count = 0
        self._before = Before()

    def begin(self, typed: tuple[Part, ...] = (), waiting: bool = False) -> UserTurn:
        self._count += 1
        self.open = UserTurn(self._count, bytearray(self._before.take()), typed=typed, waiting=waiting)
        return self.open

    def add(self, pcm: bytes, level: float = -100.0, at: float = 0.0, speech: bool = False) -> None:
        """The next frame of the microphone, into the open turn or for the beginning of the next one."""
        if self.open:
            self.open.add(pcm, level, at, speech)
        else:
            self._before.add(pcm)


class Before:
    """The last ``BEFORE`` seconds of the microphone, for the beginning of a turn that is noticed late."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque(maxlen=round(BEFORE / FRAME))

    def add(self, pcm: bytes) -> None:
        self._frames.append(pcm)

    def take(self) -> bytes:
        sound = b"".join(self._frames)
        self._frames.clear()
        return sound


def later(words: tuple[Word, ...], seconds: float) -> tuple[Word, ...]:
    """``words`` as they stand so many seconds later."""
    return tuple(Word(word.text, word.start + seconds, word.end + seconds, word.probability) for word in words)
