"""Drawing in a call: ``BackgroundDrawing`` draws beside the talk, and its pictures join the answer that announced it.

``before_drawing`` is what that answer says, ``saying`` says it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial

from core.call.engine_queue import Post
from core.call.events import CallEvent, CallNotice, Drawing
from core.call.recorder import CallRecorder
from core.catalogue.spec import not_installed
from core.errors import EngineFailed, NotInstalled, ParlorError
from core.host.background import Background
from core.l10n.text import l10n
from core.pipeline.respond import respond
from core.pipeline.route import Plan
from core.pipeline.speech import SpeechStream
from core.pipeline.turn_context import TurnContext
from core.pipeline.turn_record import TurnRecord
from core.types.events import Complete, Delta, Done, Event, Notice, Picture, Progress, Prompt, Tick

ANNOUNCED = l10n("All right, I am drawing it now.")
NO_PAINTER = l10n("I cannot draw yet, because no model for drawing is installed.")


def before_drawing(context: TurnContext, plan: Plan, language: str) -> tuple[str, NotInstalled | None]:
    """What is said at once to a wish for a picture; and why there will be none, when there is no painter."""
    if plan.paint and context.choice.has(plan.paint):
        return ANNOUNCED.into(language), None
    missing = not_installed(plan.paint) if plan.paint else NotInstalled(NO_PAINTER)
    return NO_PAINTER.into(language), missing


def saying(text: str, context: TurnContext) -> Generator[Event, None, None]:
    """``text`` as an answer: its words, then its sound."""
    yield Delta(text)
    if context.choice.speak:
        speech = SpeechStream(context.choice.speak, context.pool, context.settings, live=True)
        try:
            speech.write(text)
            yield from speech.finish()
        finally:
            speech.close()
    yield Complete()


class BackgroundDrawing:
    """Draws what ``context`` asks for, the wish of turn number ``turn``. Belongs to the call's own thread."""

    def __init__(
        self, turn: int, context: TurnContext, tell: Callable[[CallEvent], None], recorder: CallRecorder
    ) -> None:
        self._turn, self._context, self._tell, self._recorder = turn, context, tell, recorder
        self._record = TurnRecord()  # the fold of what came
        self._prompt = ""
        self._node: int | None = None
        self._withdrawn = False
        self._work = Background(f"call drawing {turn}", _broke())

    def begin(self, post: Post, over: Callable[[BackgroundDrawing], None]) -> None:
        """Draw on a thread beside the call's; ``over`` is called at the end, unless it was withdrawn."""
        self._tell(Drawing(self._turn, None))

        def each(event: Event) -> None:
            if not isinstance(event, Tick):
                post(partial(self._receive, event))

        self._work.drive(respond(self._context), each, lambda error: post(partial(self._end, error, over)))

    def place(self, node: int) -> None:
        """The message that the pictures belong to."""
        self._node = node

    def stop(self) -> None:
        self._work.stop()

    def withdraw(self) -> None:
        """The turn that asked for it goes on: another answer will be given."""
        self.stop()
        self._withdrawn = True
        self._tell(Drawing(self._turn, dropped=True))

    def _receive(self, event: Event) -> None:
        if self._withdrawn:
            return
        self._record = self._record.add(event)
        match event:
            case Prompt(painting):
                self._prompt = painting.prompt
                self._tell(Drawing(self._turn, 0.0, prompt=self._prompt))
            case Notice(text):
                self._tell(CallNotice(text))
            case Progress(stage="paint", fraction=fraction, preview=preview):
                self._tell(Drawing(self._turn, fraction, preview, prompt=self._prompt))
            case Picture(image):
                self._keep()
                self._tell(Drawing(self._turn, 1.0, image=image, prompt=self._prompt))
            case Done():
                self._keep()

    def _end(self, error: ParlorError | None, over: Callable[[BackgroundDrawing], None]) -> None:
        if self._withdrawn:
            return
        if error:
            self._tell(CallNotice.of(error))
        over(self)

    def _keep(self) -> None:
        if self._node is not None and self._record.images:
            self._recorder.drawn(self._node, self._record.images, self._record.made_by)


def _broke() -> EngineFailed:
    return EngineFailed(
        l10n("This picture failed unexpectedly; parlor.log in the data folder says why. Ask for it again.")
    )
