"""Which turns of a conversation go into the prompt when not all of them fit the context window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from core.errors import BadInput
from core.l10n.text import l10n
from models.common.chat_template import ChatMessage

WRAPPING = 8  # tokens that a chat template puts around one message, generously
SAMPLE = 65_536  # characters; of longer texts only these are tokenised to judge the length


@dataclass(frozen=True, slots=True)
class Fit:
    """The messages that are kept, and how many older ones are not."""

    messages: tuple[ChatMessage, ...]
    dropped: int


def fits(messages: Sequence[ChatMessage], room: int, count: Callable[[str], int]) -> Iterator[Fit]:
    """Ever shorter choices of ``messages`` for a prompt of ``room`` tokens; take the first that really fits.

    Whole turns go, oldest first, so that roles go on alternating; system messages and the last turn stay. What goes is
    a multiple of a third of the room, counted from the conversation's beginning: the same turns stay away for many
    turns to come, and meanwhile the KV cache serves. ``count`` gives a text's tokens and is best memoised.

    Raises BadInput when even the last turn is too long.
    """
    system = tuple(each for each in messages if each.role == "system")
    turns = _turns([each for each in messages if each.role != "system"])
    costs = [sum(count(each.content) + WRAPPING for each in turn) for turn in turns]
    fixed = sum(count(each.content) + WRAPPING for each in system)
    if fixed + costs[-1] > 2 * room:  # without tokenising a megabyte
        raise _too_long(count(turns[-1][0].content), room - fixed - WRAPPING)
    gone = [0, *accumulate(costs[:-1])]
    step = max(room // 3, 1)
    target = max(-(-(fixed + sum(costs) - room) // step), 0) * step
    first = _reaching(target, gone)
    while True:
        kept = tuple(each for turn in turns[first:] for each in turn)
        yield Fit(system + kept, sum(len(turn) for turn in turns[:first]))
        if first == len(turns) - 1:
            raise _too_long(count(turns[-1][0].content), room - fixed - WRAPPING)
        target += step
        first = max(first + 1, _reaching(target, gone))


def counted(text: str, tokenise: Callable[[str], list[int]]) -> int:
    """The tokens in ``text``; of a very long one judged by its beginning: a megabyte takes too long to tokenise."""
    if len(text) <= SAMPLE:
        return len(tokenise(text))
    return len(tokenise(text[:SAMPLE])) * len(text) // SAMPLE


def _reaching(target: int, gone: list[int]) -> int:
    """How many turns to drop so that ``target`` tokens go; ``gone`` counts the tokens before each turn."""
    return next((turns for turns, tokens in enumerate(gone) if tokens >= target), len(gone) - 1)


def _turns(messages: list[ChatMessage]) -> list[list[ChatMessage]]:
    """Each turn begins with what the person said."""
    turns: list[list[ChatMessage]] = []
    for each in messages:
        if each.role == "user" or not turns:
            turns.append([])
        turns[-1].append(each)
    return turns


def _too_long(tokens: int, room: int) -> BadInput:
    return BadInput(
        l10n(
            "The message is too long: it has about {tokens:,} tokens and {room:,} fit. "
            "Shorten it, or choose a larger context_tokens in Settings.",
            tokens=tokens,
            room=max(room, 0),
        )
    )
