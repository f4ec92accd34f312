"""Speech of an answer: ``SpeechStream`` takes clauses as they are written and gives their sounds in order meanwhile.

``speaking_voice`` decides which voice speaks, for whatever is said in this app.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.catalogue.kokoro_voices import VOICES
from core.catalogue.spec import ModelSpec
from core.errors import NotEnoughMemory, ParlorError
from core.l10n.text import l10n
from core.pipeline.turn_record import provenance
from core.runtime.engines import RemoteTTS
from core.runtime.pool import Lease, Pool
from core.runtime.worker import EngineCall, Worker
from core.settings import Settings
from core.text.clauses import Clauses
from core.types.events import Event, ModelUsed, Notice, Sound, StageEnded, Tick
from core.types.messages import Audio
from core.types.provenance import Scalar

if TYPE_CHECKING:
    from core.media.voice_references import Reference

LOOK = 0.004  # seconds between looks for a sound when nothing else is to be done
LOADING = 0.2  # seconds between looks at a speaker that is loading: each look may wait 0.05 s, and words must not


@dataclass(frozen=True, slots=True)
class SpeakingVoice:
    """How a model is asked to speak: in the first of ``voices`` that fits the language, or as in ``reference``."""

    voices: tuple[str, ...] = ()
    reference: Reference | None = None
    speed: float = 1.0

    def speak(self, worker: Worker, text: str, language: str = "") -> EngineCall[Audio]:
        """Begin to say ``text``; ``language`` empty is judged by its script. Raises BadInput (``Reference.audio``)."""
        sound = self.reference.audio if self.reference else None
        return RemoteTTS(worker).speak(text, self.voices, language, self.speed, sound)

    def settings(self) -> dict[str, Scalar]:
        """The settings in force, for the provenance."""
        named: dict[str, Scalar] = {"reference": self.reference.name} if self.reference else {}
        return {"voices": " ".join(self.voices), "speed": self.speed, **named}


def speaking_voice(spec: ModelSpec, settings: Settings) -> SpeakingVoice:
    """The voice in which ``spec`` speaks: a speaker inside it, Kokoro's for English and Chinese, or a saved recording.

    Raises BadInput when there is no recording of the name that was chosen.
    """
    return SpeakingVoice(_voices(spec, settings), _reference(spec, settings), settings.speech.speed)


class SpeechStream:
    """Speaks beside a model that is still writing. ``step`` never waits long; ``finish`` speaks what is left.

    ``live``: somebody waits for the first sound, which then is of a few words only (``core.text.clauses``). The speaker
    is loaded while the first words are written. When it does not fit beside the writer it waits until ``finish``, by
    which time the writer's lease must be over. A speaker that fails falls silent and says why: words are never lost to
    a voice.
    """

    def __init__(self, spec: ModelSpec, pool: Pool, settings: Settings, live: bool = False) -> None:
        self._spec, self._pool, self._settings = spec, pool, settings
        self._voice = SpeakingVoice()
        self._clauses = Clauses(live=live)
        self._waiting: deque[str] = deque()
        self._opening: Generator[Event, None, Lease] | None = pool.use(spec, wait=False)
        self._lease: Lease | None = None
        self._call: EngineCall[Audio] | None = None
        self._clause = ""
        self._began = time.monotonic()
        self._silent = False
        self._unsaid = 0  # clauses of which no sound came: the model does not know their language
        self._alone = False  # the writer is done: what does not fit now never will
        self._asked = 0.0

    def write(self, delta: str) -> None:
        self._waiting.extend(self._clauses.feed(delta))

    def step(self) -> Iterator[Event]:
        """Whatever can be said now."""
        if self._silent:
            return
        try:
            if self._lease is None and self._opening:
                yield from self._open(self._opening)
            if self._lease:
                yield from self._speak(self._lease)
        except NotEnoughMemory as error:
            self._opening = None
            if self._alone:
                yield from self._fall_silent(error)
        except ParlorError as error:
            yield from self._fall_silent(error)

    def finish(self) -> Iterator[Event]:
        """Say the rest, then give the speaker back."""
        self._waiting.extend(self._clauses.rest())
        try:
            while not self._silent and (self._waiting or self._call):
                if self._lease is None and self._opening is None:
                    self._opening, self._alone = self._pool.use(self._spec), True
                yield from self.step()
                yield Tick()
                time.sleep(LOOK)
            if self._unsaid and not self._silent:
                yield self._left_out()
        finally:
            self.close()

    def close(self) -> None:
        """Stop speaking and give the speaker back."""
        if self._call:
            self._call.close()
            self._call = None
        if self._opening:
            self._opening.close()
            self._opening = None
        if self._lease:
            self._lease.release()
            self._lease = None

    def _open(self, opening: Generator[Event, None, Lease]) -> Iterator[Event]:
        if time.monotonic() < self._asked + LOADING:
            return
        self._asked = time.monotonic()
        try:
            yield next(opening)
        except StopIteration as opened:
            self._lease, self._opening = opened.value, None
            self._voice = speaking_voice(self._spec, self._settings)
            yield ModelUsed(provenance("speak", self._spec, None, **self._voice.settings()))

    def _speak(self, lease: Lease) -> Iterator[Event]:
        if self._call is None and self._waiting:
            self._clause, self._began = self._waiting.popleft(), time.monotonic()
            self._call = self._voice.speak(lease.worker, self._clause)
        if self._call:
            for audio in self._call.ready():
                yield Sound(audio, self._clause.strip())
                self._clause = ""  # the words go with the first of a clause's sounds
            if self._call.over:
                self._call = None
                yield StageEnded("speak", time.monotonic() - self._began)
                self._unsaid += any(map(str.isalpha, self._clause))

    def _left_out(self) -> Notice:
        name = self._spec.name
        return Notice(
            l10n(
                "{name} does not speak the language of all of this: part of it was left out. Choose another voice.",
                name=name,
            )
        )

    def _fall_silent(self, error: ParlorError) -> Iterator[Event]:
        self._silent = True
        with contextlib.suppress(ParlorError):
            self.close()
        yield Notice(l10n("The voice stopped: {error}", error=error.text))


def _voices(spec: ModelSpec, settings: Settings) -> tuple[str, ...]:
    """The voices that ``spec`` is asked to speak in: a speaker inside it, or Kokoro's for English and Chinese."""
    if spec.engine == "kokoro":
        both = settings.speech.voice_en, settings.speech.voice_zh
        return (settings.speech.speaker, *both) if settings.speech.speaker in {voice.id for voice in VOICES} else both
    return (settings.speech.speaker,) if settings.speech.speaker else ()


def _reference(spec: ModelSpec, settings: Settings) -> Reference | None:
    """The saved recording in whose voice ``spec`` is to speak. Raises BadInput when there is none of that name."""
    if not (settings.speech.reference and spec.clones):
        return None
    from core.media.voice_references import find

    return find(settings.home, settings.speech.reference)
