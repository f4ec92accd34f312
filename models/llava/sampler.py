"""Sampling (``Sampler.token``): the next token from a model's logits, greedy or a seeded draw among the likely."""

from __future__ import annotations

import torch

from core.types.generation import Sampling

TOP_K = 40
SEEDS = 2**63


class Sampler:
    """Top-k, top-p, min-p, temperature, then a draw; the likeliest token at temperature 0. One for each answer.

    The draw happens on the CPU with a generator of its own, so that a seed means the same on every device.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._random = torch.Generator().manual_seed(sampling.seed % SEEDS)

    def token(self, logits: torch.Tensor) -> int:
        """A token for ``logits``, [vocabulary] in any dtype on any device."""
        if self._sampling.temperature <= 0:
            return int(logits.argmax())
        best, tokens = (each.cpu() for each in logits.float().topk(min(TOP_K, len(logits))))
        chances = best.softmax(-1)
        before = chances.cumsum(-1) - chances
        kept = (before < self._sampling.top_p) & (chances >= self._sampling.min_p * chances[0])
        kept[0] = True
        warmed = (best[kept] / self._sampling.temperature).softmax(-1)
        return int(tokens[kept][torch.multinomial(warmed, 1, generator=self._random)])
