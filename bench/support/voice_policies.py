"""When others would have begun to answer the same turns, with the same engines, and what these take in the same run.

Silence that is waited for is a constant; everything else is measured on each turn, one engine after another, as those
programs do it. Three ways:

- ``open webui``: its call mode's 2 s of silence, transcription padded to 30 s, the whole reply, its first sentence
  spoken.
- ``streamed``: the same, but the first sentence is spoken as soon as it is written.
- ``pipeline``: the defaults of a frame pipeline: 0.2 s of silence, then a turn model, which may ask for 3 s of it; the
  padded transcription, the first sentence as soon as it is written, its speech.

The rivals begin a conversation anew with every turn: their prompts are shorter than those of our call.
"""

from __future__ import annotations

import multiprocessing
import re
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from bench.support.voice_turns import RATE, SpokenTurn
from core.app.app import App
from core.call.host import turn_context
from core.call.transport import CallOptions
from core.catalogue.spec import ModelSpec
from core.l10n.text import l10n
from core.pipeline.instructions import instructions
from core.runtime.lease import acquire, needed
from core.types.events import Progress, Tick
from core.types.messages import Audio, Message, Text

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

OPEN_WEBUI = 2.0  # seconds of silence that end a turn: CallOverlay.svelte
STOP, WAIT = 0.2, 3.0  # seconds: the detector's stop in front of a turn model, and the turn model's own
COMPLETE = 0.5  # of the turn model
JUDGED = 8.0  # seconds it looks at
WAYS = ("open webui", "streamed", "pipeline")
_SENTENCE = re.compile(r".*?(?:[.!?](?=\s)|[。！？\n])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds that the engines took for one turn; ``sentence`` and ``whole`` from the prompt to that much of the reply.

    ``complete``: whether the turn model found the turn finished; ``cut``: whether it did so in one of its pauses.
    """

    judge: float
    hear: float  # our quick way, for its factor only
    padded: float
    sentence: float
    whole: float
    speak: float
    spoken: float  # seconds of speech that ``speak`` made
    complete: bool
    cut: bool
    heard: str  # by the padded transcription

    def total(self, way: str) -> float:
        """Seconds from the true end of the turn to the first sound of the answer."""
        if way == "open webui":
            return OPEN_WEBUI + self.padded + self.whole + self.speak
        if way == "streamed":
            return OPEN_WEBUI + self.padded + self.sentence + self.speak
        stop = STOP + self.judge if self.complete else WAIT
        return stop + self.padded + self.sentence + self.speak


class Rivals:
    """Measures turn after turn, on the workers of ``app`` and on a transcriber of the same weights that pads."""

    def __init__(self, app: App, padder: ProcessPoolExecutor) -> None:
        choice = app.services.choice()
        self._app, self._padder = app, padder
        self._hear = needed(choice.listen, l10n("hear speech"))
        self._chat, self._speak = needed(choice.chat, l10n("answer")), needed(choice.speak, l10n("speak"))
        self._judge = app.catalogue.by_task("turn")[0]
        self._folder = str(app.settings.models / self._hear.id)

    def costs(self, turn: SpokenTurn) -> Costs:
        audio = turn.audio
        after, judge = self._judged(audio, turn.end)
        cut = any(self._judged(audio, start)[0] > COMPLETE for start, end in turn.pauses if end - start > STOP)
        _, hear = self._timed(self._hear, "hear", audio, "", "simplified", turn.language, True)
        began = time.monotonic()
        heard: str = self._padder.submit(padded, self._folder, audio.pcm, turn.language).result()
        transcribed = time.monotonic() - began
        sentence, written, whole = self._replied(heard or turn.text)
        voices = (self._app.settings.speech.voice_en, self._app.settings.speech.voice_zh)
        sounds, speak = self._timed(self._speak, "speak", sentence or "OK.", voices, "", 1.0)
        spoken = sum(sound.seconds for sound in sounds if isinstance(sound, Audio))
        return Costs(judge, hear, transcribed, written, whole, speak, spoken, after > COMPLETE, cut, heard)

    def _judged(self, audio: Audio, end: float) -> tuple[float, float]:
        """The turn model's score of ``STOP`` seconds after ``end``, and the seconds that it took."""
        sound = audio.pcm[: 2 * round(end * RATE)] + bytes(2 * round(STOP * RATE))
        items, seconds = self._timed(self._judge, "judge", Audio(sound[-2 * round(JUDGED * RATE) :], RATE))
        return next(item for item in items if isinstance(item, float)), seconds

    def _replied(self, question: str) -> tuple[str, float, float]:
        """The reply's first sentence, the seconds until it was written, and until all was."""
        message = Message("user", (Text(question),))
        scene = turn_context(self._app.services, message.parts, (), CallOptions(), "rival")
        text, sentence, written = "", "", 0.0
        with acquire(self._app.pool, self._chat) as worker:
            began = time.monotonic()
            asked = (instructions(scene, self._chat), message), scene.sampling, scene.conversation
            with worker.call("reply", *asked) as call:
                for item in call:
                    text += item if isinstance(item, str) else ""
                    if not sentence and (found := _SENTENCE.match(text.lstrip())):
                        sentence, written = found[0].strip(), time.monotonic() - began
        whole = time.monotonic() - began
        return (sentence, written, whole) if sentence else (text, whole, whole)

    def _timed(self, spec: ModelSpec, method: str, *arguments: Any) -> tuple[list[Any], float]:
        with acquire(self._app.pool, spec) as worker:
            began = time.monotonic()
            with worker.call(method, *arguments) as call:
                items = [item for item in call if not isinstance(item, Tick | Progress)]
            return items, time.monotonic() - began


@contextmanager
def rivals(app: App) -> Iterator[Rivals]:
    """With a process for the padded transcription, warm."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as padder:
        found = Rivals(app, padder)
        padder.submit(padded, found._folder, bytes(2 * RATE), "en").result()
        yield found


def padded(folder: str, pcm: bytes, language: str) -> str:
    """faster-whisper's ordinary transcription: padded to 30 s, a beam of 5."""
    import numpy as np

    segments, _ = _whisper(folder).transcribe(np.frombuffer(pcm, "<i2").astype(np.float32) / 32768, language=language)
    return "".join(segment.text for segment in segments).strip()


@cache
def _whisper(folder: str) -> WhisperModel:
    from faster_whisper import WhisperModel

    return WhisperModel(folder, device="cpu", compute_type="int8", local_files_only=True)
