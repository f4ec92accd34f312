"""llama.cpp's C API as two Python objects: a model's weights with its vocabulary, and a context with its KV cache.

The high-level ``llama_cpp.Llama`` is not used: it detokenises the whole answer at every token and keeps one cache.
C API: https://github.com/ggml-org/llama.cpp/blob/master/include/llama.h
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import llama_cpp.llama_cpp as api
import numpy as np

from core.errors import BadInput, EngineFailed, NotEnoughMemory
from core.l10n.text import l10n
from core.types.generation import Sampling
from models.common.threads import Threads
from models.llama.device import load_error, offloads
from models.llama.device import params as model_params

State = ctypes.Array[ctypes.c_uint8]

TOP_K = 40
SEEDS = api.LLAMA_DEFAULT_SEED  # this seed itself means "random" to llama.cpp, so seeds are taken modulo it

SILENT = api.llama_log_callback(lambda level, text, data: None)  # llama.cpp keeps the pointer: it must stay alive


def start() -> None:
    """Silence llama.cpp's log and make its backends ready; harmless when repeated."""
    api.llama_log_set(SILENT, ctypes.c_void_p())
    api.llama_backend_init()


@dataclass(frozen=True, slots=True)
class Embedded:
    """What stands in a sequence without being tokens: a picture.

    ``vectors`` are float32 [n, width]; ``positions`` int32 [sections, n], four sections with M-RoPE, else one.
    ``causal``: whether each vector attends only to those before it; if not, all must be computed at once.
    """

    vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]]
    positions: np.ndarray[tuple[int, int], np.dtype[np.int32]]
    causal: bool

    def pieces(self, size: int) -> Iterator[Embedded]:
        """In pieces of ``size`` vectors where that is allowed."""
        step = size if self.causal else len(self.vectors)
        for at in range(0, len(self.vectors), step):
            yield Embedded(self.vectors[at : at + step], self.positions[:, at : at + step], self.causal)


class Model:
    """Weights and vocabulary of one GGUF file; ``gpu``: whether on the GPU, None for wherever there is one.

    Raises EngineFailed when the file is cut short, damaged, or of an architecture this llama.cpp does not know, and
    NotEnoughMemory when it does not fit on the GPU.
    """

    def __init__(self, path: Path, gpu: bool | None = None) -> None:
        start()
        self.gpu = offloads() if gpu is None else gpu
        pointer = api.llama_model_load_from_file(str(path).encode(), model_params(self.gpu))
        if not pointer:
            raise load_error(path, self.gpu)
        self.pointer = pointer
        self.vocabulary = api.llama_model_get_vocab(pointer)
        assert self.vocabulary
        self._piece = ctypes.create_string_buffer(512)

    @property
    def parameters(self) -> int:
        return int(api.llama_model_n_params(self.pointer))

    @property
    def size(self) -> int:
        """Bytes of all its tensors."""
        return int(api.llama_model_size(self.pointer))

    @property
    def trained_tokens(self) -> int:
        """The longest context the model was trained on."""
        return int(api.llama_model_n_ctx_train(self.pointer))

    @property
    def rewinds(self) -> bool:
        """Whether a cached sequence can be cut back to any length: not so for recurrent and hybrid models."""
        return not (api.llama_model_is_recurrent(self.pointer) or api.llama_model_is_hybrid(self.pointer))

    @property
    def template(self) -> str:
        """The chat template in the file (Jinja2), empty when there is none."""
        return (api.llama_model_chat_template(self.pointer, None) or b"").decode("utf-8", "replace")

    @cached_property
    def control(self) -> tuple[str, ...]:
        """The texts of all control tokens, longest first: what a person's words must not be taken for."""
        count = api.llama_vocab_n_tokens(self.vocabulary)
        tokens = (token for token in range(count) if api.llama_vocab_is_control(self.vocabulary, token))
        return tuple(
            sorted({text for token in tokens if (text := self.named(token))}, key=lambda text: (-len(text), text))
        )

    @property
    def first(self) -> int | None:
        """The token that begins every prompt, when the model wants one."""
        return api.llama_vocab_bos(self.vocabulary) if api.llama_vocab_get_add_bos(self.vocabulary) else None

    @property
    def begin_text(self) -> str:
        return self.named(api.llama_vocab_bos(self.vocabulary))

    @property
    def end_text(self) -> str:
        return self.named(api.llama_vocab_eos(self.vocabulary))

    def named(self, token: int) -> str:
        """A token's text in the vocabulary, control tokens included; empty for no token."""
        return "" if token < 0 else (api.llama_vocab_get_text(self.vocabulary, token) or b"").decode("utf-8", "replace")

    def tokenise(self, text: str, control: bool) -> list[int]:
        """Token ids of ``text``; ``control`` says whether control tokens' texts in it become those tokens."""
        raw = text.encode("utf-8", "replace")
        tokens = (ctypes.c_int32 * (len(raw) + 1))()
        count = api.llama_tokenize(self.vocabulary, raw, len(raw), tokens, len(tokens), False, control)
        assert count >= 0
        return tokens[:count]

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for: any part of a character; empty for control tokens."""
        size = api.llama_token_to_piece(self.vocabulary, token, self._piece, len(self._piece), 0, False)
        if size < 0:
            self._piece = ctypes.create_string_buffer(-size)
            return self.piece(token)
        return self._piece.raw[:size]

    def ends(self, token: int) -> bool:
        """Whether a token closes an answer."""
        return bool(api.llama_vocab_is_eog(self.vocabulary, token))

    def close(self) -> None:
        if self.pointer:
            api.llama_model_free(self.pointer)
            self.pointer = api.llama_model_p(0)


class Context:
    """One token sequence of at most ``cells`` tokens in a KV cache; at most ``batch`` tokens are computed at once.

    Up to ``threads`` threads compute: fewer while other programs want the cores. The result does not depend on it.
    Raises NotEnoughMemory when the cache cannot be allocated.
    """

    def __init__(self, model: Model, cells: int, threads: int, batch: int) -> None:
        params = api.llama_context_default_params()
        params.n_ctx, params.n_seq_max = cells, 1
        params.n_batch = params.n_ubatch = batch
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_AUTO if model.gpu else api.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.offload_kqv = params.op_offload = model.gpu
        params.no_perf = True
        pointer = api.llama_init_from_model(model.pointer, params)
        if not pointer:
            raise NotEnoughMemory(
                l10n(
                    "There is no memory for a conversation of {cells} tokens with this model. "
                    "Choose a smaller context_tokens in Settings, or close other programs.",
                    cells=cells,
                )
            )
        self.pointer = pointer
        self._threads = Threads(threads)
        self._memory = api.llama_get_memory(pointer)
        self._batch = api.llama_batch_init(batch, 0, 1)

    @property
    def cells(self) -> int:
        """The longest sequence there is room for (llama.cpp rounds what was asked up to a multiple of 256)."""
        return int(api.llama_n_ctx(self.pointer))

    @property
    def threads(self) -> int:
        """How many threads compute at the moment."""
        return self._threads.now

    def decode(self, tokens: Sequence[int], position: int) -> bool:
        """Compute ``tokens`` as positions ``position``...; the last one's logits are kept for ``sample``.

        False, with nothing changed, when the cache has no room. Raises EngineFailed when the computation breaks; what
        the cache then holds is unknown.
        """
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = position + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = 0
        batch.logits[len(tokens) - 1] = 1
        return self._compute(batch)

    def decode_embedded(self, embedded: Embedded) -> bool:
        """Compute vectors in place of tokens, without logits; otherwise as ``decode``."""
        count = len(embedded.vectors)
        if count > api.llama_n_ubatch(self.pointer):  # llama.cpp would end the process
            raise EngineFailed(
                l10n(
                    "The model must take this picture in at once, and its {count} parts are too many. "
                    "Crop it to a squarer shape.",
                    count=count,
                )
            )
        vectors, positions = np.ascontiguousarray(embedded.vectors), np.ascontiguousarray(embedded.positions)
        sequence = ctypes.pointer(ctypes.c_int32(0))
        batch = api.llama_batch(
            n_tokens=count,
            embd=vectors.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
            pos=positions.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            n_seq_id=(ctypes.c_int32 * count)(*[1] * count),
            seq_id=(ctypes.POINTER(ctypes.c_int32) * (count + 1))(*[sequence] * count),  # ends with a null pointer
            logits=(ctypes.c_int8 * count)(),
        )
        api.llama_set_causal_attn(self.pointer, embedded.causal)
        try:
            return self._compute(batch)
        finally:
            api.llama_set_causal_attn(self.pointer, True)

    def _compute(self, batch: api.llama_batch) -> bool:
        if self._threads.changed():
            api.llama_set_n_threads(self.pointer, self._threads.now, self._threads.now)
        status = api.llama_decode(self.pointer, batch)
        if status not in (0, 1):
            raise EngineFailed(
                l10n(
                    "llama.cpp could not compute the answer (status {status}). Try again, or restart Parlor.",
                    status=status,
                )
            )
        return bool(status == 0)

    def forget(self, start: int = 0) -> bool:
        """Drop the tokens from position ``start`` on; False when this model's cache cannot be cut there."""
        return bool(api.llama_memory_seq_rm(self._memory, 0, start, -1))

    def save(self) -> State:
        """A copy of what the cache holds: a few kilobytes to a few tens of kilobytes a token."""
        state: State = (ctypes.c_uint8 * api.llama_state_seq_get_size(self.pointer, 0))()
        api.llama_state_seq_get_data(self.pointer, state, len(state), 0)
        return state

    def restore(self, state: State) -> bool:
        """Put a saved copy in place of what the cache holds; False, and an empty cache, when it does not fit."""
        self.forget()
        return bool(api.llama_state_seq_set_data(self.pointer, state, len(state), 0) == len(state))

    def sample(self, chain: api.llama_sampler_p) -> int:
        """The next token after the last one decoded, accepted by every sampler of ``chain``."""
        return int(api.llama_sampler_sample(chain, self.pointer, -1))

    def close(self) -> None:
        if self.pointer:
            api.llama_batch_free(self._batch)
            api.llama_free(self.pointer)
            self.pointer = api.llama_context_p(0)


def sampler(model: Model, sampling: Sampling) -> api.llama_sampler_p:
    """Grammar, then top-k, top-p, min-p, temperature and a seeded draw; the likeliest token at temperature 0.

    The caller frees the chain. Raises BadInput when the grammar is not GBNF with a ``root``.
    """
    chain: api.llama_sampler_p = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
    if sampling.grammar:
        grammar = api.llama_sampler_init_grammar(model.vocabulary, sampling.grammar.encode(), b"root")
        if not grammar:
            api.llama_sampler_free(chain)
            raise BadInput(
                l10n("The grammar cannot be used: it must be GBNF with a rule named root. Correct it or leave it out.")
            )
        api.llama_sampler_chain_add(chain, grammar)
    if sampling.temperature <= 0:
        api.llama_sampler_chain_add(chain, api.llama_sampler_init_greedy())
        return chain
    for step in (
        api.llama_sampler_init_top_k(TOP_K),
        api.llama_sampler_init_top_p(sampling.top_p, 1),
        api.llama_sampler_init_min_p(sampling.min_p, 1),
        api.llama_sampler_init_temp(sampling.temperature),
        api.llama_sampler_init_dist(sampling.seed % SEEDS),
    ):
        api.llama_sampler_chain_add(chain, step)
    return chain
