"""Engine protocols: what each kind of engine does, and how one is opened.

Engines are synchronous: a call is a generator that streams, can be closed at any item, and lets another call follow.
Only ``open_engine`` knows which module an engine lives in, and imports it when asked; it runs inside a worker process.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from core.catalogue.spec import ModelSpec
from core.types.events import Progress
from core.types.generation import Aligned, Embedding, ImageResult, MessagesDropped, Sampling, Segment, Usage
from core.types.image_request import ImageRequest
from core.types.messages import Audio, Image, Message, Reading


class Transcriber(Protocol):
    def transcribe(self, audio: Audio, language: str = "", script: str = "simplified") -> Iterator[Segment]:
        """Speech to text. ``language`` is an ISO 639-1 code, empty to detect; ``script`` is how Mandarin is written."""

    def hear(
        self, audio: Audio, language: str = "", script: str = "simplified", hint: str = "", words: bool = True
    ) -> Iterator[Segment | Aligned]:
        """One short utterance, quickly: at most one Segment, without words, and an Aligned after it if ``words``.

        ``hint`` is the language spoken before. Without ``words`` it is a caption of somebody who speaks on.
        """

    def close(self) -> None: ...


class VAD(Protocol):
    """Follows sound as it comes in: ``pcm`` is 16 kHz s16 mono in chunks of any size."""

    def detect(self, pcm: bytes) -> Iterator[float]:
        """How likely somebody speaks, 0 to 1: one number for every whole frame of 512 samples (32 ms) so far."""

    def reset(self) -> Iterator[float]:
        """Forget what was heard; yields nothing."""

    def close(self) -> None: ...


class TurnDetector(Protocol):
    def judge(self, audio: Audio) -> Iterator[float]:
        """How likely the speaker of ``audio`` has finished, 0 to 1: exactly one number."""

    def close(self) -> None: ...


class Chat(Protocol):
    def reply(
        self, messages: tuple[Message, ...], sampling: Sampling, conversation: str = ""
    ) -> Iterator[str | Progress | MessagesDropped | Usage]:
        """The next message, piece by piece; ``conversation`` names the KV cache to go on from. Ends with a Usage.

        A model of the task ``see`` finds the pictures of a message as ``Image`` parts with their bytes; for a ``chat``
        model they are named in words (``models.common.message_text``).
        """

    def close(self) -> None: ...


class TTS(Protocol):
    def speak(
        self,
        text: str,
        voices: tuple[str, ...] = (),
        language: str = "",
        speed: float = 1.0,
        reference: Audio | None = None,
    ) -> Iterator[Audio]:
        """Say ``text`` (plain or Markdown), s16 mono, in the first of ``voices`` that fits each run's language.

        ``language`` empty is judged by the text's script; a language without a voice of its own gets the default one.
        ``reference`` is a recording of somebody whose voice is to be used, for models that can.
        """

    def close(self) -> None: ...


class OCR(Protocol):
    def read(self, image: Image) -> Iterator[Reading]:
        """The words in a picture: exactly one Reading, empty lines when there are none."""

    def close(self) -> None: ...


class ImageGenerator(Protocol):
    def paint(self, painting: ImageRequest) -> Iterator[Progress | ImageResult]:
        """``painting.count`` pictures, one ImageResult each, with Progress (stage ``paint``, previews) between them."""

    def close(self) -> None: ...


class Embedder(Protocol):
    """One space for texts and pictures: the pictures nearest to a text are those that it describes."""

    def embed_texts(self, texts: tuple[str, ...]) -> Iterator[Embedding]:
        """One Embedding for each text, in order; of a long one, its beginning."""

    def embed_images(self, images: tuple[Image, ...]) -> Iterator[Embedding]:
        """One Embedding for each picture, in order.

        Raises BadInput at the first that cannot be opened, after those of all before it.
        """

    def close(self) -> None: ...


def open_engine(spec: ModelSpec, folder: Path) -> Any:
    """Import the package ``models/<engine>`` and load ``spec`` from ``folder``, where its files lie."""
    return importlib.import_module(f"models.{spec.engine}").load(spec, folder)
