"""What a second question about a picture costs: ``python -m bench.see [--json]``, a minute on two quiet cores.

The first question about a picture pays for its encoding. The second one is compared with a question of as many words in
a conversation of words alone, twice: one as long as that with the picture, and a short one. They take turns in one
process over the same weights, so a busy machine slows all alike; only the ratios are claims. The weights are random and
the shapes real: CLIP-L/14-336 before a Llama of 134 million weights.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter

import psutil
import torch
from PIL import Image as Pillow

from bench.support.llama_shapes import random_llama
from bench.support.llava_shapes import random_llava, small_text
from core import settings
from core.runtime.protocols import Chat
from core.types.generation import Sampling
from core.types.messages import Image, Message, Part, Role, Text
from models.llava.precision import LlavaPlan

CELLS = 576  # that LLaVA 1.5 takes for a picture
FIRST = "What can be seen in this picture?"
SECOND = "{} is the number of this question; now tell me which colours there are, please."
ONE = Sampling(temperature=0, max_tokens=1)

Figures = dict[str, float]


def transformers_engine() -> Chat:
    """``models/llava/engine.py``, on the GPU where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    threads = settings.load().threads or psutil.cpu_count(logical=False) or 1
    torch.set_num_threads(threads)
    plan = LlavaPlan("cuda", "float16", 16) if device == "cuda" else LlavaPlan("cpu", "float32", 32)
    return random_llava(small_text(), plan, threads)


def llama_engine() -> Chat:
    """``models/llama/engine.py`` with its ``mmproj``."""
    return random_llama()


ENGINES: dict[str, Callable[[], Chat]] = {"transformers": transformers_engine, "llama.cpp": llama_engine}


def picture() -> Image:
    file = io.BytesIO()
    Pillow.linear_gradient("L").resize((640, 480)).convert("RGB").save(file, "PNG")
    return Image(file.getvalue(), "image/png")


def asked(*parts: Part) -> tuple[Message, ...]:
    """A first question and its answer."""
    return _said("user", *parts), _said("assistant", Text("A grey gradient."))


def seconds(engine: Chat, talk: tuple[Message, ...], question: str, conversation: str) -> float:
    """Until the first token of the answer is there."""
    began = perf_counter()
    list(engine.reply((*talk, _said("user", Text(question))), ONE, conversation))
    return perf_counter() - began


def measure(engine: Chat, rounds: int) -> Figures:
    """The first question about a picture, then ``rounds`` further ones in turns with those about words."""
    talks = {
        "picture": asked(picture(), Text(FIRST)),
        "as_long": asked(Text(FIRST + " " + "x" * CELLS)),
        "short": asked(Text(FIRST)),
    }
    first = _first(engine, talks["picture"])
    for name, talk in talks.items():
        seconds(engine, talk, SECOND.format("First"), name)
    taken: dict[str, list[float]] = {name: [] for name in talks}
    for number in range(rounds):
        for name, talk in talks.items():
            taken[name].append(seconds(engine, talk, SECOND.format(10 + number), name))
    ratios = {
        f"over_{name}": median(ours / other for ours, other in zip(taken["picture"], taken[name], strict=True))
        for name in ("as_long", "short")
    }
    return {"first_seconds": first, **{f"{name}_seconds": median(each) for name, each in taken.items()}, **ratios}


def _first(engine: Chat, talk: tuple[Message, ...]) -> float:
    began = perf_counter()
    list(engine.reply(talk[:1], ONE, "picture"))
    return perf_counter() - began


def _said(role: Role, *parts: Part) -> Message:
    return Message(role, parts)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench see", description="What a second question about a picture costs.")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--rounds", type=int, default=7, help="questions of each kind (default 7)")
    options = parser.parse_args(argv)
    figures: dict[str, Figures] = {}
    for name, opened in ENGINES.items():
        engine = opened()
        figures[name] = measure(engine, options.rounds)
        engine.close()
    kept = {
        f"{name}: a second question about a picture at most 1.1 times one about words": each["over_as_long"] <= 1.1
        for name, each in figures.items()
    }
    if options.json:
        print(json.dumps({"claims": kept, "figures": figures}, indent=1))
        return 0
    for name, values in figures.items():
        print(name + "".join(f"\n  {key:20}{value:10.3f}" for key, value in values.items()))
    for claim, held in kept.items():
        print(f"{'kept  ' if held else 'MISSED'} {claim}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
