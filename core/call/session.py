"""Call: ``Call`` is a live conversation by voice that belongs to the server process, not to a page.

Transports bring the microphone's sound and tell what has been audible; everything else happens on one thread, in the
order it comes: ``controller`` does it, ``audio_input``, the engine queues and the answers post to it.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from functools import partial

from core.call.audio_input import AudioInput, Sounded
from core.call.controller import CallController
from core.call.engine_queue import EngineQueue, EngineQueues
from core.call.events import CallEvent, CallNotice, Phase, PhaseChanged
from core.call.host import CallHost, CallModels, call_models, turn_context
from core.call.recorder import CallRecorder
from core.call.transport import CallOptions, Transport
from core.call.warm_up import warm_up
from core.catalogue.spec import ModelSpec
from core.errors import EngineFailed, ParlorError
from core.host.background import Background
from core.l10n.text import NOTHING, L10n, l10n
from core.media import images as media
from core.turn_taking.echo import Echo
from core.types.messages import Text

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
        self, host: CallHost, conversation: str, options: CallOptions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.id = uuid.uuid4().hex
        self.conversation = conversation
        self.options = options
        self.sounding = (0, 0.0)  # turn and seconds of what was last reported as audible
        self.closing = False  # it is being hung up: what was said last is kept, and then it ends
        self._host, self._clock = host, clock
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._events: deque[CallEvent] = deque(maxlen=EVENTS)
        self._gone = 0  # events that are no longer in the deque
        self._changed = threading.Condition()
        models, echo = call_models(host), Echo()
        self._recorder = CallRecorder(host.store, conversation, host.settings.home / "calls")
        self._queues = EngineQueues(
            self._queue(models.hear),
            self._queue(models.turn) if models.turn else None,
            self._queue(models.read) if models.read else None,
        )
        self._controller = CallController(
            host, self._recorder, options, self._queues, echo, clock, self._tell, self._do
        )
        self._audio_input = AudioInput(models.detect, host.pool, echo, clock, self._sounded, self._deaf)
        self._tell(PhaseChanged("opening"))
        opening = Background("call opening", _not_opened())
        opening.run(partial(self._open, models), lambda error: self._do(partial(self._opened, error)))
        self._thread = Background("call", _stumbled())
        self._thread.run(self._work, self._died)

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
        return self._controller.answers.transport

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
        self._do(lambda: self._controller.link(None) if self._controller.answers.transport is transport else None)

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

    def hang_up(self, why: L10n = NOTHING) -> None:
        """End the call; ``wait`` waits until it is kept."""
        self.closing = True
        self._do(lambda: self._finish(why))

    def wait(self, seconds: float) -> bool:
        """Wait until the call has ended and let go of its engines."""
        return self._thread.join(seconds)

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

    def _queue(self, spec: ModelSpec) -> EngineQueue:
        return EngineQueue(spec, self._host.pool, self._do, lambda error: self._tell(CallNotice.of(error)))

    def _sounded(self, sound: Sounded) -> None:
        self._do(partial(self._controller.sounded, sound))

    def _deaf(self, error: ParlorError) -> None:
        self._do(partial(self._give_up, error))

    def _tell(self, event: CallEvent) -> None:
        with self._changed:
            self._gone += len(self._events) == EVENTS
            self._events.append(event)
            self._changed.notify_all()
        if transport := self._controller.answers.transport:
            transport.tell(event)

    # the call's own thread

    def _work(self) -> None:
        held = 0.0
        while self._controller.phase != "ended":
            with contextlib.suppress(queue.Empty):
                self._safely(self._inbox.get(timeout=LOOK))
            now = time.monotonic()
            held = (held or now) if self._controller.phase == "held" else 0.0
            if held and now - held > HELD:
                self._finish(l10n("Nobody came back to this call, so it has ended."))
        self._controller.close()
        self._audio_input.close()
        self._queues.close()

    def _safely(self, work: Callable[[], None]) -> None:
        """Whatever goes wrong is told, and the call goes on."""
        if error := self._thread.outcome(work):
            self._tell(CallNotice.of(error))

    def _open(self, models: CallModels) -> None:
        """On a thread beside: load the models, put each to work once, and have the fillers spoken."""
        history = self._recorder.history()
        context = turn_context(self._host, (Text("Hello."),), history, self.options, self.conversation)
        choice = context.choice
        warm_up(context, models.hear, [spec for spec in (models.turn, choice.speak, choice.chat) if spec])
        with contextlib.suppress(ParlorError):  # a call without fillers answers all the same
            self._controller.answers.fillers.prepare(context)

    def _opened(self, error: ParlorError | None) -> None:
        """Listen; a call that cannot hear ends with the reason."""
        if error:
            self._give_up(error)
        else:
            self._controller.enter("held" if self._controller.answers.transport is None else "listening")

    def _give_up(self, error: ParlorError) -> None:
        """Without this there is no call: it ends with the reason."""
        self._tell(CallNotice.of(error))
        self._finish(error.text)

    def _died(self, error: ParlorError | None) -> None:
        """The call's own thread is over."""
        if error:
            self.closing = True
            self._tell(CallNotice(_OVER, trouble=True))
            self._controller.enter("ended", _OVER)

    def _finish(self, why: L10n = NOTHING) -> None:
        """Keep what was said last, with its words if they come soon, and end."""
        if self._controller.phase == "ended":
            return
        self.closing = True
        self._controller.close()
        until = time.monotonic() + CLOSING
        while self._controller.unkept and time.monotonic() < until:
            with contextlib.suppress(queue.Empty):
                self._safely(self._inbox.get(timeout=0.1))
        self._controller.enter("ended", why)


_OVER = l10n(
    "Something went wrong in this call, and it has ended; parlor.log in the data folder says what. Begin another one."
)


def _stumbled() -> EngineFailed:
    return EngineFailed(
        l10n("Something went wrong in this call; parlor.log in the data folder says what. You can go on talking.")
    )


def _not_opened() -> EngineFailed:
    return EngineFailed(
        l10n("This call could not be opened; parlor.log in the data folder says why. Begin another one.")
    )
