"""Remote engines: what each Protocol of ``core.runtime.protocols`` promises, of the engine in a worker's process.

``RemoteTTS(worker).speak(...)`` begins the call and returns its stream; the parameters are the protocol's, the items
too, with a Tick between them while there is none. An engine is closed by ending its process, so no proxy has ``close``.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.runtime.worker import EngineCall, Worker
from core.types.events import Progress
from core.types.generation import Aligned, Embedding, ImageResult, MessagesDropped, Sampling, Segment, Usage
from core.types.image_request import ImageRequest
from core.types.messages import Audio, Image, Message, Reading


@dataclass(frozen=True, slots=True)
class RemoteTranscriber:
    worker: Worker

    def transcribe(self, audio: Audio, language: str = "", script: str = "simplified") -> EngineCall[Segment]:
        return self.worker.call("transcribe", audio, language, script)

    def hear(
        self, audio: Audio, language: str = "", script: str = "simplified", hint: str = "", words: bool = True
    ) -> EngineCall[Segment | Aligned]:
        return self.worker.call("hear", audio, language, script, hint, words)


@dataclass(frozen=True, slots=True)
class RemoteVAD:
    worker: Worker

    def detect(self, pcm: bytes) -> EngineCall[float]:
        return self.worker.call("detect", pcm)

    def reset(self) -> EngineCall[float]:
        return self.worker.call("reset")


@dataclass(frozen=True, slots=True)
class RemoteTurnDetector:
    worker: Worker

    def judge(self, audio: Audio) -> EngineCall[float]:
        return self.worker.call("judge", audio)


@dataclass(frozen=True, slots=True)
class RemoteChat:
    worker: Worker

    def reply(
        self, messages: tuple[Message, ...], sampling: Sampling, conversation: str = ""
    ) -> EngineCall[str | Progress | MessagesDropped | Usage]:
        return self.worker.call("reply", messages, sampling, conversation)


@dataclass(frozen=True, slots=True)
class RemoteTTS:
    worker: Worker

    def speak(
        self,
        text: str,
        voices: tuple[str, ...] = (),
        language: str = "",
        speed: float = 1.0,
        reference: Audio | None = None,
    ) -> EngineCall[Audio]:
        return self.worker.call("speak", text, voices, language, speed, reference)


@dataclass(frozen=True, slots=True)
class RemoteOCR:
    worker: Worker

    def read(self, image: Image) -> EngineCall[Reading]:
        return self.worker.call("read", image)


@dataclass(frozen=True, slots=True)
class RemoteImageGenerator:
    worker: Worker

    def paint(self, painting: ImageRequest) -> EngineCall[Progress | ImageResult]:
        return self.worker.call("paint", painting)


@dataclass(frozen=True, slots=True)
class RemoteEmbedder:
    worker: Worker

    def embed_texts(self, texts: tuple[str, ...]) -> EngineCall[Embedding]:
        return self.worker.call("embed_texts", texts)

    def embed_images(self, images: tuple[Image, ...]) -> EngineCall[Embedding]:
        return self.worker.call("embed_images", images)
