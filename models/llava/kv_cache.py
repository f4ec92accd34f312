"""The KV caches of the conversations: which tokens each holds, and how a new prompt goes on from what it shares.

Unlike llama.cpp's one context, every conversation here has tensors of its own, so nothing is parked or restored: a
conversation is cut back and goes on, or copies what it shares with another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

BLOCK = 256  # tokens that a cache grows by


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's keys and values, [1, heads, tokens, width], as views of tensors with room for more tokens.

    ``DynamicLayer`` copies the whole cache at every token to append one.
    """

    keys: torch.Tensor
    values: torch.Tensor
    _roomy: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        held = self.get_seq_length()
        count = held + key_states.shape[-2]
        if self._roomy is None or self._roomy[0].shape[-2] < count:
            self._roomy = (self._grow(self.keys, key_states, count), self._grow(self.values, value_states, count))
        keys, values = self._roomy
        keys[..., held:count, :], values[..., held:count, :] = key_states, value_states
        self.keys, self.values = keys[..., :count, :], values[..., :count, :]
        return self.keys, self.values

    def copy_first(self, count: int) -> GrowingLayer:
        """A layer of its own with the first ``count`` tokens."""
        twin = GrowingLayer()  # type: ignore[no-untyped-call]
        twin.update(self.keys[..., :count, :], self.values[..., :count, :])
        return twin

    @staticmethod
    def _grow(held: torch.Tensor, like: torch.Tensor, count: int) -> torch.Tensor:
        room = max(-(-count // BLOCK) * BLOCK, held.shape[-2] * 5 // 4 if held.numel() else 0)
        roomy = like.new_empty((*like.shape[:-2], room, like.shape[-1]))
        if held.numel():
            roomy[..., : held.shape[-2], :] = held
        return roomy


@dataclass(slots=True)
class KVCache:
    """What has been computed of one conversation under one adapter.

    ``starts`` are the places at which a computation began: the same tokens in other groups differ in their last bits.
    """

    adapter: str
    tokens: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    hf_cache: Any = field(default_factory=lambda: Cache(layer_class_to_replicate=GrowingLayer))

    def common(self, tokens: Sequence[int]) -> int:
        """How many first tokens are the same."""
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self.tokens, tokens, strict=False)))

    def note(self, tokens: Sequence[int]) -> None:
        """``tokens`` have been computed, all at once."""
        self.starts.append(len(self.tokens))
        self.tokens += tokens

    def cut(self, count: int) -> None:
        """Forget all but the first ``count`` tokens, also those of a computation that broke off half-way."""
        for layer in self.hf_cache.layers:
            layer.crop(min(count - layer.get_seq_length(), 0))
        self.tokens = self.tokens[:count]
        self.starts = [start for start in self.starts if start < count]

    def branch(self, count: int) -> KVCache:
        """A cache of its own that begins with the same ``count`` tokens."""
        twin = KVCache(self.adapter, self.tokens[:count], [start for start in self.starts if start < count])
        if count:
            twin.hf_cache.layers += [layer.copy_first(count) for layer in self.hf_cache.layers]
        return twin


class KVCaches:
    """The caches of all conversations; the least recently used go when together they hold over ``most`` tokens."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._caches: dict[str, KVCache] = {}  # least recently used first

    def open(self, owner: str, adapter: str, tokens: Sequence[int]) -> KVCache:
        """``owner``'s cache, holding what some cache under this adapter shares with ``tokens``.

        At least the last of ``tokens`` is left to compute, for its logits; when all of them are there, the last group
        of them is computed again as it was, so that a seed gives the same answer again.
        """
        own = self._caches.pop(owner, None)
        candidates = [cache for cache in (own, *self._caches.values()) if cache and cache.adapter == adapter]
        best = max(candidates, key=lambda cache: cache.common(tokens), default=KVCache(adapter))
        count = best.common(tokens)
        if count == len(tokens):
            count = max(start for start in best.starts if start < count)
        if best is own:
            best.cut(count)
        else:
            best = best.branch(count)
        self._make_room(len(tokens))
        self._caches[owner] = best
        return best

    def forget_others(self, cache: KVCache | None) -> bool:
        """Drop all but ``cache``; returns whether there were any."""
        others = [owner for owner, each in self._caches.items() if each is not cache]
        for owner in others:
            del self._caches[owner]
        return bool(others)

    def _make_room(self, wanted: int) -> None:
        while self._caches and wanted + sum(len(cache.tokens) for cache in self._caches.values()) > self._most:
            del self._caches[next(iter(self._caches))]
