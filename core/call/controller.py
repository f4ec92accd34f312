"""Controller of a call: ``CallController`` carries out what turn taking decides, and tells it what is heard.

Everything here runs on the call's own thread (``core.call.session``); engines, transports and answers post to it. The
timing is ``core.turn_taking.turn_taking.TurnTaking``'s, recognition ``UserInput``'s, what is answered ``Answers``'.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from core.call.answer import Answer
from core.call.answers import Answers
from core.call.audio_input import Sounded
from core.call.engine_queue import EngineQueues, Post
from core.call.events import CallEvent, Caption, Phase, PhaseChanged
from core.call.host import CallHost
from core.call.input import UserInput
from core.call.recorder import CallRecorder
from core.call.transport import CallOptions, Transport
from core.l10n.text import NOTHING, L10n
from core.turn_taking.actions import (
    Action,
    Asked,
    Backchannelled,
    Began,
    Committed,
    Dropped,
    Ducked,
    Ended,
    Hushed,
    Reopened,
)
from core.turn_taking.echo import Echo
from core.turn_taking.text import stops
from core.turn_taking.turn_taking import TurnTaking
from core.turn_taking.user_turn import UserTurn
from core.types.generation import Segment
from core.types.messages import Image, Part, Text

LOG = logging.getLogger(__name__)


class CallController:
    """The state of a call."""

    def __init__(
        self,
        host: CallHost,
        recorder: CallRecorder,
        options: CallOptions,
        queues: EngineQueues,
        echo: Echo,
        clock: Callable[[], float],
        tell: Callable[[CallEvent], None],
        post: Post,
    ) -> None:
        self.phase: Phase = "opening"
        self.answers = Answers(host, recorder, echo, clock, tell, post, self)
        self._recorder, self._options, self._clock, self._tell = recorder, options, clock, tell
        self._input = UserInput(host, queues, recorder, clock, tell, self)
        self._turn_taking = TurnTaking(options.push)
        self._muted = False
        self._closing = False

    @property
    def turn(self) -> UserTurn | None:
        """The turn that is open."""
        return self._input.turns.open

    @property
    def busy(self) -> bool:
        """Whether anything is still to be heard, answered, played or drawn."""
        return bool(self.turn or self.answers.busy or self._input.hearing)

    @property
    def working(self) -> bool:
        """Whether somebody waits for an engine."""
        return self._input.working or self.answers.working

    @property
    def unkept(self) -> bool:
        """Whether words were said that are not in the store yet."""
        going_on = self._turn_taking.state in ("speech", "pause")
        return self.turn is not None and (self.turn.question is None or going_on)

    # what comes in

    def sounded(self, sound: Sounded) -> None:
        """The next frame of the microphone."""
        if self._muted:
            return
        turns, frame = self._input.turns, sound.frame
        if self.phase in ("opening", "held", "ended"):
            turns.add(sound.pcm)
            return
        actions = self._turn_taking.frame(frame)
        turns.add(sound.pcm, frame.level, frame.at, self._turn_taking.voiced_until == frame.at)
        if self.turn and self._turn_taking.state in ("speech", "pause"):
            self._recorder.speaking(self.turn.sound)
        self._act(actions)

    def played(self, turn: int, seconds: float, at: float) -> None:
        """So much of the answer to ``turn`` had been audible at the clock's ``at``."""
        if answer := self.answers.played(turn, seconds, at):
            playback = answer.playback
            self._act(self._turn_taking.sounding(playback.played.around(playback.heard) or "…", answer.left))

    def typed(self, text: str) -> None:
        """Words written into the call are a turn, and take the floor."""
        self.answers.break_off()
        self.answers.discard()
        self._act(self._turn_taking.cut())
        turn = self._open(typed=(Text(text),))
        turn.voiced_until = self._clock()
        turn.mark("heard", self._clock())
        self._answer(turn, text)
        self._commit()

    def show(self, image: Image) -> None:
        """A picture for the next turn."""
        self._input.show(image)

    def configure(self, options: CallOptions) -> None:
        self._options = options
        self._turn_taking.push = options.push

    def key(self, down: bool) -> None:
        """The key to talk goes down or up."""
        self._act(self._turn_taking.key(down))

    def mute(self, muted: bool) -> None:
        self._muted = muted
        if muted:
            self._act(self._turn_taking.cut())

    def link(self, transport: Transport | None) -> None:
        """Another transport, or none: what was being said is kept, and what was being answered ends."""
        if transport is None:
            self._act(self._turn_taking.cut())
            self.answers.break_off()
        self.answers.transport = transport
        if self.phase != "opening":
            self.enter("held" if transport is None else "listening")

    def close(self) -> None:
        """Hang up: an open turn is kept, an answer ends where it is."""
        self._closing = True
        self._act(self._turn_taking.cut())
        self.answers.break_off()
        self.answers.close()

    def enter(self, phase: Phase, why: L10n = NOTHING) -> None:
        if phase != self.phase and self.phase != "ended":
            self.phase = phase
            self._tell(PhaseChanged(phase, why))

    # what turn taking decides

    def _act(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Began():
                    self._open()
                case Committed():
                    self._commit()
                case Backchannelled():
                    self.answers.backchannel()
                case Dropped():
                    self._drop()
                case Ducked(low):
                    self._duck(low)
                case Hushed():
                    self._take()
                case Asked() | Ended() | Reopened():
                    self._follow(action)

    def _follow(self, action: Asked | Ended | Reopened) -> None:
        """The open turn is spoken, pauses or goes on."""
        turn = self.turn
        if turn is None:
            LOG.warning("No turn is open: %s", action)
            return
        match action:
            case Asked():
                if not self._input.hearing and (self._options.partials or self._turn_taking.over):
                    self._input.overhear(turn)
            case Ended(number):
                self._input.pause(turn, number, detect=not self._options.push)
            case Reopened(number, kept):
                turn.reopen(number, kept)
                self.answers.discard()
                self.enter("hearing")

    def _duck(self, low: bool) -> None:
        if self.answers.transport:  # without one nothing sounds
            self.answers.transport.duck(low)

    def _open(self, typed: tuple[Part, ...] = ()) -> UserTurn:
        answer = self.answers.current
        if answer and answer.committed and not answer.audible:  # to written words: whoever speaks now has the floor
            self.answers.break_off()
        turn = self._input.turns.begin(typed, waiting=self._options.push and not typed)
        if not self.answers.current:
            self.enter("hearing")
        return turn

    def _take(self) -> None:
        """Barge-in: somebody has interrupted the answer."""
        self.answers.break_off()
        if self.turn:
            self.turn.barged = True
        self.enter("hearing")

    def _drop(self) -> None:
        turn, self._input.turns.open = self.turn, None
        if turn:
            self._tell(Caption(turn.number, "you", "", final=True))
            if turn.question is None:
                self._recorder.forget()
        self.answers.discard()
        self.enter("speaking" if self.answers.current else "listening")

    # what was recognised

    def heard(self, turn: UserTurn, number: int) -> None:
        """The open turn is recognised up to its pause ``number``: begin to answer it, unless it is none."""
        text = turn.joined()
        actions = self._turn_taking.heard(number, text, turn.language)
        if actions and isinstance(actions[0], Hushed):
            self._act(actions[:1])
            actions = actions[1:]
        dropped = any(isinstance(action, Dropped) for action in actions)
        if text and not dropped and self._turn_taking.state in ("pause", "answer"):
            self._tell(Caption(turn.number, "you", text, final=False, language=turn.language))
            if not self.answers.current:
                self._answer(turn, text)
        self._act(actions)

    def overheard(self, turn: UserTurn, segment: Segment) -> None:
        """A caption of the turn that is being spoken; over an answer, what decides whether it is a barge-in."""
        if turn is not self.turn or self._turn_taking.state != "speech":
            return
        self._act(self._turn_taking.overheard(segment.text))
        if not self._turn_taking.over and segment.text.strip():
            text = turn.joined(segment.text) if turn.start else segment.text.strip()
            self._tell(Caption(turn.number, "you", text, final=False, language=segment.language))

    def end_detected(self, number: int, finished: float) -> None:
        """How likely the turn has ended with pause ``number``, 0 to 1."""
        self._act(self._turn_taking.end_of_turn(number, finished))

    # what is answered

    def _answer(self, turn: UserTurn, text: str) -> None:
        """Begin to answer, if somebody is there to hear it and it is not silence that is asked for."""
        if self._closing or self.answers.transport is None or (turn.barged and stops(text)):
            return
        self._input.offer_pictures(turn)
        self.answers.begin(turn, self._options)

    def _commit(self) -> None:
        """The turn is over: let its answer be heard, then keep it."""
        turn = self.turn
        if turn is None:
            return
        turn.mark("committed", self._clock())
        self.answers.commit()
        self._tell(Caption(turn.number, "you", turn.words, final=True, language=turn.language))
        if self.answers.current:
            self.enter("thinking")
        turn.question = self._recorder.question(turn.parts(), turn.question)
        self._recorder.forget()
        self._input.hand_pictures_over(turn)
        if self.answers.current:
            self.answers.committed()
            return
        self._recorder.parent, self._input.turns.open = turn.question, None
        self._turn_taking.answered()
        if self.phase not in ("held", "ended"):
            self.enter("listening")

    def answer_began(self, answer: Answer) -> None:
        """An answer is audible: its turn can no longer go on."""
        self._close(answer.turn)
        self.enter("speaking")

    def answer_ended(self, answer: Answer) -> None:
        """An answer is over and kept: whoever spoke over it has the floor, or nobody."""
        self._close(answer.turn)
        self._act(self._turn_taking.answered() if self.turn is None else self._turn_taking.sounding("", 0.0))
        if self.phase in ("speaking", "thinking"):
            self.enter("hearing" if self.turn else "listening")

    def _close(self, turn: UserTurn) -> None:
        if self.turn is turn:
            self._input.turns.open = None
