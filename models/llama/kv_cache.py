"""Which tokens the KV cache holds, and for whom: a turn computes only what its conversation has not had computed.

One conversation is live in the context. The others are parked: copies of their cache in RAM, least recently used
dropped first once they hold more tokens than the context has cells. Parked copies were chosen over several sequences
in one context because there every token attends over the cells of all conversations: on a CPU, 50 tokens beside
another conversation's 2,000 cost 1.3 (Qwen 1.5B) to 1.9 times (SmolLM2 135M) as much a token as alone.

Among the tokens a tile of a picture is a run of placeholders: negative numbers that say which tile, and the how many-th
of it. So comparing tokens compares pictures too, and a cut never goes through one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from models.llama.bindings import Context, Embedded, State

TILE = 1 << 20  # more tokens than any tile has


def placeholders(tile: int, size: int) -> range:
    """What stands among the tokens for tile number ``tile`` of ``size`` tokens."""
    return range(-1 - tile * TILE, -1 - tile * TILE - size, -1)


def tile_of(placeholder: int) -> int:
    """The number of the tile that a placeholder belongs to."""
    return (-1 - placeholder) // TILE


def offset(token: int) -> int:
    """How many tokens of its tile are before a placeholder; 0 for a token of the vocabulary."""
    return (-1 - token) % TILE if token < 0 else 0


def stretches(tokens: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """``tokens`` in the pieces that are computed: tiles whole, what is between them ``size`` at a time."""
    start = 0
    while start < len(tokens):
        end = start + 1
        if tokens[start] < 0:
            while end < len(tokens) and offset(tokens[end]) == end - start:
                end += 1
        else:
            while end < min(len(tokens), start + size) and tokens[end] >= 0:
                end += 1
        yield tokens[start:end]
        start = end


@dataclass(slots=True)
class TokenHistory:
    """The tokens cached of one conversation, and the prompt text that stretches of them came from.

    ``marks`` are (characters, tokens): so many characters of ``text`` are exactly so many of the first ``tokens``.
    They keep an answer's own tokens in the next prompt, which tokenising its words again need not give. ``starts`` are
    the places at which a computation began: the same tokens computed in other groups differ in their last bits.
    ``lags`` are (tokens, positions): with so many first tokens, the next one's position is so much less than their
    number, because with M-RoPE a picture takes fewer positions than tokens.
    """

    owner: str = ""
    tokens: list[int] = field(default_factory=list)
    text: str = ""
    marks: list[tuple[int, int]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    lags: list[tuple[int, int]] = field(default_factory=list)
    state: State | None = None

    def known(self, prompt: str) -> tuple[int, int]:
        """The last mark within which ``prompt`` begins as this text does."""
        return next((mark for mark in reversed(self.marks) if prompt.startswith(self.text[: mark[0]])), (0, 0))

    def common(self, tokens: Sequence[int]) -> int:
        """How many first tokens are the same, without a part of a tile."""
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self.tokens, tokens, strict=False)))
        return same - offset(tokens[same]) if same < len(tokens) else same

    @property
    def position(self) -> int:
        """Where the next token stands in the sequence."""
        return len(self.tokens) - (self.lags[-1][1] if self.lags else 0)

    def first(self, count: int, owner: str) -> TokenHistory:
        """The history of ``owner``, who goes on from the first ``count`` tokens of this one."""
        marks = [mark for mark in self.marks if mark[1] <= count]
        text = self.text[: marks[-1][0]] if marks else ""
        starts = [start for start in self.starts if start < count]
        return TokenHistory(
            owner, self.tokens[:count], text, marks, starts, [lag for lag in self.lags if lag[0] <= count]
        )


class SequenceCache:
    """The live history and the parked ones of one context. ``rewinds``: whether the model's cache can be cut back."""

    def __init__(self, context: Context, rewinds: bool = True) -> None:
        self._context = context
        self._rewinds = rewinds
        self._parked: dict[str, TokenHistory] = {}  # least recently used first
        self.live = TokenHistory()

    def tokens(self, prompt: str, tokenise: Callable[[str], list[int]]) -> list[int]:
        """The prompt's tokens: cached ones as far as a mark reaches, then ``tokenise`` of the rest."""
        history = max(self._histories(), key=lambda history: history.known(prompt))
        characters, count = history.known(prompt)
        return history.tokens[:count] + tokenise(prompt[characters:])

    def open(self, owner: str, tokens: Sequence[int]) -> int:
        """Make ``owner``'s conversation the live one, cut back to what it shares with ``tokens``.

        Returns how many tokens that is. At least the last of ``tokens`` is left to compute, for its logits; when all of
        them are cached, the last group of them is computed again as it was, so that a seed gives the same answer again.
        """
        best = max(self._histories(), key=lambda history: history.common(tokens))
        count = best.common(tokens)
        if count == len(tokens):
            count = max(start for start in best.starts if start < count)
        if not self._rewinds and count < len(best.tokens):
            count = 0
        self._park_live_unless(owner)
        if best is not self.live and count and not self._context.restore(_state(best)):
            count = 0
        if not self._context.forget(best.first(count, owner).position):
            self._context.forget()
            count = 0
        self._parked.pop(owner, None)
        self.live = best.first(count, owner)
        return count

    def extend(self, tokens: Sequence[int], embedded: Embedded | None = None) -> bool:
        """Compute ``tokens`` after the live ones; False when the context is full.

        For placeholders, ``embedded`` is what they stand for.
        """
        try:  # also an interrupt leaves in doubt what the cache holds
            computed = (
                self._context.decode_embedded(embedded)
                if embedded
                else self._context.decode(tokens, self.live.position)
            )
        except BaseException:  # an interrupt too: see above
            self.empty()
            raise
        if computed:
            if not offset(tokens[0]):
                self.live.starts.append(len(self.live.tokens))
            self.live.tokens += tokens
        return computed

    def lag(self, positions: int) -> None:
        """The tile that ends the live tokens takes so many positions fewer than it has tokens."""
        if positions:
            count = len(self.live.tokens)
            self.live.lags.append((count, count - self.live.position + positions))

    def mark(self, text: str, count: int) -> None:
        """``text`` is exactly what the first ``count`` live tokens stand for; it continues what was marked before."""
        self.live.text = text
        self.live.marks.append((len(text), count))

    def empty(self) -> None:
        """Forget the live history."""
        self._context.forget()
        self.live = TokenHistory(self.live.owner)

    def _histories(self) -> list[TokenHistory]:
        return [self.live, *reversed(self._parked.values())]

    def _park_live_unless(self, owner: str) -> None:
        """Keep a copy of the live history for its owner, unless it is ``owner``, who now goes another way."""
        if self.live.owner == owner or not self.live.tokens:
            return
        self.live.state = self._context.save()
        self._parked.pop(self.live.owner, None)
        self._parked[self.live.owner] = self.live
        while sum(len(history.tokens) for history in self._parked.values()) > self._context.cells:
            del self._parked[next(iter(self._parked))]


def _state(history: TokenHistory) -> State:
    assert history.state is not None
    return history.state
