"""Turn taking: ``TurnTaking`` decides who has the floor, as a state machine over frames of sound.

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
from core.turn_taking.state import OpenTurn, Pause, SoundingAnswer, State
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
LONGEST = 24.0  # seconds in one segment of a turn: Whisper takes 30
SEGMENT = 8.0  # seconds: a segment as long as this is kept when the speaker goes on after SETTLED of silence
SETTLED = 0.5  # seconds


class TurnTaking:
    """Who has the floor. Every method returns what is to be done, in order.

    With ``push`` a key is held down while speaking, and nothing else decides when a turn begins and ends.
    """

    def __init__(self, push: bool = False) -> None:
        self.push = push
        self.voiced_until = 0.0  # clock at the end of the last frame with speech
        self._clock = 0.0
        self._run = 0.0  # seconds of speech in a row
        self._gap = 0.0  # seconds since the last speech
        self._loudest = -100.0  # dBFS, of the open turn
        self._pauses = 0  # so far: their numbers
        self._down = False  # the key
        self._turn: OpenTurn | None = None
        self._answer: SoundingAnswer | None = None

    @property
    def state(self) -> State:
        """``answer``: the turn is over, and nothing of its answer is audible yet."""
        if self._turn is None:
            return "quiet"
        if self._turn.pause is None:
            return "speech"
        return "answer" if self._turn.pause.committed else "pause"

    @property
    def over(self) -> bool:
        """Whether the open turn is spoken over an answer that still has the floor."""
        return self._answer is not None and self._answer.over

    def frame(self, frame: Frame) -> list[Action]:
        """The next ``FRAME`` seconds."""
        self._clock = frame.at
        voiced = self._hears(frame)
        self._run = self._run + FRAME if voiced else 0.0
        self._gap = 0.0 if voiced else self._gap + FRAME
        if voiced:
            self.voiced_until = frame.at
        turn = self._turn
        if turn is None:
            return self._listen()
        if turn.pause is None:
            return self._follow(turn, voiced)
        return self._wait(turn, turn.pause)

    def heard(self, number: int, text: str, language: str = "") -> list[Action]:
        """The words up to pause ``number``; empty when there were none."""
        if (found := self._paused(number)) is None:
            return []
        turn, pause = found
        pause.text, pause.language = text, language
        return self._decide(turn, pause)

    def overheard(self, text: str) -> list[Action]:
        """What ``Asked`` brought, while the turn goes on."""
        if not (self.over and self.state == "speech") or not text.strip() or self._beside(text):
            return []
        return self._take()

    def end_of_turn(self, number: int, finished: float) -> list[Action]:
        """How likely the speaker has finished at pause ``number``, 0 to 1."""
        if (found := self._paused(number)) is None:
            return []
        turn, pause = found
        pause.finished = finished
        return self._decide(turn, pause)

    def sounding(self, text: str, left: float) -> list[Action]:
        """The words of the answer that can be heard about now, empty when nothing sounds; ``left`` seconds to come."""
        if not text:
            return self._silence()
        self._answer = SoundingAnswer(text, left, self.over)
        if self.state == "answer":
            self._turn = None
        return []

    def answered(self) -> list[Action]:
        """The answer is over, or there is none."""
        if self.state == "answer":
            self._turn = None
        return self._silence()

    def key(self, down: bool) -> list[Action]:
        """The key of push-to-talk goes down or up."""
        if not self.push or down == self._down:
            return []
        self._down = down
        if not down:
            return self.cut()
        if self._turn and self._turn.pause:
            return self._reopen(self._turn)
        return [*(self._take() if self._answer else []), *self._begin()]

    def cut(self) -> list[Action]:
        """No more sound will come: the key is up, the microphone muted, or the transport lost. An open turn ends."""
        self._run = 0.0
        turn = self._turn
        if turn is None:
            return []
        turn.final = True
        if turn.pause is None:
            return self._pause(turn)
        return [] if turn.pause.committed else self._decide(turn, turn.pause)

    def _paused(self, number: int) -> tuple[OpenTurn, Pause] | None:
        """The turn that waits at pause ``number``; None when it has gone on or is over."""
        turn = self._turn
        if turn is None or turn.pause is None or turn.pause.committed or turn.pause.number != number:
            return None
        return turn, turn.pause

    def _hears(self, frame: Frame) -> bool:
        """Whether somebody speaks in this frame."""
        if frame.echo >= ECHO or frame.speech < (STAY if self.state == "speech" else START):
            return False
        if self._turn is None:
            self._loudest = frame.level
        self._loudest = max(frame.level, self._loudest - FORGET * FRAME)
        return frame.level > self._loudest - FALL

    def _listen(self) -> list[Action]:
        """Nobody has the floor."""
        if self.push or self._run < BEGIN:
            return []
        if self._answer:
            self._answer.over = True
        return [*([Ducked(True)] if self._answer else []), *self._begin()]

    def _begin(self) -> list[Action]:
        self._turn = OpenTurn(self._run, self._clock + (CHECK - BEGIN if self.over else PARTIAL))
        return [Began()]

    def _follow(self, turn: OpenTurn, voiced: bool) -> list[Action]:
        """The turn is being spoken."""
        turn.segment += FRAME
        if self._gap >= SPECULATE and not self.push:
            return self._pause(turn)
        if turn.segment >= LONGEST:
            return [*self._pause(turn), *self._reopen(turn)]
        if voiced and self._clock >= turn.next:
            turn.next = self._clock + (RECHECK if self.over else PARTIAL)
            return [Asked()]
        return []

    def _wait(self, turn: OpenTurn, pause: Pause) -> list[Action]:
        """The turn may be over, or is, and nothing of its answer was heard yet: the same turn can go on."""
        if pause.committed:
            if self.push or self._run < BEGIN:
                return []
            turn.again = True
            return self._reopen(turn)
        if self._run >= REOPEN and not self.push:
            return self._reopen(turn)
        return self._decide(turn, pause)

    def _pause(self, turn: OpenTurn) -> list[Action]:
        self._pauses += 1
        turn.pause = Pause(self._pauses, self.voiced_until)
        return [Ended(self._pauses)]

    def _reopen(self, turn: OpenTurn) -> list[Action]:
        """The speaker goes on after a pause."""
        pause, turn.pause = turn.pause, None
        assert pause
        silence = self._clock - self._run - pause.since
        kept = turn.segment >= LONGEST or (turn.segment >= SEGMENT and silence >= SETTLED)
        turn.final = False
        turn.next = self._clock + PARTIAL
        turn.segment = min(self._run, REOPEN) if kept else turn.segment + silence
        return [Reopened(pause.number, kept)]

    def _decide(self, turn: OpenTurn, pause: Pause) -> list[Action]:
        """Whether the pause is the end of the turn."""
        if pause.text is None:
            return []
        if not pause.text.strip():
            return self._drop()
        taken: list[Action] = []
        if self.over:
            if self._beside(pause.text):
                return self._drop()
            taken = self._take()
        least = AGAIN if turn.again else 0.0
        if not turn.final and self._gap < max(least, patience(pause.finished, pause.text, pause.language)):
            return [*taken, *self._backchannel(pause)]
        pause.committed = True
        return [*taken, Committed(pause.number)]

    def _backchannel(self, pause: Pause) -> list[Action]:
        if pause.backchannelled or self._gap < BACKCHANNEL:
            return []
        pause.backchannelled = True
        return [Backchannelled()]

    def _beside(self, text: str) -> bool:
        """Whether words over an answer leave it the floor: agreement or a murmur, or its own echo.

        When the answer is all but over, the former two are an answer to it.
        """
        if self._answer is None:
            return False
        aside = agrees(text) or murmurs(text)
        return (aside and self._answer.left > YIELD) or echoes(text, self._answer.text)

    def _take(self) -> list[Action]:
        """Barge-in: the answer ends, and the speaker has the floor."""
        return [Hushed(), *self._silence()]

    def _drop(self) -> list[Action]:
        """It was no turn; an answer that sounds is loud again."""
        self._turn = None
        return [Dropped(), *self._louder()]

    def _silence(self) -> list[Action]:
        """Nothing of an answer sounds any more."""
        actions, self._answer = self._louder(), None
        return actions

    def _louder(self) -> list[Action]:
        if not self.over or self._answer is None:
            return []
        self._answer.over = False
        return [Ducked(False)]
