"""Chat about pictures with a model of the LLaVA family (1.5, 1.6/NeXT, OneVision), computed by transformers.

LLaVA: https://arxiv.org/abs/2304.08485, 1.5: https://arxiv.org/abs/2310.03744, OneVision: https://arxiv.org/abs/2408.03326.
A question costs its new tokens only: pictures are encoded once (``models.llava.vision``) and each conversation's KV
cache is kept (``models.llava.kv_cache``). The decoding loop is our own, so that a reply can be closed between any two
tokens.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import psutil
import torch
from tokenizers import pre_tokenizers

from core.catalogue.spec import ModelSpec
from core.errors import BadInput
from core.l10n.text import l10n
from core.types.events import Progress
from core.types.generation import MessagesDropped, Sampling, Usage
from core.types.messages import Message
from models.common.text_stream import Writer
from models.common.threads import Threads
from models.common.torch_memory import gpu_bytes, out_of_memory, release_memory
from models.llava.checkpoint import memory_errors, open_model
from models.llava.kv_cache import KVCache, KVCaches
from models.llava.lora import Adapters
from models.llava.precision import LlavaPlan
from models.llava.prompt import Prompter
from models.llava.sampler import Sampler
from models.llava.vision import PICTURE_TOKENS, ImageEncoder, offset, picture_of

T = TypeVar("T")

CONTEXT_TOKENS = 8192
CHUNK_WORK = 6e10  # parameters x tokens computed between two chances to stop: about 0.5 s on two CPU cores
CHUNKS = (16, 256)  # tokens
GPU_CHUNK = 1024
PARKED = 2  # contexts' worth of tokens that are kept of all conversations together


def load(spec: ModelSpec, folder: Path) -> Llava:
    """Open the model in ``folder``: a checkpoint as transformers saves it, and its processor.

    ``spec.defaults`` may hold ``device``, ``gpu_bytes``, ``threads`` (0 for the physical cores), ``bits`` (4, 8, 16 or
    32; 0 chooses by the memory there is), ``context_tokens`` (of prompt and answer together, default 8192, at most what
    the model was trained on) and ``picture_tokens`` (at most for a picture where the model leaves a choice, default
    3000, at most half of the context). Raises EngineFailed and NotEnoughMemory.
    """
    defaults = dict(spec.defaults)
    threads = int(defaults.get("threads", 0)) or psutil.cpu_count(logical=False) or 1
    torch.set_num_threads(threads)
    model, processor, plan = open_model(spec.name, folder, defaults)
    trained: int = model.config.text_config.max_position_embeddings
    context = min(int(defaults.get("context_tokens", CONTEXT_TOKENS)), trained)
    encoder = ImageEncoder(model, processor, min(int(defaults.get("picture_tokens", PICTURE_TOKENS)), context // 2))
    adapters = Adapters(model, folder / "adapters")
    return Llava(spec.name, model, processor, plan, encoder, adapters, context, threads)


def build() -> dict[str, str]:
    """The libraries' versions and the GPU."""
    found = {name: importlib.metadata.version(name) for name in ("transformers", "torch", "peft", "bitsandbytes")}
    return found | {"GPU": torch.cuda.get_device_name() if torch.cuda.is_available() else "no"}


class Llava:
    """A ``core.runtime.protocols.Chat``; ``plan`` says how it computes, ``encoded`` how often a picture was encoded.

    On a CPU up to ``threads`` threads compute: fewer while other programs want the cores.
    """

    def __init__(
        self,
        name: str,
        model: Any,
        processor: Any,
        plan: LlavaPlan,
        encoder: ImageEncoder,
        adapters: Adapters,
        context: int,
        threads: int,
    ) -> None:
        self.plan = plan
        self._name = name
        self._model: Any = model
        self._encoder = encoder
        self._adapters = adapters
        self._context = context
        self._prompter = Prompter(processor, encoder, model.config.text_config.model_type)
        self._caches = KVCaches(PARKED * self._context)
        self._threads = Threads(threads)
        self._chunk = GPU_CHUNK if plan.device == "cuda" else _chunk(model.num_parameters())
        self._pieces = Pieces(processor.tokenizer)
        self._ends = _ends(model, processor.tokenizer)

    @property
    def encoded(self) -> int:
        """How often a picture has been put through the vision tower."""
        return self._encoder.encoded

    def reply(
        self, messages: tuple[Message, ...], sampling: Sampling, conversation: str = ""
    ) -> Generator[str | Progress | MessagesDropped | Usage, None, None]:
        """The answer, piece by piece, each whole characters.

        Before it comes Dropped when the oldest turns do not fit, and Progress while pictures are looked at and a long
        prompt is read; a Usage ends it. Raises BadInput for a grammar, an unknown adapter, a picture that cannot be
        opened and a last message that alone does not fit, and NotEnoughMemory.
        """
        if sampling.grammar:
            raise BadInput(l10n("This model cannot follow a grammar. Leave it out, or use a GGUF model."))
        with memory_errors(self._name):
            self._adapters.use(sampling.adapter)
        prompt = self._prompter.fit_messages(messages, self._context - min(sampling.max_tokens, self._context // 4))
        if prompt.dropped:
            yield MessagesDropped(prompt.dropped)
        began = perf_counter()
        cache = self._retry_with_less(None, lambda: self._caches.open(conversation, sampling.adapter, prompt.tokens))
        reused = len(cache.tokens)
        logits = yield from self._read(cache, prompt.tokens[reused:])
        read = perf_counter()
        answered, seconds, finish = yield from self._write(cache, logits, sampling)
        yield Usage(len(prompt.tokens), reused, answered, read - began, seconds, finish)

    def gpu_bytes(self) -> int:
        """The most memory it has held on the GPU so far; 0 on a CPU."""
        return gpu_bytes(self.plan.device)

    def close(self) -> None:
        """Give all memory back."""
        self._model = self._encoder = self._adapters = self._prompter = self._caches = None  # type: ignore[assignment]
        release_memory()

    def _read(self, cache: KVCache, tokens: list[int]) -> Generator[Progress, None, torch.Tensor]:
        """Compute the new part of the prompt; returns the last token's logits, [vocabulary]."""
        logits = torch.empty(0)
        for at in range(0, len(tokens), self._chunk):
            chunk = tokens[at : at + self._chunk]
            yield from self._encode_pictures(cache, chunk)
            if len(tokens) > self._chunk:
                yield Progress("chat", at / len(tokens), l10n("Reading the prompt"))
            logits = self._compute(cache, chunk)
        return logits

    def _encode_pictures(self, cache: KVCache, chunk: list[int]) -> Iterator[Progress]:
        """Encode the pictures in ``chunk`` that have not been, a Progress before each of their tiles."""
        for number in sorted({picture_of(token) for token in chunk if token < 0}):
            done = 1.0 if self._encoder.keeps(number, self._adapters.seeing) else 0.0
            while done < 1:
                yield Progress("chat", done or None, l10n("Looking at the picture"))
                done = self._retry_with_less(cache, partial(self._encoder.encode, number, self._adapters.seeing))

    def _write(
        self, cache: KVCache, logits: torch.Tensor, sampling: Sampling
    ) -> Generator[str, None, tuple[int, float, str]]:
        """Stream the answer; returns its tokens, the seconds they took without the reader's own, and why it ended."""
        writer, sampler = Writer(sampling.stop), Sampler(sampling)
        count, waited, began, finish, started = 0, 0.0, perf_counter(), "", False
        while not finish:
            token = sampler.token(logits)
            if token in self._ends:
                finish = "stop"
                break
            count += 1
            text = writer.push(self._pieces[token])
            if not started:  # "ASSISTANT:" is followed by " red"
                text = text.lstrip()
            if text:
                started = True
                pause = perf_counter()
                yield text
                waited += perf_counter() - pause
            if writer.stopped:
                finish = "stop"
            elif count >= sampling.max_tokens:
                finish = "length"
            elif len(cache.tokens) >= self._context:
                finish = "context"
            else:
                logits = self._compute(cache, [token])
        seconds = perf_counter() - began - waited
        if rest := writer.flush() if started else writer.flush().lstrip():
            yield rest
        return count, seconds, finish

    def _compute(self, cache: KVCache, tokens: list[int]) -> torch.Tensor:
        """Compute ``tokens`` after ``cache``; returns the last one's logits, [vocabulary]."""
        if self._threads.changed():
            torch.set_num_threads(self._threads.now)
        logits = self._retry_with_less(cache, partial(self._forward, cache, tokens))
        cache.note(tokens)
        return logits

    def _forward(self, cache: KVCache, tokens: list[int]) -> torch.Tensor:
        held = len(cache.tokens)
        given = {"past_key_values": cache.hf_cache, "use_cache": True, "logits_to_keep": 1}
        try:
            with torch.inference_mode():
                logits: torch.Tensor = self._model(inputs_embeds=self._embed(tokens), **given).logits[0, -1]
        except BaseException:  # also an interrupt leaves some layers further than others
            cache.cut(held)
            raise
        return logits

    def _retry_with_less(self, cache: KVCache | None, work: Callable[[], T]) -> T:
        """What ``work`` gives. Where memory runs out, once more with no cache kept but ``cache``.

        Raises NotEnoughMemory.
        """
        with memory_errors(self._name):
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error) or not self._caches.forget_others(cache):
                    raise
            release_memory()
            return work()

    def _embed(self, tokens: list[int]) -> torch.Tensor:
        """The vectors that ``tokens`` stand for, [1, tokens, width]."""
        device = self._model.device
        words = torch.tensor([[max(token, 0) for token in tokens]], device=device)
        vectors: torch.Tensor = self._model.get_input_embeddings()(words)
        for number in {picture_of(token) for token in tokens if token < 0}:
            pairs = [
                (at, offset(token)) for at, token in enumerate(tokens) if token < 0 and picture_of(token) == number
            ]
            places, offsets = (torch.tensor(each, device=device) for each in zip(*pairs, strict=True))
            vectors[0, places] = self._encoder.vectors(number, self._adapters.seeing)[offsets].to(vectors.dtype)
        return vectors


class Pieces(dict[int, bytes]):
    """The bytes that each token stands for, any part of a character; none for special tokens."""

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(dict.fromkeys(tokenizer.all_special_ids, b""))
        self._tokenizer = tokenizer
        decoder = json.loads(tokenizer.backend_tokenizer.to_str())["decoder"]
        self._letters = _letters() if "ByteLevel" in json.dumps(decoder) else None

    def __missing__(self, token: int) -> bytes:
        text: str = self._tokenizer.convert_ids_to_tokens(token) or ""
        if self._letters and all(letter in self._letters for letter in text):
            piece = bytes(self._letters[letter] for letter in text)
        elif len(text) == 6 and text.startswith("<0x"):
            piece = bytes.fromhex(text[3:5])
        else:
            piece = text.replace("\u2581", " ").encode()
        self[token] = piece
        return piece


def _letters() -> dict[str, int]:
    """The byte that each letter of the byte-level alphabet stands for: printable ones stand for themselves."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    own = {letter: ord(letter) for letter in alphabet if ord(letter) < 256}
    others = iter(sorted(set(range(256)) - set(own.values())))
    return own | {letter: next(others) for letter in alphabet if ord(letter) >= 256}


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that close an answer."""
    ends = model.generation_config.eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    return frozenset(end for end in (*listed, tokenizer.eos_token_id) if end is not None)


def _chunk(parameters: int) -> int:
    """Tokens of a prompt to compute at once, by the model's size only, never by the moment."""
    return min(max(int(CHUNK_WORK / parameters), CHUNKS[0]), CHUNKS[1])
