"""Input of a call: ``UserInput`` has what the person says and shows recognised, and tells what came of it.

Speech recognition, end-of-turn detection and OCR, each on its engine's queue; results come on the call's own thread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from core.call.engine_queue import EngineQueues
from core.call.events import CallEvent, PicturesWaiting
from core.call.host import CallHost
from core.call.recorder import CallRecorder
from core.errors import ParlorError
from core.turn_taking.user_turn import RATE, Pictures, Turns, UserTurn
from core.types.generation import Aligned, Segment
from core.types.messages import Audio, Image


class InputListener(Protocol):
    """Who is told what was recognised, on the call's own thread."""

    def heard(self, turn: UserTurn, number: int) -> None:
        """The open turn is recognised up to its pause ``number``; its text is empty when nobody spoke."""

    def overheard(self, turn: UserTurn, segment: Segment) -> None:
        """The segment that is being spoken, as far as it had come."""

    def end_detected(self, number: int, finished: float) -> None:
        """How likely the turn has ended with pause ``number``, 0 to 1."""


class UserInput:
    """``turns`` has the open turn; what is shown belongs to the next one that is answered."""

    def __init__(
        self,
        host: CallHost,
        queues: EngineQueues,
        recorder: CallRecorder,
        clock: Callable[[], float],
        tell: Callable[[CallEvent], None],
        listener: InputListener,
    ) -> None:
        self._host, self._queues, self._recorder = host, queues, recorder
        self._clock, self._tell, self._listener = clock, tell, listener
        self.turns = Turns()
        self._pictures = Pictures()
        self._language = ""  # of the call so far

    @property
    def hearing(self) -> bool:
        """Whether speech is being recognised."""
        return self._queues.hear.busy > 0

    @property
    def working(self) -> bool:
        """Whether somebody waits for an engine."""
        detector = self._queues.turn_detector
        return self.hearing or bool(detector and detector.busy)

    def overhear(self, turn: UserTurn) -> None:
        """Recognise the segment that is being spoken, for a caption or to tell words from noise."""

        def each(item: Segment | Aligned) -> None:
            if isinstance(item, Segment):
                self._listener.overheard(turn, item)

        self._queues.transcribe(turn.segment, self._language, self._host.settings.script, False, each)

    def pause(self, turn: UserTurn, number: int, detect: bool) -> None:
        """Recognise the segment that pause ``number`` closed; with ``detect``, whether the turn has ended with it."""
        turn.mark("ended", self._clock())
        each, ended = partial(self._recognised, turn, number), partial(self._transcribed, turn, number)
        self._queues.transcribe(turn.end(number), self._language, self._host.settings.script, True, each, ended)
        detected, over = partial(self._detected, turn, number), partial(self._undetected, turn, number)
        if not (detect and self._queues.detect_end(bytes(turn.sound), detected, over)):
            self._listener.end_detected(number, 1.0)

    def show(self, image: Image) -> None:
        """A picture for the next turn; its words are read meanwhile."""
        number = self._pictures.add(image)
        self._queues.read_words(image, lambda reading: self._pictures.read(number, reading))
        self._tell(PicturesWaiting(len(self._pictures)))

    def offer_pictures(self, turn: UserTurn) -> None:
        """What was shown is answered with ``turn``, which may still go on."""
        before = turn.shown if turn.question is not None else ()
        turn.shown = (*before, *self._pictures.offer())

    def hand_pictures_over(self, turn: UserTurn) -> None:
        """What was offered to ``turn`` is kept with it."""
        if turn.shown:
            self._pictures.hand_over()
            self._tell(PicturesWaiting(len(self._pictures)))

    def _recognised(self, turn: UserTurn, number: int, item: Segment | Aligned) -> None:
        if number not in turn.segments:  # the turn went on, and is recognised again with what followed
            return
        if isinstance(item, Aligned):
            turn.aligned(number, item.words)
            if turn.question is not None:
                self._recorder.words(turn.question, turn.parts())
        else:
            turn.heard(number, item.text, item.language)
            self._heard(turn, number)

    def _transcribed(self, turn: UserTurn, number: int, error: ParlorError | None) -> None:
        """Where no words came, nobody spoke; or the engine failed, and the recording is kept without its words."""
        if number not in turn.segments or turn.segments[number].text is not None:
            return
        if error:
            sound = Audio(bytes(turn.sound), RATE)
            self._recorder.parent = self._recorder.question((*turn.shown, sound), turn.question)
            self._recorder.forget()
        turn.heard(number, "", "")
        self._heard(turn, number)

    def _heard(self, turn: UserTurn, number: int) -> None:
        if turn is self.turns.open and turn.text is not None:
            turn.mark("heard", self._clock())
            self._language = turn.language or self._language
            self._listener.heard(turn, number)

    def _detected(self, turn: UserTurn, number: int, finished: float) -> None:
        if turn is self.turns.open and number in turn.segments:
            turn.mark("detected", self._clock())
        self._listener.end_detected(number, finished)

    def _undetected(self, turn: UserTurn, number: int, error: ParlorError | None) -> None:
        """Without a turn detector, words and silence decide."""
        if error:
            self._detected(turn, number, 0.0)
