"""Who has the floor: the timing of a spoken conversation as a state machine over frames of sound.

It knows no model, no transport and no thread. It is told what a frame holds (``frame``), what was heard (``heard``),
whether the turn sounds finished (``end_of_turn``) and whether an answer can be heard (``sounding``); it returns what is
to be done. Its clock is the one in the frames, so an hour of talk takes as long as its arithmetic.

A pause begins a speculative answer: the words are transcribed, and it is discarded if the speaker goes on. The turn is
over when the silence has lasted as long as ``core.turn_taking.text.patience`` asks for: a moment after what sounds
finished, up to two seconds after "and, um"; so long a silence gets a backchannel. Speech over an answer makes it quiet
at once and ends it when it is words that are meant: not a cough, not "uh-huh", not the answer itself coming back
through the microphone.
"""

from __future__ import annotations

from typing import Literal

from core.turn_taking.actions import (
    FRAME,
    Action,
    Asked,
    Backchannelled,
    Began,
    Committed,
    Dropped,
    Ducked,
    Ended,
    Frame,
    Hushed,
    Reopened,
)
from core.turn_taking.text import agrees, echoes, murmurs, patience

# Figures: ``bench floor``, 60 turns and six minutes of sounds that are none.
# Scores of Silero: speech starts at 0.5, and goes on while they stay above 0.35, as in its own VADIterator. A START of
# 0.3 begins 7 turns in noise, 0.5 begins 3, 0.7 begins 1 but 32 ms later; a STAY of 0.2 changes nothing.
START = 0.5
STAY = 0.35

BEGIN = 0.096  # seconds of speech that begin a turn: 0.064 begins as many in noise, 0.16 a third, 64 ms later
REOPEN = 0.064  # seconds of speech that take a pause back: 0.032 to 0.16 are the same
SPECULATE = 0.128  # seconds without speech until an answer is begun; thrown away 0.50 times a turn, at 0.064 s 0.73

# Silero's score stays up for 0.1 s after the last sound. What is this much quieter than the loudest of the turn is its
# end already: 132 ms after it, and without this rule 180. With a FINISHED of 0.5, 15 % of the turns are taken for two
# at 15 dB, 13 % at 20, 10 % at 25 and 7 % at 35; with one of 0.65, 5 % at 30 and 35. The loudest is forgotten at this
# rate, so that whoever goes on in a low voice is followed again; at 0 13 % are taken for two instead of 10 %.
FALL = 30.0  # dB
FORGET = 10.0  # dB a second

# Over an answer: quiet after BEGIN, then what is being said is transcribed: words that are meant end it.
CHECK = 0.224  # seconds of speech before they are transcribed: one word
RECHECK = 0.4  # seconds until they are looked at again
YIELD = 0.7  # seconds: an answer with less than this left is as good as over

# An echo explains most of the microphone's energy; a person speaking as loudly as the echo leaves half unexplained.
ECHO = 0.6

PARTIAL = 0.6  # seconds between two captions while somebody speaks
AGAIN = 0.7  # seconds of silence at least, once a turn that was taken for finished has gone on
BACKCHANNEL = 0.9  # seconds of silence after which a person wonders whether they are listened to
LONGEST = 24.0  # seconds in one piece of a turn: Whisper takes 30
PIECE = 8.0  # seconds: a piece as long as this is kept when the speaker goes on after SETTLED of silence
SETTLED = 0.5  # seconds

State = Literal["quiet", "speech", "pause", "answer"]


class TurnTaking:
    """The state of a conversation. Every method returns what is to be done, in order.

    With ``push`` a key is held down while speaking, and nothing else decides when a turn begins and ends.
    """

    def __init__(self, push: bool = False) -> None:
        self.push = push
        self.state: State = "quiet"
        self.voiced_until = 0.0  # clock at the end of the last frame with speech
        self._number = 0
        self._clock = 0.0
        self._run = 0.0  # seconds of speech in a row
        self._loudest = -100.0  # dBFS, of the open turn
        self._voiced = 0.0  # seconds of speech in this turn
        self._gap = 0.0  # seconds since the last speech
        self._piece = 0.0  # seconds since the current piece began
        self._ended = 0.0  # clock at the last speech before the current end
        self._next = 0.0  # clock at which words are to be asked for
        self._text: str | None = None  # heard at the current end; None until it is
        self._language = ""
        self._finished: float | None = None  # by the turn detector, at the current end
        self._backchannelled = False  # at the current end
        self._again = False  # the turn was taken for finished before, and went on
        self._final = False  # the turn is over once it is heard, whatever is detected
        self._sounding = ""  # what can be heard of an answer, empty when nothing is
        self._left = 0.0  # seconds of it still to come
        self._over = False  # this turn began over an answer, which still sounds
        self._low = False
        self._down = False

    @property
    def over(self) -> bool:
        """Whether the open turn is spoken over an answer that still has the floor."""
        return self._over

    def frame(self, frame: Frame) -> list[Action]:
        """The next ``FRAME`` seconds."""
        self._clock = frame.at
        voiced = self._hears(frame)
        self._run = self._run + FRAME if voiced else 0.0
        self._gap = 0.0 if voiced else self._gap + FRAME
        if voiced:
            self.voiced_until = frame.at
        match self.state:
            case "speech":
                return self._follow(voiced)
            case "pause":
                return self._wait()
        return self._listen()

    def heard(self, number: int, text: str, language: str = "") -> list[Action]:
        """The words up to end ``number``; empty when there were none."""
        if number != self._number or self.state != "pause":
            return []
        self._text, self._language = text, language
        return self._decide()

    def overheard(self, text: str) -> list[Action]:
        """What ``Asked`` brought, while the turn goes on."""
        if not (self._over and self.state == "speech") or not text.strip() or self._beside(text):
            return []
        return self._take()

    def end_of_turn(self, number: int, finished: float) -> list[Action]:
        """How likely the speaker has finished at end ``number``, 0 to 1."""
        if number != self._number or self.state != "pause":
            return []
        self._finished = finished
        return self._decide()

    def sounding(self, text: str, left: float) -> list[Action]:
        """The words of the answer that can be heard about now, empty when nothing sounds; ``left`` seconds to come."""
        self._sounding, self._left = text, left
        if not text:
            self._over = False
            return self._loud()
        if self.state == "answer":
            self.state = "quiet"
        return []

    def answered(self) -> list[Action]:
        """The answer is over, or there is none."""
        if self.state == "answer":
            self.state = "quiet"
        return self.sounding("", 0.0)

    def key(self, down: bool) -> list[Action]:
        """The key of push-to-talk goes down or up."""
        if not self.push or down == self._down:
            return []
        self._down = down
        if not down:
            return self.cut()
        if self.state in ("pause", "answer"):
            return self._reopen()
        return [*(self._take() if self._sounding else []), *self._begin()]

    def cut(self) -> list[Action]:
        """No more sound will come: the key is up, the microphone muted, or the line lost. An open turn ends with it."""
        self._run, self._final = 0.0, True
        if self.state == "speech":
            return self._end()
        return self._decide() if self.state == "pause" else []

    def _hears(self, frame: Frame) -> bool:
        """Whether somebody speaks in this frame."""
        if frame.echo >= ECHO or frame.speech < (STAY if self.state == "speech" else START):
            return False
        if self.state == "quiet":
            self._loudest = frame.level
        self._loudest = max(frame.level, self._loudest - FORGET * FRAME)
        return frame.level > self._loudest - FALL

    def _listen(self) -> list[Action]:
        if self.push or self._run < BEGIN:
            return []
        if self.state == "answer":  # nothing of it was heard yet: the same turn goes on
            self._again = True
            return self._reopen()
        self._over = self._low = bool(self._sounding)
        return [*([Ducked(True)] if self._over else []), *self._begin()]

    def _begin(self) -> list[Action]:
        self.state, self._final, self._again = "speech", False, False
        self._voiced = self._piece = self._run
        self._next = self._clock + (CHECK - BEGIN if self._over else PARTIAL)
        return [Began()]

    def _follow(self, voiced: bool) -> list[Action]:
        self._piece += FRAME
        self._voiced += FRAME * voiced
        if self._gap >= SPECULATE and not self.push:
            return self._end()
        if self._piece >= LONGEST:
            return [*self._end(), *self._reopen()]
        if voiced and self._clock >= self._next:
            self._next = self._clock + (RECHECK if self._over else PARTIAL)
            return [Asked()]
        return []

    def _wait(self) -> list[Action]:
        if self._run >= REOPEN and not self.push:
            return self._reopen()
        return self._decide()

    def _end(self) -> list[Action]:
        self.state, self._ended = "pause", self.voiced_until
        self._number += 1
        self._text = self._finished = None
        self._backchannelled = False
        return [Ended(self._number)]

    def _reopen(self) -> list[Action]:
        silence = self._clock - self._run - self._ended
        kept = self._piece >= LONGEST or (self._piece >= PIECE and silence >= SETTLED)
        self.state, self._final = "speech", False
        self._next = self._clock + PARTIAL
        self._piece = min(self._run, REOPEN) if kept else self._piece + silence
        return [Reopened(self._number, kept)]

    def _decide(self) -> list[Action]:
        """Whether the pause is the end of the turn."""
        if self._text is None:
            return []
        if not self._text.strip():
            return self._drop()
        taken: list[Action] = []
        if self._over:
            if self._beside(self._text):
                return self._drop()
            taken = self._take()
        least = AGAIN if self._again else 0.0
        if not self._final and self._gap < max(least, patience(self._finished, self._text, self._language)):
            return [*taken, *self._backchannel()]
        self.state = "answer"
        return [*taken, Committed(self._number)]

    def _backchannel(self) -> list[Action]:
        if self._backchannelled or self._gap < BACKCHANNEL:
            return []
        self._backchannelled = True
        return [Backchannelled()]

    def _beside(self, text: str) -> bool:
        """Whether words over an answer leave it the floor: agreement or a murmur, or its own echo.

        When the answer is all but over, the former two are an answer to it.
        """
        aside = agrees(text) or murmurs(text)
        return (aside and self._left > YIELD) or echoes(text, self._sounding)

    def _take(self) -> list[Action]:
        """The answer ends, and the speaker has the floor."""
        self._over = False
        self._sounding, self._left = "", 0.0
        return [Hushed(), *self._loud()]

    def _drop(self) -> list[Action]:
        self.state, self._over = "quiet", False
        return [Dropped(), *self._loud()]

    def _loud(self) -> list[Action]:
        low, self._low = self._low, False
        return [Ducked(False)] if low else []
