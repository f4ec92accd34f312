"""A live call: a conversation by voice that belongs to the server process, not to a page.

Transports bring the microphone's sound and tell what has been audible; everything else happens on one thread, in the
order it comes. Its parts: ``audio_input`` (sound to frames), ``turn_taking`` (who has the floor), ``controller``
(what is done), ``engine_queue`` (the engines), ``answer`` (an answer), ``recorder`` (the store).
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.call import reply as call_reply
from core.call.answer import AnswerEvent
from core.call.answers import Answers
from core.call.audio_input import AudioInput, Sounded
from core.call.controller import CallController
from core.call.engine_queue import EngineQueue, EngineQueues, Result
from core.call.events import CallEvent, CallNotice, Phase, PhaseChanged
from core.call.recorder import CallRecorder
from core.call.transport import CallOptions, Transport
from core.catalogue.spec import ModelSpec, installed
from core.errors import NotInstalled, ParlorError
from core.media import images as media
from core.runtime.lease import needed
from core.turn_taking.echo import Echo

if TYPE_CHECKING:
    from core.app.app import App

LOG = logging.getLogger(__name__)
EVENTS = 600  # of a call that can still be read
HELD = 600.0  # seconds a call waits for somebody to come back
CLOSING = 6.0  # seconds that the last words may take to be transcribed
LOOK = 0.5  # seconds between looks at the clock when nothing comes


class Call:
    """Begins at once; ``hang_up`` ends it. Methods may be called from any thread and return at once.

    ``clock`` tells seconds; frames, marks and the waterfall go by it.
    Raises NotInstalled when a model that it cannot do without is missing.
    """

    def __init__(
        self, app: App, conversation: str, options: CallOptions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.id = uuid.uuid4().hex
        self.conversation = conversation
        self.options = options
        self.sounding = (0, 0.0)  # turn and seconds of what was last reported as audible
        self.closing = False  # it is being hung up: what was said last is kept, and then it ends
        self._app, self._clock = app, clock
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._events: deque[CallEvent] = deque(maxlen=EVENTS)
        self._gone = 0  # events that are no longer in the deque
        self._changed = threading.Condition()
        choice = app.runs.choice()
        detect, turn_detector = _installed(app, "detect"), _maybe(app, "turn")
        hear = _usable(app, needed(choice.listen, "hear speech", "听写语音"))
        self._recorder = CallRecorder(app.store, conversation, app.settings.home / "calls")
        self._echo = Echo()
        read = choice.read if choice.read and installed(choice.read, app.settings.models) else None
        self._queues = EngineQueues(
            EngineQueue(hear, app.pool, self._result),
            EngineQueue(turn_detector, app.pool, self._result) if turn_detector else None,
            EngineQueue(read, app.pool, self._result) if read else None,
        )
        self._answers = Answers(app, self._recorder, self._echo, clock, self._tell, self._given)
        self._controller = CallController(app, self._recorder, options, self._queues, self._answers, clock, self._tell)
        self._audio_input = AudioInput(detect, app.pool, self._echo, clock, self._sounded)
        self._tell(PhaseChanged("opening"))
        models = [spec for spec in (hear, turn_detector, choice.speak, choice.chat) if spec]
        threading.Thread(target=self._open, args=(models,), name="call opening", daemon=True).start()
        self._thread = threading.Thread(target=self._work, name="call", daemon=True)
        self._thread.start()

    @property
    def phase(self) -> Phase:
        return self._controller.phase

    @property
    def busy(self) -> bool:
        """Whether anything is still to be heard, answered, played or drawn."""
        return bool(self.phase == "opening" or self.behind or self._controller.busy)

    @property
    def transport(self) -> Transport | None:
        """What carries the call now."""
        return self._answers.transport

    @property
    def behind(self) -> int:
        """How much of what came in has not been looked at yet."""
        return self._audio_input.behind + self._inbox.qsize()

    @property
    def working(self) -> bool:
        """Whether an engine is at work that somebody waits for."""
        return self.phase == "opening" or self._controller.working

    def connect(self, transport: Transport) -> None:
        """Carry the call from now on; a transport that is there gives way."""
        self._do(lambda: self._controller.link(transport))

    def disconnect(self, transport: Transport) -> None:
        """``transport`` is gone. Does nothing when another one carries the call."""
        self._do(lambda: self._controller.link(None) if self._answers.transport is transport else None)

    def listen(self, pcm: bytes, rate: int) -> None:
        """The microphone's next sound: s16 mono at ``rate`` Hz, of any length."""
        self._audio_input.listen(pcm, rate)

    def played(self, turn: int, seconds: float) -> None:
        """So many seconds of the answer to ``turn`` have been audible by now."""
        at = self._clock()
        self.sounding = (turn, seconds)
        self._do(lambda: self._controller.played(turn, seconds, at))

    def mute(self, muted: bool) -> None:
        self._do(lambda: self._controller.mute(muted))

    def push(self, down: bool) -> None:
        self._do(lambda: self._controller.key(down))

    def configure(self, options: CallOptions) -> None:
        self.options = options
        self._do(lambda: self._controller.configure(options))

    def show(self, data: bytes, name: str) -> None:
        """A picture for the next turn. Raises BadInput when it is none that can be opened."""
        image = media.open_image(data, name)
        self._do(lambda: self._controller.show(image))

    def say(self, text: str) -> None:
        """Written words as a turn of their own."""
        if text.strip():
            self._do(lambda: self._controller.typed(text.strip()))

    def hang_up(self, en: str = "", zh: str = "") -> None:
        """End the call; ``wait`` waits until it is kept."""
        self.closing = True
        self._do(lambda: self._finish(en, zh))

    def wait(self, seconds: float) -> bool:
        """Wait until the call has ended and let go of its engines."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def after(self, index: int) -> tuple[tuple[CallEvent, ...], int]:
        """The events from ``index`` on, as far as they can still be read, and the index to go on from."""
        with self._changed:
            skipped = max(0, index - self._gone)
            return tuple(self._events)[skipped:], self._gone + len(self._events)

    def wait_for(self, index: int, seconds: float) -> bool:
        """Wait until there is an event at ``index``."""
        with self._changed:
            return self._changed.wait_for(lambda: self._gone + len(self._events) > index, seconds)

    # posted by others

    def _do(self, work: Callable[[], None]) -> None:
        self._inbox.put(work)

    def _sounded(self, sound: Sounded | ParlorError) -> None:
        if isinstance(sound, Sounded):
            self._do(lambda: self._controller.sounded(sound))
        else:
            self._do(lambda: self._deaf(sound))

    def _result(self, result: Result) -> None:
        self._do(lambda: self._controller.result(result))

    def _given(self, given: AnswerEvent) -> None:
        self._do(lambda: self._answers.given(given))

    def _tell(self, event: CallEvent) -> None:
        with self._changed:
            self._gone += len(self._events) == EVENTS
            self._events.append(event)
            self._changed.notify_all()
        if transport := self._answers.transport:
            transport.tell(event)

    # the call's own thread

    def _work(self) -> None:
        held = 0.0
        while self._controller.phase != "ended":
            with contextlib.suppress(queue.Empty):
                work = self._inbox.get(timeout=LOOK)
                if work:
                    self._safely(work)
            now = time.monotonic()
            held = (held or now) if self._controller.phase == "held" else 0.0
            if held and now - held > HELD:
                self._finish("Nobody came back to this call, so it has ended.", "长时间无人接回，通话已结束。")
        self._controller.close()
        self._audio_input.close()
        self._queues.close()

    def _safely(self, work: Callable[[], None]) -> None:
        """Whatever goes wrong is told, and the call goes on."""
        try:
            work()
        except ParlorError as error:
            self._tell(CallNotice.of(error))
        except Exception:  # the last word of the call's thread: the person must hear of it
            LOG.exception("A call failed in one of its steps")
            self._tell(CallNotice(*_BROKE, trouble=True))

    def _open(self, models: list[ModelSpec]) -> None:
        """Load the models and put each to work once; a call that cannot hear ends with the reason."""
        trouble: ParlorError | None = None
        try:
            call_reply.made_ready(self._app, self.options, models, self._recorder.history(), self.conversation)
            self._prepare()
        except ParlorError as error:
            trouble = error
        self._do(lambda: self._opened(trouble))

    def _prepare(self) -> None:
        """Have the opening words spoken; a call without them answers all the same."""
        spec = self._app.runs.choice().speak
        if spec and self._app.settings.openers and installed(spec, self._app.settings.models):
            with contextlib.suppress(ParlorError):
                self._answers.fillers.prepare(self._app.pool, spec, call_reply.voiced(self._app.settings, self.options))

    def _deaf(self, trouble: ParlorError) -> None:
        """The detector could not be opened, or keeps dying: without it there is no call."""
        self._tell(CallNotice.of(trouble))
        self._finish(trouble.en, trouble.zh)

    def _opened(self, trouble: ParlorError | None) -> None:
        if trouble:
            self._tell(CallNotice.of(trouble))
            self._finish(trouble.en, trouble.zh)
        else:
            self._controller.enter("held" if self._answers.transport is None else "listening")

    def _finish(self, en: str = "", zh: str = "") -> None:
        """Keep what was said last, with its words if they come soon, and end."""
        if self._controller.phase == "ended":
            return
        self.closing = True
        self._controller.close()
        until = time.monotonic() + CLOSING
        while self._controller.unkept and time.monotonic() < until:
            with contextlib.suppress(queue.Empty):
                work = self._inbox.get(timeout=0.1)
                if work:
                    self._safely(work)
        self._controller.enter("ended", en, zh)


_BROKE = (
    "Something went wrong in this call; parlor.log in the data folder says what. You can go on talking.",
    "通话中出现意外错误，原因见数据文件夹中的 parlor.log。可以继续说话。",
)


def _usable(app: App, spec: ModelSpec) -> ModelSpec:
    from core.catalogue.spec import not_installed

    if not installed(spec, app.settings.models):
        raise not_installed(spec)
    return spec


def _installed(app: App, task: str) -> ModelSpec:
    """The model of a task that a person does not choose among. Raises NotInstalled."""
    found = _maybe(app, task)
    if found:
        return found
    specs = app.catalogue.by_task(task)  # type: ignore[arg-type]
    if not specs:
        raise NotInstalled("No model in the catalogue can detect speech.", "目录中没有可以检测语音的模型。")
    return _usable(app, specs[0])


def _maybe(app: App, task: str) -> ModelSpec | None:
    specs = app.catalogue.by_task(task)  # type: ignore[arg-type]
    return next((spec for spec in specs if installed(spec, app.settings.models)), None)
