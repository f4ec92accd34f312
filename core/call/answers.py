"""Answers of a call: ``Answers`` begins them speculatively, plays them once the turn is over, keeps what was heard."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Protocol

from core.call.answer import Answer
from core.call.drawing import BackgroundDrawing, before_drawing, saying
from core.call.engine_queue import Post
from core.call.events import CallEvent, CallNotice, Caption, Interrupted
from core.call.fillers import Fillers
from core.call.host import CallHost, turn_context
from core.call.recorder import CallRecorder
from core.call.transport import CallOptions, Transport
from core.pipeline.respond import respond
from core.pipeline.route import route
from core.turn_taking.echo import Echo
from core.turn_taking.user_turn import UserTurn
from core.types.events import Delta, Event, Notice, Sound, Understood
from core.types.messages import Image, Message, Reading, Text

FILLERS = 2  # in one turn: one that its own echo reopens must not go on for ever
GROWING = 1.0  # seconds of an answer heard between two times that it is kept


class AnswerListener(Protocol):
    """Who is told of the answer that is heard, on the call's own thread."""

    def answer_began(self, answer: Answer) -> None:
        """It is audible."""

    def answer_ended(self, answer: Answer) -> None:
        """It is over, and kept."""


class Answers:
    """One answer at a time, and the pictures that are drawn beside it. Everything runs on the call's own thread.

    ``transport`` is where sound goes, None while nobody is connected. A filler is no answer yet, only a sign of
    listening: whoever goes on after it goes on with the same turn.
    """

    def __init__(
        self,
        host: CallHost,
        recorder: CallRecorder,
        echo: Echo,
        clock: Callable[[], float],
        tell: Callable[[CallEvent], None],
        post: Post,
        listener: AnswerListener,
    ) -> None:
        self._host, self._recorder, self._echo = host, recorder, echo
        self._clock, self._tell, self._post, self._listener = clock, tell, post, listener
        self.transport: Transport | None = None
        self.fillers = Fillers(lambda error: post(lambda: tell(CallNotice.of(error))))
        self.current: Answer | None = None
        self._announced: BackgroundDrawing | None = None  # by the current answer
        self._drawings: list[BackgroundDrawing] = []

    @property
    def working(self) -> bool:
        """Whether somebody waits for an engine to answer."""
        return self.current is not None and not self.current.over

    @property
    def busy(self) -> bool:
        """Whether anything is still to be answered, played or drawn."""
        return bool(self.current or self._drawings)

    def begin(self, turn: UserTurn, options: CallOptions) -> None:
        """Begin to answer ``turn``, which may not be over yet."""
        recorder = self._recorder
        context = turn_context(self._host, turn.parts(), recorder.history(), options, recorder.conversation)
        self.fillers.follow(context)
        plan = route(context.turn, context.history, context.choice)
        if not plan.draw:
            self._begin(Answer(turn), None, respond(context))
            return
        words, refusal = before_drawing(context, plan, turn.language)
        silent = replace(context, turn=replace(context.turn, speak=False))
        drawing = None if refusal else BackgroundDrawing(turn.number, silent, self._tell, recorder)
        self._begin(Answer(turn, refusal), drawing, saying(words, context))

    def commit(self) -> None:
        """The turn is over: what there is of its answer may be heard, or else a filler."""
        answer = self.current
        if answer is None:
            return
        answer.committed = True
        if answer.playback.empty and not answer.over:
            self._fill(answer)
        self._play(answer)

    def backchannel(self) -> None:
        """The turn may be over: let the filler be heard that its answer begins with, and nothing else of it."""
        answer = self.current
        if answer and not answer.committed and not answer.playback.filler and self._fill(answer):
            self._play(answer, 1)

    def committed(self) -> None:
        """The turn is kept: what else belongs to its answer may begin."""
        answer = self.current
        if answer is None:
            return
        if answer.refusal:
            self._tell(CallNotice.of(answer.refusal))
        if self._announced:
            self._drawings.append(self._announced)
            self._announced.begin(self._post, self._drawings.remove)
        if answer.over:
            self._over(answer)

    def played(self, turn: int, seconds: float, at: float) -> Answer | None:
        """So much of the answer to ``turn`` had been audible at the clock's ``at``; that answer while it goes on."""
        answer = self.current
        if not answer or answer.turn.number != turn or not answer.playback.sent:
            return None
        playback = answer.playback
        self._echo.heard(turn, seconds, at)
        before, playback.heard = playback.heard, max(playback.heard, seconds)
        if answer.waterfall.timed is None:
            self._tell(answer.waterfall.audible(at))
            self._time_own_words(answer)
        if answer.reopenable or not answer.committed:
            return None
        if not answer.audible:
            self._audible(answer)
        if answer.over and playback.finished:
            self._finish(answer, cut=False)
            return None
        if answer.node and int(playback.heard / GROWING) > int(before / GROWING):
            words = playback.played.until(playback.heard)[0]
            self._recorder.growing(answer.node, Message("assistant", (Text(words),)))
        return answer

    def break_off(self) -> None:
        """End the answer that is being heard, or was about to be."""
        answer = self.current
        if not answer or not answer.committed:
            return
        answer.stop()
        if self.transport:
            self.transport.hush()
        if answer.audible:
            self._tell(Interrupted(answer.turn.number, answer.playback.played.until(answer.playback.heard)[0]))
        self._finish(answer, cut=True)

    def discard(self) -> None:
        """Throw an answer away of which nothing was heard but a filler."""
        answer = self.current
        if not answer or answer.audible:
            return
        answer.stop()
        if answer.playback.sent:
            if self.transport:
                self.transport.hush()
            self._echo.silent()
        if self._announced in self._drawings:
            self._drawings.remove(self._announced)
            self._announced.withdraw()
        self.current = self._announced = None

    def close(self) -> None:
        for drawing in self._drawings:
            drawing.stop()

    def _begin(self, answer: Answer, drawing: BackgroundDrawing | None, events: Generator[Event, None, None]) -> None:
        self.current, self._announced = answer, drawing
        answer.begin(events, self._post, self._received, self._ended)

    def _received(self, answer: Answer, event: Event) -> None:
        if answer is not self.current:
            return
        turn = answer.turn
        match event:
            case Delta():
                if "written" not in turn.marks:
                    turn.mark("written", self._clock())
            case Sound(audio, text):
                if "spoken" not in turn.marks:
                    turn.mark("spoken", self._clock())
                answer.playback.add(text, audio)
                if answer.committed:
                    self._play(answer)
            case Understood(message):
                self._understood(turn, message)
            case Notice(text):
                self._tell(CallNotice(text))

    def _ended(self, answer: Answer) -> None:
        if answer is self.current:
            self._over(answer)

    def _understood(self, turn: UserTurn, message: Message) -> None:
        """The pictures of the turn have been read."""
        if turn.shown:
            turn.shown = tuple(part for part in message.parts if isinstance(part, Image | Reading))
            if turn.question is not None:
                self._recorder.words(turn.question, turn.parts())

    def _fill(self, answer: Answer) -> bool:
        """Put a filler before what there is of an answer; False when there is none."""
        turn = answer.turn
        if turn.fillers == FILLERS or (filler := self.fillers.next(turn.language)) is None:
            return False
        turn.fillers += 1
        answer.playback.begin_with(*filler)
        return True

    def _play(self, answer: Answer, most: int | None = None) -> None:
        """Send what there is of it, at ``most`` as many clauses in all."""
        for clause in answer.playback.send(most):
            assert clause.sound
            self._echo.play(clause.turn, clause.sound)
            self._tell(replace(clause, sound=None))
            if self.transport:
                self.transport.play(clause)
        self._time_own_words(answer)

    def _time_own_words(self, answer: Answer) -> None:
        """After a filler, tell when the answer's own words could be heard."""
        if answer.committed and answer.playback.followed:
            timed = answer.waterfall.own_words(self._clock(), answer.playback.filler)
            if timed:
                self._tell(timed)

    def _over(self, answer: Answer) -> None:
        if not answer.committed:
            return
        if answer.error:
            self._tell(CallNotice.of(answer.error))
        if answer.playback.empty or answer.playback.finished:
            self._finish(answer, cut=answer.error is not None)

    def _audible(self, answer: Answer) -> None:
        answer.audible = True
        self._place(answer)
        self._listener.answer_began(answer)

    def _place(self, answer: Answer) -> None:
        """Make room for the answer in the store, as soon as anything of it is to be kept."""
        if answer.node is None and answer.turn.question is not None:
            answer.node = self._recorder.answer(answer.turn.question)
            if self._announced:
                self._announced.place(answer.node)

    def _finish(self, answer: Answer, cut: bool) -> None:
        """The answer is over: keep what of it was heard."""
        message = answer.message(cut)
        self.current = None
        if message.parts or answer.error or answer.audible:
            self._place(answer)
        self._announced = None
        if answer.node:
            self._recorder.finish(answer.node, message, answer.error)
            self._recorder.parent = answer.node
        elif answer.turn.question is not None:
            self._recorder.parent = answer.turn.question
        if message.text:
            self._tell(Caption(answer.turn.number, "parlor", message.text, final=True))
        self._echo.silent()
        self._listener.answer_ended(answer)
