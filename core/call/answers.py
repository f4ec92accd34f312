"""The answers of a call: begun before the turn is over, heard when it is, kept as far as they were heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from core.call import reply as reply
from core.call.answer import TAIL, Answer, AnswerEvent
from core.call.drawing import BackgroundDrawing
from core.call.events import CallEvent, CallNotice, Caption, Clause, Interrupted
from core.call.fillers import Fillers
from core.call.playback import PlayedAnswer
from core.call.recorder import CallRecorder
from core.call.transport import CallOptions, Transport
from core.call.user_turn import UserTurn
from core.errors import ParlorError
from core.pipeline.respond import respond
from core.turn_taking.echo import Echo
from core.types.events import Delta, Event, Notice, Sound, Understood
from core.types.messages import Audio, Image, Message, Reading, Text

if TYPE_CHECKING:
    from core.app.app import App

FILLERS = 2  # in one turn: one that its own echo reopens must not go on for ever
GROWING = 1.0  # seconds of an answer heard between two times that it is kept


class Answers:
    """One answer at a time, and the pictures that are drawn beside it. Everything runs on the call's own thread.

    ``transport`` is where sound goes, None while nobody is connected. ``began`` is called when an answer becomes
    audible, ``ended`` when it is over and kept. The word that it may begin with is no answer yet, only a sign of
    listening: whoever goes on after it goes on with the same turn.
    """

    def __init__(
        self,
        app: App,
        recorder: CallRecorder,
        echo: Echo,
        clock: Callable[[], float],
        tell: Callable[[CallEvent], None],
        post: Callable[[AnswerEvent], None],
    ) -> None:
        self._app, self._recorder, self._echo = app, recorder, echo
        self._clock, self._tell, self._post = clock, tell, post
        self.transport: Transport | None = None
        self.fillers = Fillers()
        self.current: Answer | None = None
        self.drawings: list[BackgroundDrawing] = []
        self.began: Callable[[Answer], None] = lambda answer: None
        self.ended: Callable[[Answer], None] = lambda answer: None

    @property
    def working(self) -> bool:
        """Whether somebody waits for an engine to answer."""
        return self.current is not None and not self.current.over

    def begin(self, spoken: UserTurn, options: CallOptions) -> None:
        """Begin to answer ``spoken``, which may not be over yet."""
        scene = reply.scene_of(
            self._app, spoken.parts(), self._recorder.history(), options, self._recorder.conversation
        )
        plan = reply.plan_of(scene)
        answer = self.current = Answer(spoken)
        if not plan.draw:
            answer.begin(respond(scene), self._post)
            return
        words, answer.refusal = reply.before_drawing(scene, plan, spoken.language)
        if not answer.refusal:
            silent = replace(scene, turn=replace(scene.turn, speak=False))
            answer.drawing = BackgroundDrawing(spoken, silent)
        answer.begin(reply.saying(words, scene), self._post)

    def commit(self) -> None:
        """The turn is over: what there is of its answer may be heard, or else the word that one begins with."""
        answer = self.current
        if answer is None:
            return
        answer.committed = True
        if not answer.sounds and not answer.over:
            self._open(answer)
        self._play(answer)
        if len(answer.sounds) > 1:
            self._words(answer)

    def backchannel(self) -> None:
        """The turn may be over: let the word be heard that its answer begins with, and nothing else of it."""
        answer = self.current
        if answer and not answer.committed and not answer.filler and self._open(answer):
            self._play(answer, 1)

    def _open(self, answer: Answer) -> bool:
        """Put an opening word before what there is of an answer; False when there is none."""
        spoken = answer.spoken
        if spoken.fillers == FILLERS or (filler := self.fillers.next(spoken.language)) is None:
            return False
        spoken.fillers += 1
        ready, answer.sounds, answer.played = answer.sounds, [], PlayedAnswer()
        self._add(answer, *filler)
        answer.filler = filler[1].seconds
        for clause in ready:
            assert clause.sound
            self._add(answer, clause.text, clause.sound)
        return True

    def committed(self) -> None:
        """The turn is kept: what else belongs to its answer may begin."""
        answer = self.current
        if answer is None:
            return
        if answer.refusal:
            self._tell(CallNotice.of(answer.refusal))
        if answer.drawing:
            self.drawings.append(answer.drawing)
            answer.drawing.begin(self._tell, self._recorder, self._post)
        if answer.over:
            self._over(answer, answer.trouble)

    def given(self, given: AnswerEvent) -> None:
        """Something an answer or a drawing brought forth."""
        answer, event = given.answer, given.event
        if event is not None:
            answer.record = answer.record.add(event)
        drawing = next((one for one in self.drawings if one.answer is answer), None)
        if drawing:
            if drawing.given(given):
                self.drawings.remove(drawing)
        elif answer is self.current:
            self._over(answer, given.trouble) if event is None else self._event(answer, event)

    def played(self, turn: int, seconds: float, at: float) -> Answer | None:
        """So much of the answer to ``turn`` had been audible at the clock's ``at``; that answer while it goes on."""
        answer = self.current
        if not answer or answer.turn != turn or not answer.queued:
            return None
        self._echo.heard(turn, seconds, at)
        kept, answer.heard = answer.heard, max(answer.heard, seconds)
        if answer.timed is None:
            self._sounded(answer, at)
        if answer.opening or not answer.committed:
            return None
        if not answer.audible:
            self._audible(answer)
        if answer.over and answer.heard >= answer.played.seconds - TAIL:
            self._finish(answer, cut=False)
            return None
        if answer.node and int(answer.heard / GROWING) > int(kept / GROWING):
            self._recorder.growing(answer.node, Message("assistant", (Text(answer.played.until(answer.heard)[0]),)))
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
            self._tell(Interrupted(answer.turn, answer.played.until(answer.heard)[0]))
        self._finish(answer, cut=True)

    def discard(self) -> None:
        """Throw an answer away of which nothing was heard but the word that it began with."""
        answer = self.current
        if not answer or answer.audible:
            return
        answer.stop()
        if answer.queued:
            if self.transport:
                self.transport.hush()
            self._echo.silent()
        if answer.drawing in self.drawings:
            self.drawings.remove(answer.drawing)
            answer.drawing.withdraw()
        self.current = None

    def close(self) -> None:
        for drawing in self.drawings:
            drawing.stop()

    def _event(self, answer: Answer, event: Event) -> None:
        spoken = answer.spoken
        match event:
            case Delta(text):
                if not answer.text:
                    spoken.mark("written", self._clock())
                answer.text += text
            case Sound(audio, text):
                if "spoken" not in spoken.marks:
                    spoken.mark("spoken", self._clock())
                self._add(answer, text, audio)
                if answer.committed:
                    self._play(answer)
                    self._words(answer)
            case Understood(message) if spoken.shown:
                spoken.shown = tuple(part for part in message.parts if isinstance(part, Image | Reading))
                if spoken.question is not None:
                    self._recorder.words(spoken.question, spoken.parts())
            case Notice(en, zh):
                self._tell(CallNotice(en, zh))

    def _add(self, answer: Answer, text: str, sound: Audio) -> None:
        answer.played.add(text, sound)
        answer.sounds.append(Clause(answer.turn, len(answer.sounds), text, sound.seconds, sound))

    def _words(self, answer: Answer) -> None:
        """After an opening word, tell when the answer's own words could be heard."""
        if answer.filler and answer.timed and answer.timed.words is None:
            words = max(self._clock(), answer.sounded_at + answer.filler)
            answer.timed = answer.spoken.timed(answer.sounded_at, words, answer.zero)
            self._tell(answer.timed)

    def _play(self, answer: Answer, most: int | None = None) -> None:
        while answer.queued < len(answer.sounds[:most]):
            clause = answer.sounds[answer.queued]
            light = answer.sounds[answer.queued] = replace(clause, sound=None)
            answer.queued += 1
            assert clause.sound
            self._echo.play(answer.turn, clause.sound)
            self._tell(light)
            if self.transport:
                self.transport.play(clause)

    def _over(self, answer: Answer, trouble: ParlorError | None) -> None:
        answer.over, answer.trouble = True, trouble
        if not answer.committed:
            return
        if trouble:
            self._tell(CallNotice.of(trouble))
        if not answer.sounds or answer.heard >= answer.played.seconds - TAIL:
            self._finish(answer, cut=trouble is not None)

    def _sounded(self, answer: Answer, at: float) -> None:
        answer.sounded_at, answer.zero = at, answer.spoken.voiced_until
        answer.timed = answer.spoken.timed(at)
        self._tell(answer.timed)
        if answer.committed and len(answer.sounds) > 1:
            self._words(answer)

    def _audible(self, answer: Answer) -> None:
        answer.audible = True
        self._place(answer)
        self.began(answer)

    def _place(self, answer: Answer) -> None:
        """Make room for the answer in the store, as soon as anything of it is to be kept."""
        if answer.node is None and answer.spoken.question is not None:
            answer.node = self._recorder.answer(answer.spoken.question)
            if answer.drawing:
                answer.drawing.place(answer.node)

    def _finish(self, answer: Answer, cut: bool) -> None:
        """The answer is over: keep what of it was heard."""
        message = answer.message(cut)
        self.current = None
        if message.parts or answer.trouble or answer.audible:
            self._place(answer)
        if answer.node:
            self._recorder.finish(answer.node, message, answer.trouble)
            self._recorder.parent = answer.node
        elif answer.spoken.question is not None:
            self._recorder.parent = answer.spoken.question
        if message.text:
            self._tell(Caption(answer.turn, "parlor", message.text, final=True))
        self._echo.silent()
        self.ended(answer)
