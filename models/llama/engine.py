"""Chat with a language model in GGUF, computed by llama.cpp.

A turn costs its new tokens only: each conversation's KV cache is kept (``models.llama.kv_cache``), and an answer's
tokens stand in the next prompt as they were generated. Long prompts are read in chunks of a fraction of a second, so a
reply can be closed at any time; the cache stays valid. A model with an ``mmproj`` file beside it sees
(``models.llama.vision``): a picture is encoded once, and its tokens in the KV cache are reused like any others.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from functools import lru_cache
from math import log2
from pathlib import Path
from time import perf_counter

import llama_cpp
import llama_cpp.llama_cpp as api
import psutil

from core.catalogue.spec import ModelSpec
from core.errors import BadInput, EngineFailed, ParlorError
from core.host.hardware import gpu_free, gpu_taken
from core.l10n.text import l10n
from core.types.events import Progress
from core.types.generation import MessagesDropped, Sampling, Usage
from core.types.messages import Image, Message
from models.common.chat_template import ChatMessage, Guard, Template
from models.common.history import counted, fits
from models.common.message_text import as_seen, as_text
from models.common.text_stream import Writer
from models.llama.bindings import Context, Model, State, sampler, start
from models.llama.device import offloads, on_gpu
from models.llama.kv_cache import SequenceCache, stretches
from models.llama.vision import PICTURE_TOKENS, Vision

CONTEXT_TOKENS = 8192
CHUNK_WORK = 6e10  # parameters x tokens computed between two chances to stop: about 0.25 s on two CPU cores
CHUNKS = (16, 64)  # tokens: below, throughput suffers; above, a CPU gains 4 %
GPU_CHUNK = 512


def load(spec: ModelSpec, folder: Path) -> Llama:
    """Open the first GGUF file of ``spec`` in ``folder`` that is no ``mmproj``; of the task ``see``, also that one.

    ``spec.defaults`` may hold ``context_tokens`` (of prompt and answer together, default 8192, at most what the model
    was trained on), ``threads`` (0 for the physical cores), ``device`` (``cpu`` keeps it off an NVIDIA GPU),
    ``mmproj`` (that file's name, default the one with ``mmproj`` in it) and ``picture_tokens`` (at most for a picture,
    default 1024, where the encoder leaves a choice).
    Raises EngineFailed and NotEnoughMemory.
    """
    defaults = dict(spec.defaults)
    names = [file.name for file in spec.files] or sorted(path.name for path in folder.glob("*.gguf"))
    mmproj = str(defaults.get("mmproj", "")) or next(
        (name for name in names if "mmproj" in name.lower()), "mmproj.gguf"
    )
    weights = [name for name in names if name.endswith(".gguf") and name != mmproj and "mmproj" not in name.lower()]
    name = next(iter(weights), "model.gguf")
    threads = int(defaults.get("threads", 0)) or psutil.cpu_count(logical=False) or 1
    gpu = on_gpu(defaults)
    before = gpu_free() if gpu else 0
    model = Model(folder / name, gpu)
    most = int(defaults.get("picture_tokens", PICTURE_TOKENS))
    try:
        vision = Vision(folder / mmproj, model, threads, most) if spec.task == "see" else None
    except ParlorError:
        model.close()
        raise
    engine = Llama(model, int(defaults.get("context_tokens", CONTEXT_TOKENS)), threads, vision)
    engine.taken = gpu_taken(before, gpu_free(), model.size) if before else 0
    return engine


def build() -> dict[str, str]:
    """What this llama.cpp is: version, whether it computes on a GPU, and the CPU features it was built for."""
    start()
    return {
        "llama-cpp-python": llama_cpp.__version__,
        "GPU": "yes" if offloads() else "no",
        "features": api.llama_print_system_info().decode().strip(" |"),
    }


class Llama:
    """A ``core.runtime.protocols.Chat`` over one model and one context of ``context_tokens`` tokens.

    With ``vision``, it sees.
    """

    def __init__(self, model: Model, context_tokens: int, threads: int, vision: Vision | None = None) -> None:
        self.taken = 0  # bytes of GPU memory
        self._model = model
        self._vision = vision
        self._chunk = GPU_CHUNK if model.gpu else _chunk(model.parameters)
        batch = max(self._chunk, vision.largest() if vision else 0)
        self._context = Context(model, min(context_tokens, model.trained_tokens), threads, batch)
        self._cache = SequenceCache(self._context, model.rewinds)
        self._template = Template(model.template, model.begin_text, model.end_text)
        self._guard = Guard(model.control)
        self._count = lru_cache(maxsize=4096)(lambda text: counted(text, self._tokenise))

    def reply(
        self, messages: tuple[Message, ...], sampling: Sampling, conversation: str = ""
    ) -> Generator[str | Progress | MessagesDropped | Usage, None, None]:
        """The answer, piece by piece, each whole characters.

        Before it comes Dropped when the oldest turns do not fit, and Progress while a long prompt is read; a Usage
        ends it. Raises BadInput for a grammar that is not GBNF, for a last message that alone does not fit, and for a
        picture that cannot be opened.
        """
        chain = sampler(self._model, sampling)
        try:
            prompt, tokens, dropped = self._fit_messages(messages, sampling.max_tokens)
            if dropped:
                yield MessagesDropped(dropped)
            began = perf_counter()
            reused = self._cache.open(conversation, tokens)
            yield from self._read(tokens[reused:])
            self._cache.mark(prompt, len(tokens))
            read = perf_counter()
            answered, seconds, finish = yield from self._write(prompt, chain, sampling)
            yield Usage(len(tokens), reused, answered, read - began, seconds, finish)
        finally:
            api.llama_sampler_free(chain)

    def snapshot(self) -> State:
        """A copy of the live KV cache, for measurements against the bare library."""
        return self._context.save()

    @property
    def threads(self) -> int:
        """How many threads compute at the moment."""
        return self._context.threads

    @property
    def encoded(self) -> int:
        """How often a picture, or a tile of one, has been put through the vision encoder."""
        return self._vision.encoded if self._vision else 0

    def gpu_bytes(self) -> int:
        """Memory taken on an NVIDIA GPU, in bytes, as its free memory told while loading; 0 on the CPU."""
        return self.taken

    def close(self) -> None:
        """Give all memory back."""
        if self._vision:
            self._vision.close()
        self._context.close()
        self._model.close()

    def _fit_messages(self, messages: tuple[Message, ...], max_tokens: int) -> tuple[str, list[int], int]:
        """The prompt, its tokens, and how many messages were left out to leave room for an answer."""
        if not any(message.role == "user" for message in messages):
            raise BadInput(l10n("There is nothing to answer. Write a message first."))
        room = self._context.cells - min(max_tokens, self._context.cells // 4)
        said = self._chat_messages(messages)
        for fit in fits(said, room, self._count):
            prompt = self._template.prompt(fit.messages)
            tokens = self._with_first_token(self._cache.tokens(prompt, self._tokenise))
            if len(tokens) <= room:
                return prompt, tokens, fit.dropped
        raise AssertionError("fits() ends by raising")

    def _chat_messages(self, messages: tuple[Message, ...]) -> list[ChatMessage]:
        """The messages as the template gets them: words guarded, pictures as their characters or named in words."""
        if not self._vision:
            return [ChatMessage(message.role, self._guard.veil(as_text(message))) for message in messages]
        seen = as_seen(messages)
        signs = iter(self._vision.show(part for _, parts in seen for part in parts if isinstance(part, Image)))
        said = []
        for role, parts in seen:
            pictures = [next(signs) + self._template.gap for part in parts if isinstance(part, Image)]
            words = "\n\n".join(self._guard.veil(part) for part in parts if isinstance(part, str))
            said.append(ChatMessage(role, "".join(pictures) + words))
        return said

    def _tokenise(self, prompt: str) -> list[int]:
        tokens: list[int] = []
        for text, meant in self._guard.unveil(prompt):
            picture = self._vision.tokens(text) if self._vision and meant else ()
            tokens += picture or self._model.tokenise(text, meant)
        return tokens

    def _with_first_token(self, tokens: list[int]) -> list[int]:
        """With the model's first token in front, which some templates write themselves."""
        first = self._model.first
        return tokens if first is None or tokens[:1] == [first] else [first, *tokens]

    def _read(self, tokens: Sequence[int]) -> Iterator[Progress]:
        """Compute the new part of the prompt, saying how far it is when that takes more than one chunk."""
        at = 0
        for piece in stretches(tokens, self._chunk):
            if len(tokens) > self._chunk:
                yield Progress("chat", at / len(tokens), l10n("Reading the prompt"))
            if piece[0] < 0:
                yield from self._read_tile(piece)
            elif not self._cache.extend(piece):
                raise _no_room()
            at += len(piece)

    def _read_tile(self, placeholders: Sequence[int]) -> Iterator[Progress]:
        """Compute a tile of a picture, which ``placeholders`` stand for."""
        assert self._vision
        tile = self._vision.tile(placeholders[0])
        embedded = yield from self._vision.embedded(tile, self._cache.live.position)
        at = 0
        for piece in embedded.pieces(self._chunk):
            if at:
                yield Progress("chat", at / tile.size, l10n("Reading the picture"))
            end = at + len(piece.vectors)
            if not self._cache.extend(placeholders[at:end], piece):
                raise _no_room()
            at = end
        self._cache.lag(tile.size - tile.positions)

    def _write(
        self, prompt: str, chain: api.llama_sampler_p, sampling: Sampling
    ) -> Generator[str, None, tuple[int, float, str]]:
        """Stream the answer; returns its tokens, the seconds they took without the reader's own, and why it ended."""
        writer = Writer(sampling.stop)
        exact = (0, len(self._cache.live.tokens))
        count, waited, began, finish = 0, 0.0, perf_counter(), ""
        try:
            while not finish:
                token = self._context.sample(chain)
                if self._model.ends(token):
                    finish = "stop"
                    break
                count += 1
                if text := writer.push(self._model.piece(token)):
                    pause = perf_counter()
                    yield text
                    waited += perf_counter() - pause
                if writer.stopped:
                    finish = "stop"
                elif count >= sampling.max_tokens:
                    finish = "length"
                elif not self._cache.extend([token]):
                    finish = "context"
                elif writer.exact:
                    exact = (writer.length, len(self._cache.live.tokens))
        finally:
            self._cache.mark(prompt + self._guard.veil(writer.whole[: exact[0]]), exact[1])
        seconds = perf_counter() - began - waited
        if rest := writer.flush():
            yield rest
        return count, seconds, finish


def _no_room() -> EngineFailed:
    return EngineFailed(l10n("The model's context has no room for this prompt. Start a new conversation."))


def _chunk(parameters: int) -> int:
    """Tokens of a prompt that a CPU computes at once: a power of two, by the model only, never by the moment."""
    fitting: int = 2 ** int(log2(max(CHUNK_WORK / parameters, 1)))
    return min(max(fitting, CHUNKS[0]), CHUNKS[1])
