"""What happens in a call, one thing after another: what is recognised, and what is done about it.

Everything here runs on the call's own thread (``core/call/session.py``); engines, transports and answers post to it.
The timing is ``core.turn_taking.turn_taking.TurnTaking``'s: its actions are carried out here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from core.call.answer import Answer
from core.call.answers import Answers
from core.call.audio_input import Sounded
from core.call.engine_queue import EngineQueues, Result
from core.call.events import CallEvent, CallNotice, Caption, Phase, PhaseChanged, PicturesWaiting
from core.call.recorder import CallRecorder
from core.call.transport import CallOptions, Transport
from core.call.user_turn import RATE, Pictures, Turns, UserTurn
from core.errors import ParlorError
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
from core.turn_taking.text import stops
from core.turn_taking.turn_taking import TurnTaking
from core.types.generation import Aligned, Segment
from core.types.messages import Audio, Image, Part, Reading, Text

if TYPE_CHECKING:
    from core.app.app import App


class CallController:
    """The state of a call."""

    def __init__(
        self,
        app: App,
        recorder: CallRecorder,
        options: CallOptions,
        queues: EngineQueues,
        answers: Answers,
        clock: Callable[[], float],
        tell: Callable[[CallEvent], None],
    ) -> None:
        self.app, self.recorder, self.options = app, recorder, options
        self.queues, self.answers, self.clock, self.tell = queues, answers, clock, tell
        self.floor = TurnTaking(options.push)
        self.phase: Phase = "opening"
        self._muted = False
        self._closing = False
        self._turns = Turns()
        self._pictures = Pictures()
        self._language = ""
        answers.began, answers.ended = self._began, self._ended_answer

    @property
    def spoken(self) -> UserTurn | None:
        """The turn that is open."""
        return self._turns.open

    @property
    def busy(self) -> bool:
        """Whether anything is still to be heard, answered, played or drawn."""
        answers = self.answers
        return bool(self.spoken or answers.current or answers.drawings or self.queues.hear.busy)

    @property
    def working(self) -> bool:
        """Whether somebody waits for an engine."""
        detecting = self.queues.turn_detector and self.queues.turn_detector.busy
        return bool(self.queues.hear.busy or detecting or self.answers.working)

    @property
    def unkept(self) -> bool:
        """Whether words were said that are not in the store yet."""
        going_on = self.floor.state in ("speech", "pause")
        return self.spoken is not None and (self.spoken.question is None or going_on)

    # what comes in

    def sounded(self, sound: Sounded) -> None:
        """The next frame of the microphone."""
        if self._muted:
            return
        if self.phase in ("opening", "held", "ended"):
            self._turns.add(sound.pcm)
            return
        frame = sound.frame
        actions = self.floor.frame(frame)
        self._turns.add(sound.pcm, frame.level, frame.at, self.floor.voiced_until == frame.at)
        if self.spoken and self.floor.state in ("speech", "pause"):
            self.recorder.speaking(self.spoken.sound)
        self.act(actions)

    def result(self, result: Result) -> None:
        """Something was heard, detected or read."""
        kind, key = result.job.key
        if result.trouble:
            self.tell(CallNotice.of(result.trouble))
        match kind:
            case "end":
                self._understand(key, result)
            case "asked" if isinstance(result.item, Segment):
                self._overhear(key, result.item)
            case "judge" if isinstance(result.item, float) or result.trouble:
                if self.spoken and key in self.spoken.pieces:
                    self.spoken.mark("judged", self.clock())
                self.act(
                    self.floor.end_of_turn(key, result.item or 0.0)
                )  # without a turn detector, words and silence decide
            case "read" if isinstance(result.item, Reading):
                self._pictures.read(key, result.item)

    def played(self, turn: int, seconds: float, at: float) -> None:
        """So much of the answer to ``turn`` had been audible at the clock's ``at``."""
        if answer := self.answers.played(turn, seconds, at):
            left = answer.played.seconds - answer.heard if answer.over else math.inf  # more of it may be on its way
            self.act(self.floor.sounding(answer.played.around(answer.heard) or "…", left))

    def typed(self, text: str) -> None:
        """Words written into the call are a turn, and take the floor."""
        self.answers.break_off()
        self.answers.discard()
        self.act(self.floor.cut())
        spoken = self._open(typed=(Text(text),))
        spoken.voiced_until = self.clock()
        spoken.mark("heard", self.clock())
        self._answer(spoken, text)
        self._commit()

    def show(self, image: Image) -> None:
        """A picture for the next turn; its words are read meanwhile."""
        self._pictures.parts.append(image)
        if self.queues.read:
            self.queues.read.ask(("read", id(image)), "read", image)
        self.tell(PicturesWaiting(len(self._pictures)))

    def configure(self, options: CallOptions) -> None:
        self.options = options
        self.floor.push = options.push

    def key(self, down: bool) -> None:
        self.act(self.floor.key(down))

    def mute(self, muted: bool) -> None:
        self._muted = muted
        if muted:
            self.act(self.floor.cut())

    def link(self, transport: Transport | None) -> None:
        """Another transport, or none: what was being said is kept, and what was being answered ends."""
        if transport is None:
            self.act(self.floor.cut())
            self.answers.break_off()
        self.answers.transport = transport
        if self.phase != "opening":
            self.enter("held" if transport is None else "listening")

    def close(self) -> None:
        """Hang up: an open turn is kept, an answer ends where it is."""
        self._closing = True
        self.act(self.floor.cut())
        self.answers.break_off()
        self.answers.close()

    def enter(self, phase: Phase, en: str = "", zh: str = "") -> None:
        if phase != self.phase and self.phase != "ended":
            self.phase = phase
            self.tell(PhaseChanged(phase, en, zh))

    # what the floor decides

    def act(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Began():
                    self._open()
                case Asked() if (
                    self.spoken and not self.queues.hear.busy and (self.options.partials or self.floor.over)
                ):
                    self._transcribe(("asked", self.spoken.turn), self.spoken.piece, words=False)
                case Ended(number) if self.spoken:
                    self._end(self.spoken, number)
                case Reopened(number, kept) if self.spoken:
                    self.spoken.reopen(number, kept)
                    self.answers.discard()
                    self.enter("hearing")
                case Committed():
                    self._commit()
                case Backchannelled():
                    self.answers.backchannel()
                case Dropped():
                    self._drop()
                case Ducked(low) if self.answers.transport:
                    self.answers.transport.duck(low)
                case Hushed():
                    self._take()

    def _transcribe(self, key: tuple[str, int], sound: bytes, words: bool) -> None:
        self.queues.transcribe(key, sound, self.app.settings.script, self._language, words)

    def _open(self, typed: tuple[Part, ...] = ()) -> UserTurn:
        answer = self.answers.current
        if answer and answer.committed and not answer.audible:  # to written words: whoever speaks now has the floor
            self.answers.break_off()
        spoken = self._turns.begin(typed, waiting=self.options.push and not typed)
        if not self.answers.current:
            self.enter("hearing")
        return spoken

    def _end(self, spoken: UserTurn, number: int) -> None:
        spoken.mark("ended", self.clock())
        self._transcribe(("end", number), spoken.end(number), words=True)
        if self.options.push or not self.queues.detect_end(number, bytes(spoken.sound)):
            self.act(self.floor.end_of_turn(number, 1.0))

    def _take(self) -> None:
        """Somebody has interrupted the answer."""
        self.answers.break_off()
        if self.spoken:
            self.spoken.barged = True
        self.enter("hearing")

    def _drop(self) -> None:
        spoken, self._turns.open = self.spoken, None
        if spoken:
            self.tell(Caption(spoken.turn, "you", "", final=True))
            if spoken.question is None:
                self.recorder.forget()
        self.answers.discard()
        self.enter("speaking" if self.answers.current else "listening")

    # what was heard

    def _understand(self, number: int, result: Result) -> None:
        spoken = self._turns.ended_by(number)
        if spoken is None:
            return
        if isinstance(result.item, Aligned):
            spoken.aligned(number, result.item.words)
            if spoken.question is not None:
                self.recorder.words(spoken.question, spoken.parts())
        elif isinstance(result.item, Segment):
            spoken.heard(number, result.item.text, result.item.language)
            self._heard(spoken, number)
        elif result.over and spoken.pieces[number].text is None:
            self._unheard(spoken, number, result.trouble)

    def _unheard(self, spoken: UserTurn, number: int, trouble: ParlorError | None) -> None:
        """Nobody spoke; or the transcriber failed, and the recording is kept without its words."""
        if trouble:
            sound = Audio(bytes(spoken.sound), RATE)
            self.recorder.parent = self.recorder.question((*spoken.shown, sound), spoken.question)
            self.recorder.forget()
        spoken.heard(number, "", "")
        self._heard(spoken, number)

    def _heard(self, spoken: UserTurn, number: int) -> None:
        text = spoken.text
        if spoken is not self.spoken or text is None:
            return
        spoken.mark("heard", self.clock())
        self._language = spoken.language or self._language
        actions = self.floor.heard(number, text, spoken.language)
        if actions and isinstance(actions[0], Hushed):
            self.act(actions[:1])
            actions = actions[1:]
        dropped = any(isinstance(action, Dropped) for action in actions)
        if text and not dropped and self.floor.state in ("pause", "answer"):
            self.tell(Caption(spoken.turn, "you", text, final=False, language=spoken.language))
            if not self.answers.current:
                self._answer(spoken, text)
        self.act(actions)

    def _overhear(self, turn: int, segment: Segment) -> None:
        spoken = self.spoken
        if not spoken or spoken.turn != turn or self.floor.state != "speech":
            return
        self.act(self.floor.overheard(segment.text))
        if not self.floor.over and segment.text.strip():
            text = spoken.joined(segment.text) if spoken.start else segment.text.strip()
            self.tell(Caption(turn, "you", text, final=False, language=segment.language))

    # what is answered

    def _answer(self, spoken: UserTurn, text: str) -> None:
        """Begin to answer, if somebody is there to hear it and it is not silence that is asked for."""
        if self._closing or self.answers.transport is None or (spoken.barged and stops(text)):
            return
        before = spoken.shown if spoken.question is not None else ()
        spoken.shown = (*before, *self._pictures.parts)
        self.answers.begin(spoken, self.options)

    def _commit(self) -> None:
        """The turn is over: let its answer be heard, then keep it."""
        spoken = self.spoken
        if spoken is None:
            return
        spoken.mark("committed", self.clock())
        self.answers.commit()
        self.tell(Caption(spoken.turn, "you", spoken.words, final=True, language=spoken.language))
        if self.answers.current:
            self.enter("thinking")
        spoken.question = self.recorder.question(spoken.parts(), spoken.question)
        self.recorder.forget()
        if spoken.shown:
            self._pictures.hand_over(spoken.shown)
            self.tell(PicturesWaiting(len(self._pictures)))
        if self.answers.current:
            self.answers.committed()
            return
        self.recorder.parent, self._turns.open = spoken.question, None
        self.floor.answered()
        if self.phase not in ("held", "ended"):
            self.enter("listening")

    def _began(self, answer: Answer) -> None:
        """An answer is audible: its turn can no longer go on."""
        if self.spoken is answer.spoken:
            self._turns.open = None
        self.enter("speaking")

    def _ended_answer(self, answer: Answer) -> None:
        if self.spoken is answer.spoken:
            self._turns.open = None
        self.act(self.floor.answered() if self.spoken is None else self.floor.sounding("", 0.0))
        if self.phase in ("speaking", "thinking"):
            self.enter("hearing" if self.spoken else "listening")
