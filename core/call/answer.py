"""An answer in a call, on a thread of its own: begun before it is known to be wanted, and easily thrown away."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from core.call.events import Clause, Timed
from core.call.playback import PlayedAnswer
from core.call.user_turn import UserTurn
from core.errors import EngineFailed, ParlorError
from core.pipeline.turn_record import TurnRecord
from core.types.events import Event, Tick
from core.types.messages import Message, Part, Text, Transcript

if TYPE_CHECKING:
    from core.call.drawing import BackgroundDrawing

TAIL = 0.03  # seconds: an answer heard up to here is heard to its end
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AnswerEvent:
    """Something an answer gave; at its end ``event`` is None and ``trouble`` what ended it."""

    answer: Answer
    event: Event | None
    trouble: ParlorError | None = None


@dataclass(eq=False)
class Answer:
    """Runs ``events`` (``core.pipeline.respond``) and posts what comes of them; ``stop`` ends it within a tenth of a
    second.

    The fields below belong to the call's own thread.
    """

    spoken: UserTurn  # the turn it answers
    record: TurnRecord = field(default_factory=TurnRecord)  # the fold of what it gave
    played: PlayedAnswer = field(default_factory=PlayedAnswer)
    text: str = ""  # written so far
    sounds: list[Clause] = field(default_factory=list)
    queued: int = 0  # sounds that went out on the transport
    heard: float = 0.0  # seconds of them that were audible
    node: int | None = None  # where it is kept
    committed: bool = False  # the turn it answers is over, so that it may be heard
    sounded_at: float = 0.0  # the clock at its first sound
    zero: float = 0.0  # and, told then, at the last sound of its question
    audible: bool = False  # more of it than the word that it was begun with
    filler: float = 0.0  # seconds of the word that it was begun with
    over: bool = False
    trouble: ParlorError | None = None
    refusal: ParlorError | None = None  # why there will be no picture
    drawing: BackgroundDrawing | None = None
    timed: Timed | None = None

    @property
    def turn(self) -> int:
        return self.spoken.turn

    @property
    def opening(self) -> bool:
        """Whether only the word that it was begun with has been heard, and what is asked may still go on."""
        more = not self.over or self.played.seconds > self.filler + TAIL
        return self.filler > 0 and self.heard <= self.filler + TAIL and more and not self.spoken.typed

    def message(self, cut: bool) -> Message:
        """The answer as the history keeps it: what was heard of it, or all of it when nobody broke it off."""
        text, sound, words = self.played.until(self.heard if cut else math.inf)
        parts: tuple[Part, ...] = ()
        if sound and sound.pcm:
            parts = (sound, Transcript(text, "", words))
        elif self.text and not (cut and self.played.clauses):
            parts = (Text(self.text),)
        metrics = self.record.metrics()
        seconds = dict(metrics.seconds)
        if self.timed:
            seconds |= {f"call {stage.name}": stage.end - stage.start for stage in self.timed.stages}
            seconds["call total"] = self.timed.total
            if self.timed.words:
                seconds["call words"] = self.timed.words
        figures = replace(metrics, seconds=tuple((name, round(spent, 3)) for name, spent in seconds.items()))
        return Message("assistant", parts, self.record.made_by, figures, cut)

    def begin(self, events: Generator[Event, None, None], post: Callable[[AnswerEvent], None]) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._work, args=(events, post), name=f"call answer {self.turn}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _work(self, events: Generator[Event, None, None], post: Callable[[AnswerEvent], None]) -> None:
        trouble: ParlorError | None = None
        try:
            with contextlib.closing(events):
                for event in events:
                    if self._stopped.is_set():
                        break
                    if not isinstance(event, Tick):
                        post(AnswerEvent(self, event))
        except ParlorError as error:
            trouble = error
        except Exception:  # a thread's last word: whatever it is, the person must hear of it
            LOG.exception("An answer in a call failed")
            trouble = EngineFailed(
                "This answer failed unexpectedly; parlor.log in the data folder says why. Ask again.",
                "回答意外失败，原因见数据文件夹中的 parlor.log。请再问一次。",
            )
        post(AnswerEvent(self, None, trouble))
