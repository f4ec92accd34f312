"""What a person is saying in a call: its sound, its pieces as they are understood, and when things happened to it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from core.call.events import Timed, TimedStage
from core.call.recorder import times
from core.turn_taking.actions import FRAME
from core.types.messages import Audio, Image, Part, Reading, Text, Transcript, Word

RATE = 16_000
BEFORE = 0.4  # seconds kept before speech is noticed: its score rises a tenth of a second late, after BEGIN
RECENT = 4  # turns whose words may still be aligned
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

    turn: int
    sound: bytearray = field(default_factory=bytearray)  # s16 at RATE
    pieces: dict[int, TurnSegment] = field(default_factory=dict)  # by the number of the end that closed them
    start: int = 0  # bytes: where the piece being spoken begins
    shown: tuple[Part, ...] = ()
    typed: tuple[Part, ...] = ()
    question: int | None = None  # its message, once kept
    marks: dict[str, float] = field(default_factory=dict)
    loudest: float = -100.0
    voiced_until: float = 0.0
    barged: bool = False  # it interrupted an answer
    fillers: int = 0  # words that its answers began with: it may have gone on after one
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
    def piece(self) -> bytes:
        """The sound of the piece that is being spoken."""
        return bytes(self.sound[self.start :])

    def end(self, number: int) -> bytes:
        """A pause: what has to be transcribed now."""
        self.pieces[number] = TurnSegment(self.start, len(self.sound))
        return self.piece

    def reopen(self, number: int, kept: bool) -> None:
        self.marks.clear()
        if kept:
            self.start = self.pieces[number].end
        else:
            self.pieces.pop(number, None)

    def heard(self, number: int, text: str, language: str) -> None:
        if piece := self.pieces.get(number):
            piece.text, piece.language = text, language

    def aligned(self, number: int, words: tuple[Word, ...]) -> None:
        if piece := self.pieces.get(number):
            piece.words = times(words, piece.start / 2 / RATE)

    @property
    def text(self) -> str | None:
        """Everything that was said, None while a piece of it is not heard yet."""
        texts = [piece.text for piece in self.pieces.values()]
        return None if None in texts else self.joined()

    def joined(self, more: str = "") -> str:
        """What was heard of all pieces, and ``more`` after it."""
        text = ""
        for said in (*((piece.text or "").strip() for piece in self.pieces.values()), more.strip()):
            text += " " * bool(text and said and said[0].isascii()) + said
        return text

    @property
    def words(self) -> str:
        """What was said, or written."""
        typed = (part.text for part in self.typed if isinstance(part, Text))
        return self.joined() if self.pieces else "\n".join(typed)

    @property
    def language(self) -> str:
        return next((piece.language for piece in reversed(self.pieces.values()) if piece.language), "")

    def parts(self) -> tuple[Part, ...]:
        """The turn as a message keeps it: what was shown, then the recording and its transcript."""
        if not self.pieces:
            return self.shown + self.typed
        end = max(piece.end for piece in self.pieces.values())
        words = tuple(word for piece in self.pieces.values() for word in piece.words)
        return (*self.shown, Audio(bytes(self.sound[:end]), RATE), Transcript(self.joined(), self.language, words))

    def mark(self, name: str, at: float) -> None:
        self.marks[name] = at

    def timed(self, audible: float, words: float | None = None, zero: float | None = None) -> Timed:
        """The waterfall, once the answer's first sample was ``audible``; ``words``: when its own words followed.

        ``zero``: where it was begun, when that is told again: the microphone may have heard something since.
        """
        marks = self.marks
        zero = self.voiced_until if zero is None else zero
        ready = {"spoken", "committed"} & marks.keys()
        spans = (
            ("silence", zero, marks.get("ended")),
            ("judge", marks.get("ended"), marks.get("judged")),
            ("hear", marks.get("ended"), marks.get("heard")),
            ("write", marks.get("heard"), marks.get("written")),
            ("speak", marks.get("written"), marks.get("spoken")),
            ("wait", marks.get("spoken"), marks.get("committed")),
            ("carry", max((marks[key] for key in ready if marks[key] <= audible), default=audible), audible),
        )
        stages = tuple(
            TimedStage(name, round(start - zero, 3), round(end - zero, 3))
            for name, start, end in spans
            if start is not None and end is not None and end > start
        )
        own = None if words is None else round(words - zero, 3)
        return Timed(self.turn, round(audible - zero, 3), stages, own)


@dataclass(slots=True)
class Pictures:
    """What was shown and waits for the next turn, each picture with its reading as soon as there is one."""

    parts: list[Part] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(isinstance(part, Image) for part in self.parts)

    def read(self, key: int, reading: Reading) -> None:
        """``reading`` is of the picture whose id is ``key``; it may have been handed over without it."""
        place = next((place for place, part in enumerate(self.parts) if id(part) == key), None)
        if place is not None:
            self.parts.insert(place + 1, reading)

    def hand_over(self, shown: tuple[Part, ...]) -> None:
        """These belong to a turn now."""
        self.parts = [part for part in self.parts if part not in shown]


class Turns:
    """The turn that is open, and the last few whose words may still come. Its first sound is from before it began."""

    def __init__(self) -> None:
        self.open: UserTurn | None = None
        self._count = 0
        self._before = Before()
        self._recent: deque[UserTurn] = deque(maxlen=RECENT)

    def begin(self, typed: tuple[Part, ...] = (), waiting: bool = False) -> UserTurn:
        self._count += 1
        self.open = UserTurn(self._count, bytearray(self._before.take()), typed=typed, waiting=waiting)
        self._recent.append(self.open)
        return self.open

    def add(self, pcm: bytes, level: float = -100.0, at: float = 0.0, speech: bool = False) -> None:
        """The next frame of the microphone, into the open turn or for the beginning of the next one."""
        if self.open:
            self.open.add(pcm, level, at, speech)
        else:
            self._before.add(pcm)

    def ended_by(self, number: int) -> UserTurn | None:
        """The turn that has a piece which end ``number`` closed."""
        return next((one for one in self._recent if number in one.pieces), None)


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
