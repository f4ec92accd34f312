"""A call held over a script of sound, on a clock that is the sound's: it waits for its engines only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from core.app.app import App
from core.call.events import CallEvent, Caption
from core.call.file_transport import BEHIND, STEP, FileClock, hold, pieces
from core.call.transport import CallOptions
from core.types.messages import Audio, Message
from tests.sound.sounds import silence

FRANCE, JAPAN, STORY = "What is the capital of France?", "What is the capital of Japan?", "Tell me a long story."
# A small model, and the same answers every time: a sentence, or eight seconds where it is asked for a story.
CALM = {"PARLOR_OFFLINE": "1", "PARLOR_CHAT": "smollm2-135m-instruct", "PARLOR_TEMPERATURE": "0"}
CALM |= {"PARLOR_MAX_TOKENS": "24"}
PATIENCE = 60.0  # seconds of silence that a script waits at most
Step = Audio | float | Callable[["Held"], bool]


class Held:
    """A call, and what came of it. Its script: sound, seconds of silence, or silence until something is so.

    Time goes on while an engine is at work, as in life. With ``still`` it does not: nothing depends on the machine.
    """

    def __init__(
        self, app: App, options: CallOptions | None = None, conversation: str = "", still: bool = False
    ) -> None:
        self.app, self.still = app, still
        self.clock = FileClock(fast=True)
        self.call = app.calls.start(conversation, options or CallOptions(), self.clock)
        self.events: list[CallEvent] = []

    def over(self, *script: Step, echo: float = 0.0) -> Held:
        seen = 0
        for _ in hold(self.call, self.clock, self._microphone(script), echo):
            while self.still and (self.call.behind or self.call.working) and self.call.phase != "ended":
                time.sleep(BEHIND)
            events, seen = self.call.after(seen)
            self.events += events
        self.events += self.call.after(seen)[0]
        return self

    def _microphone(self, script: tuple[Step, ...]) -> Iterator[bytes]:
        for step in script:
            if callable(step):
                until = self.clock.fed + PATIENCE
                while not step(self) and self.clock.fed < until:
                    yield from pieces(silence(STEP))
            else:
                yield from pieces(silence(step) if isinstance(step, float) else step)

    def all(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def finals(self, who: str) -> list[str]:
        return [one.text for one in self.all(Caption) if one.who == who and one.final and one.text]

    @property
    def kept(self) -> list[Message]:
        return [node.message for node in self.app.store.path(self.call.conversation)]


def idle(held: Held) -> bool:
    return held.call.phase == "listening" and not held.call.busy


def answering(held: Held) -> bool:
    """Whether a second of an answer has been audible."""
    return held.call.phase == "speaking" and held.call.sounding[1] > 1.0


def do(work: Callable[[Held], Any]) -> Callable[[Held], bool]:
    """A step of a script that does something and waits for nothing."""

    def step(held: Held) -> bool:
        work(held)
        return True

    return step
