"""A picture that is drawn beside a call: the talk goes on, and the picture joins the answer that announced it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.call.answer import Answer, AnswerEvent
from core.call.events import CallEvent, CallNotice, Drawing
from core.call.user_turn import UserTurn
from core.pipeline.respond import respond
from core.pipeline.turn_context import TurnContext
from core.types.events import Done, Notice, Picture, Progress, Prompt
from core.types.messages import Image

if TYPE_CHECKING:
    from core.call.recorder import CallRecorder


class BackgroundDrawing:
    """Draws what ``scene`` asks for; ``answer`` is the thread it runs on."""

    def __init__(self, spoken: UserTurn, scene: TurnContext) -> None:
        self.turn = spoken.turn
        self.answer = Answer(spoken)
        self._scene = scene
        self._prompt = ""
        self._node: int | None = None
        self._pictures: list[Image] = []

    def begin(
        self, tell: Callable[[CallEvent], None], recorder: CallRecorder, post: Callable[[AnswerEvent], None]
    ) -> None:
        self._tell, self._recorder = tell, recorder
        tell(Drawing(self.turn, None))
        self.answer.begin(respond(self._scene), post)

    def place(self, node: int) -> None:
        """The message that the pictures belong to."""
        self._node = node

    def given(self, given: AnswerEvent) -> bool:
        """Something came of it; whether it is over."""
        match given.event:
            case Prompt(painting):
                self._prompt = painting.prompt
                self._tell(Drawing(self.turn, 0.0, prompt=self._prompt))
            case Notice(en, zh):
                self._tell(CallNotice(en, zh))
            case Progress(stage="paint", fraction=fraction, preview=preview):
                self._tell(Drawing(self.turn, fraction, preview, prompt=self._prompt))
            case Picture(image):
                self._pictures.append(image)
                self._keep()
                self._tell(Drawing(self.turn, 1.0, image=image, prompt=self._prompt))
            case Done():
                self._keep()
            case None:
                if given.trouble:
                    self._tell(CallNotice.of(given.trouble))
                return True
        return False

    def stop(self) -> None:
        self.answer.stop()

    def withdraw(self) -> None:
        """The turn that asked for it goes on: another answer will be given."""
        self.stop()
        self._tell(Drawing(self.turn, dropped=True))

    def _keep(self) -> None:
        if self._node is not None and self._pictures:
            self._recorder.drawn(self._node, tuple(self._pictures), self.answer.record.made_by)
