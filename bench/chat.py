"""What a chat turn costs: ``python -m bench.chat [--json]``, a few minutes on two quiet cores.

Everything that is compared runs interleaved, token by token or turn by turn, in one process over the same weights, so a
busy machine slows both sides alike; the bare loop uses as many threads as the engine does at the moment. Only the
ratios are claims; times and speeds are of this machine and this moment.

- ``turns``: first-token time of turn 20 over turn 2 of one conversation, turns of equal length (Qwen).
- ``length``: cost of a token around token 2,000 over one around token 50, of the engine and of llama.cpp's bare loop at
  the same places over the same cache. Attention grows with length in both; what the engine adds is their quotient.
- ``decode``: speed of the engine over that of the bare loop (llama_decode, greedy sampler, nothing else).
- ``peer``: the same against llama_cpp.Llama.create_chat_completion(stream=True).
- ``switch``: seconds to park a conversation of 2,000 tokens and to bring it back, against reading it again.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import llama_cpp
import llama_cpp.llama_cpp as api
import psutil

from core import settings
from core.errors import NotInstalled
from core.l10n.text import l10n
from core.types.generation import Sampling, Usage
from core.types.messages import Message, Role, Text
from models.llama.bindings import Context, Model, State
from models.llama.engine import Llama

QWEN, SMOL = "qwen2.5-coder-1.5b-instruct", "smollm2-135m-instruct"
WINDOW = 4096  # tokens of context
GREEDY = Sampling(temperature=0, max_tokens=2000)
TASK = "Now count from one to a thousand in words, a comma after each: one, two, three, and so on. Do not stop."
BLOCK = 8  # tokens; ratios are taken block by block, and their median is reported

Figures = dict[str, float]


@dataclass(slots=True)
class Lane:
    """One side of a comparison: ``prepare`` is not timed, ``step`` makes one token; ``seconds`` of each step."""

    step: Callable[[], object]
    prepare: Callable[[], object] = lambda: None
    seconds: list[float] = field(default_factory=list)

    def blocks(self) -> list[float]:
        """Mean seconds a token, block by block."""
        return [sum(self.seconds[at : at + BLOCK]) / BLOCK for at in range(0, len(self.seconds) - BLOCK + 1, BLOCK)]


def interleave(lanes: dict[str, Lane], tokens: int) -> None:
    """Step every lane in turn, ``tokens`` times, beginning with another one each time."""
    order = list(lanes.values())
    for turn in range(tokens):
        for lane in order[turn % len(order) :] + order[: turn % len(order)]:
            lane.prepare()
            began = perf_counter()
            lane.step()
            lane.seconds.append(perf_counter() - began)


def ratio(over: Lane, under: Lane) -> float:
    """Median over blocks of one lane's cost over another's."""
    return median(a / b for a, b in zip(over.blocks(), under.blocks(), strict=True))


def said(role: Role, text: str) -> Message:
    return Message(role, (Text(text),))


def asked(words: int = 0) -> tuple[Message, ...]:
    """A request for a long answer, after ``words`` words to read."""
    filler = " ".join(f"Boat {number} left the harbour at dawn." for number in range(words // 7))
    return (said("system", "You are a helpful assistant."), said("user", f"{filler} {TASK}".strip()))


def stream_lane(ask: Callable[[], Iterator[Any]], writes: Callable[[Any], bool]) -> Lane:
    """In the middle of a streamed answer, told by what ``writes`` text; asked again when the answer ends."""
    stream: Iterator[Any] = iter(())
    item: Any = None

    def step() -> None:
        nonlocal item
        item = next(stream, None)

    def prepare() -> None:
        nonlocal stream
        while item is None or not writes(item):
            if item is None:
                stream = ask()
            step()

    return Lane(step, prepare)


def engine_lane(engine: Llama, messages: tuple[Message, ...]) -> Lane:
    return stream_lane(lambda: engine.reply(messages, GREEDY, "bench"), lambda item: isinstance(item, str))


def bare_lane(model: Model, state: State, engine: Llama) -> Lane:
    """llama.cpp's own loop, going on from a copy of a cache, with as many threads as ``engine`` has at the moment."""
    context = Context(model, WINDOW, engine.threads, 64)
    context.restore(state)
    sampler = api.llama_sampler_init_greedy()
    token = (ctypes.c_int32 * 1)(model.tokenise("The", False)[0])

    def step() -> None:
        api.llama_set_n_threads(context.pointer, engine.threads, engine.threads)
        if api.llama_decode(context.pointer, api.llama_batch_get_one(token, 1)):
            raise RuntimeError("llama_decode failed")
        token[0] = api.llama_sampler_sample(sampler, context.pointer, -1)

    step()
    return Lane(step)


def read(engine: Llama, messages: tuple[Message, ...]) -> tuple[State, int, float]:
    """Let the engine read a prompt; returns a copy of its cache, the tokens in it, and the seconds it took."""
    *_, usage = engine.reply(messages, Sampling(temperature=0, max_tokens=1), "bench")
    assert isinstance(usage, Usage)
    return engine.snapshot(), usage.prompt_tokens, usage.prefill_seconds


def turns(early: Llama, late: Llama, rounds: int = 8) -> Figures:
    """Turn 2 and turn 20 of one conversation, each asked again and again in other words of the same length."""

    def talk(before: int, question: int) -> tuple[Message, ...]:
        history = [said("system", "You are a helpful assistant.")]
        for turn in range(before):
            history.append(said("user", f"Tell me fact number {turn + 100} about the sea, please."))
            history.append(said("assistant", f"Fact {turn + 100}: the sea is deep, cold, salty and full of life."))
        return (*history, said("user", f"Tell me fact number {question + 500} about the sea, please."))

    def first_token(engine: Llama, before: int, question: int) -> float:
        began = perf_counter()
        stream = engine.reply(talk(before, question), GREEDY, "bench")
        while not isinstance(next(stream), str):
            pass
        seconds = perf_counter() - began
        stream.close()
        return seconds

    first_token(early, 1, 0)
    first_token(late, 19, 0)
    pairs = [(first_token(early, 1, turn), first_token(late, 19, turn)) for turn in range(1, rounds + 1)]
    return {
        "turn_20_over_turn_2": median(b / a for a, b in pairs),
        "turn_2_seconds": median(a for a, _ in pairs),
        "turn_20_seconds": median(b for _, b in pairs),
    }


def lengths(model: Model, early: Llama, late: Llama, tokens: int) -> Figures:
    """Token 50 and token 2,000, and decoding against the bare loop at both places."""
    short_state, short, _ = read(early, asked())
    long_state, long, reading = read(late, asked(1300))
    lanes = {
        "engine at 50": engine_lane(early, asked()),
        "bare at 50": bare_lane(model, short_state, early),
        "engine at 2000": engine_lane(late, asked(1300)),
        "bare at 2000": bare_lane(model, long_state, late),
    }
    interleave(lanes, tokens)
    engine = ratio(lanes["engine at 2000"], lanes["engine at 50"])
    bare = ratio(lanes["bare at 2000"], lanes["bare at 50"])
    return {
        "engine_2000_over_50": engine,
        "bare_2000_over_50": bare,
        "added_by_the_engine": engine / bare,
        "decode_over_bare_at_50": ratio(lanes["bare at 50"], lanes["engine at 50"]),
        "decode_over_bare_at_2000": ratio(lanes["bare at 2000"], lanes["engine at 2000"]),
        "short_prompt_tokens": short,
        "long_prompt_tokens": long,
        "read_tokens_per_second": long / reading,
        "decode_tokens_per_second": 1 / median(lanes["engine at 50"].seconds),
    }


def switch(engine: Llama) -> Figures:
    """Two conversations taking turns in one engine; the longer one has some 2,000 tokens."""
    long = asked(1300)
    one = Sampling(temperature=0, max_tokens=1)

    def seconds(messages: tuple[Message, ...], conversation: str) -> float:
        began = perf_counter()
        list(engine.reply(messages, one, conversation))
        return perf_counter() - began

    seconds(long, "bench")
    stay = median(seconds(long, "bench") for _ in range(3))
    away, back = zip(*((seconds(asked(), "other"), seconds(long, "bench")) for _ in range(3)), strict=True)
    return {"stay_seconds": stay, "leave_seconds": median(away), "return_seconds": median(back)}


def peer(path: Path, engine: Llama, threads: int, tokens: int) -> Figures:
    """The high-level class on the same prompt, its answer streamed beside ours."""
    high = llama_cpp.Llama(str(path), n_ctx=WINDOW, n_threads=threads, n_threads_batch=threads, verbose=False)
    contents: Any = [{"role": each.role, "content": each.text} for each in asked(1300)]

    def ask() -> Iterator[Any]:
        return iter(high.create_chat_completion(contents, temperature=0, max_tokens=GREEDY.max_tokens, stream=True))

    theirs = stream_lane(ask, lambda chunk: bool(chunk["choices"][0]["delta"].get("content")))
    lanes = {"ours": engine_lane(engine, asked(1300)), "theirs": theirs}
    interleave(lanes, tokens)
    high.close()
    return {"decode_over_high_level_at_2000": ratio(lanes["theirs"], lanes["ours"])}


def measure(folder: Path, model_id: str, threads: int, tokens: int) -> dict[str, Figures]:
    path = folder / model_id / "model.gguf"
    if not path.is_file():
        raise NotInstalled(
            l10n("{model_id} is not installed. Get it with `python start.py models get {model_id}`.", model_id=model_id)
        )
    model = Model(path)
    early, late = Llama(model, WINDOW, threads), Llama(model, WINDOW, threads)
    parts: dict[str, Callable[[], Figures]] = {
        "turns": lambda: turns(early, late),
        "length": lambda: lengths(model, early, late, tokens),
        "switch": lambda: switch(late),
        "peer": lambda: peer(path, late, threads, tokens // 2),
    }
    figures = {}
    for name, part in parts.items():
        print(f"{model_id}: {name} ...", file=sys.stderr, flush=True)
        figures[name] = part()
    early.close()
    late.close()
    return figures


def claims(figures: dict[str, dict[str, Figures]]) -> dict[str, bool]:
    """What the project promises, and whether this run kept it."""
    qwen = figures[QWEN]
    return {
        "first token of turn 20 at most 1.5 times that of turn 2": qwen["turns"]["turn_20_over_turn_2"] <= 1.5,
        "token 2,000 at most 1.1 times token 50": qwen["length"]["engine_2000_over_50"] <= 1.1,
        "of that growth, the engine adds at most 1.1 times": qwen["length"]["added_by_the_engine"] <= 1.1,
        "decode at least 0.95 of the bare loop": qwen["length"]["decode_over_bare_at_50"] >= 0.95,
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench chat", description="What a chat turn costs.")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--tokens", type=int, default=48, help="tokens decoded on each side (default 48)")
    options = parser.parse_args(argv)
    chosen = settings.load()
    threads = chosen.threads or psutil.cpu_count(logical=False) or 1
    figures = {model: measure(chosen.models, model, threads, options.tokens) for model in (QWEN, SMOL)}
    kept = claims(figures)
    if options.json:
        print(json.dumps({"threads": threads, "claims": kept, "figures": figures}, indent=1))
        return 0
    for model, groups in figures.items():
        print(model)
        for group, values in groups.items():
            print(f"  {group:8}" + "".join(f"\n    {name:32}{value:10.3f}" for name, value in values.items()))
    for claim, held in kept.items():
        print(f"{'kept  ' if held else 'MISSED'} {claim}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
