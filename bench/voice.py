"""A live call measured: ``python start.py bench voice [--turns N] [--chat ID] [--all] [--long] [--json]``.

Turns whose true end is known are said into a call, fast; everything is measured on the recording of what was said back.
Only ratios are claims of any machine; seconds are of this one.

- ``turns``: seconds from a turn's last sample above -40 dB to the first sample of the answer; ``words`` to that of its
  own words where it begins with an opening word ("Well..."). Both are held against others' ways. False cut-offs
  (an answer's own words before that end, or one turn taken for two), ``nods`` (opening words in a pause, after which
  the turn went on as one), missed ends, errors of the hearing. Beside it others' ways to take turns on the same turns
  and engines (``bench/support/voice_policies.py``).
- ``barge``: speech into an answer: until it is quiet, until it ends, and from that decision to its last sample; and how
  often an echo at -6 dB, coughs, typing or music ended it.
- ``nobody``: turns and words where nobody speaks: 30 s of each sound, 10 minutes with ``--long``.
- ``--first-number`` measures nothing of that, but the first sound of a fresh voice process
  (``bench/support/first_number.py``).
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

from bench.support import first_number
from bench.support.voice_calls import Answered, Barged, barge, converse, disturb, nobody
from bench.support.voice_policies import WAYS, Costs, rivals
from bench.support.voice_turns import (
    BARGES,
    LONG,
    Reciter,
    SpokenTurn,
    cafe,
    coughs,
    errors,
    music,
    silence,
    typing,
    white_noise,
)
from core import settings
from core.app.app import App

SMALL, LARGER = "smollm2-135m-instruct", "qwen2.5-coder-1.5b-instruct"
TURNS = 30  # of each language
SHORT, LONGER = 40, 120  # tokens of an answer, and of one to be spoken into
P50, P95, OF_OPEN_WEBUI, CUT = 0.7, 1.2, 0.25, 0.05

Figures = dict[str, Any]


@contextmanager
def opened(chat: str) -> Iterator[App]:
    """An app with the installed models, and conversations of its own."""
    chosen = settings.load()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        if (own := chosen.home / "catalogue.toml").exists():
            shutil.copy(own, home)
        models = str(chosen.models)
        app = App(
            replace(
                chosen,
                home=home,
                models_folder=models,
                chat=chat,
                sampling=replace(chosen.sampling, temperature=0.0, max_tokens=SHORT),
            )
        )
        try:
            yield app
        finally:
            app.close()


def reciter(app: App) -> Reciter:
    return Reciter(app.pool, app.catalogue.find("kokoro"), settings.load().home / "bench" / "voice")


def spread(values: Sequence[float]) -> Figures:
    """Median, and the smallest value that 95 % do not pass."""
    if not values:
        return {"p50": None, "p95": None}
    return {"p50": median(values), "p95": sorted(values)[math.ceil(0.95 * len(values)) - 1]}


def told(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


# turns


def talk(app: App, turns: list[SpokenTurn]) -> Figures:
    """Our call over the turns, then the others' ways on each of them."""
    answered, held = converse(app, turns)
    with rivals(app) as others:
        costs = [others.costs(turn) for turn in turns]
    ours = _ours(answered) | {"p50 by its own marks": spread(held.totals)["p50"]}
    theirs = {way: spread([cost.total(way) for cost in costs]) for way in WAYS}
    theirs["pipeline"]["cut"] = sum(cost.cut for cost in costs) / len(costs)
    over = {name: {way: _over(ours[name], theirs[way]["p50"]) for way in WAYS} for name in ("p50", "words p50")}
    each = [
        {
            "said": one.turn.text,
            "heard": one.heard,
            "total": one.total,
            "words": one.words,
            "cut": one.cut,
            "nods": one.nods,
            "costs": asdict(cost),
        }
        for one, cost in zip(answered, costs, strict=True)
    ]
    figures = {"turns": len(turns), "starved": held.starved, "troubles": held.troubles, "ours": ours, "others": theirs}
    return figures | {"over": over, "engines": _parts(costs), "factors": _factors(turns, costs), "each": each}


def _over(ours: float | None, theirs: float) -> float | None:
    return None if ours is None else ours / theirs


def _ours(answered: Sequence[Answered]) -> Figures:
    wrong, units = zip(*(errors(one.turn.text, one.heard, one.turn.language) for one in answered), strict=True)
    figures = spread([one.total for one in answered if one.total is not None and not one.cut])
    own = spread([one.words for one in answered if one.words is not None and not one.cut])
    figures |= {f"words {name}": value for name, value in own.items()}
    figures["opened"] = sum(one.total is not None and one.words != one.total for one in answered)
    cut, missed = sum(one.cut for one in answered), sum(one.missed for one in answered)
    figures["nods"] = sum(one.nods for one in answered)
    return figures | {"cut": cut / len(answered), "missed": missed, "errors": sum(wrong) / sum(units)}


def _parts(costs: Sequence[Costs]) -> Figures:
    """Median seconds that each engine takes for a turn, and (``spoken``) of the first sentence's sound."""
    names = ("judge", "hear", "padded", "sentence", "whole", "speak", "spoken")
    return {name: median(getattr(cost, name) for cost in costs) for name in names}


def _factors(turns: Sequence[SpokenTurn], costs: Sequence[Costs]) -> Figures:
    """Seconds of work for a second of sound, and what share of the padded transcription's time our hearing takes."""
    sound = sum(turn.audio.seconds for turn in turns)
    wrong, units = zip(*(errors(t.text, c.heard, t.language) for t, c in zip(turns, costs, strict=True)), strict=True)
    return {
        "hear": sum(cost.hear for cost in costs) / sound,
        "padded": sum(cost.padded for cost in costs) / sound,
        "hear over padded": median(cost.hear / cost.padded for cost in costs),
        "speak": sum(cost.speak for cost in costs) / sum(cost.spoken for cost in costs),
        "padded errors": sum(wrong) / sum(units),
    }


# interruptions, and nobody


def interruptions(app: App, said: Reciter, language: str, count: int) -> Figures:
    """Speech into an answer, and what is none, ``count`` times each."""
    app.settings = replace(app.settings, sampling=replace(app.settings.sampling, max_tokens=LONGER))
    question = said.turn(LONG[language], language)
    into = [said.turn(text, language, number) for number, text in enumerate(BARGES[language])]
    barged = [barge(app, question, into[number % len(into)]) for number in range(count)]
    noises = {"coughs": coughs(), "typing": typing(4.0), "music": music(4.0)}
    ended = {name: [disturb(app, question, noise) for _ in range(count)] for name, noise in noises.items()}
    ended["echo"] = [disturb(app, question, silence(1.0), echo=0.5) for _ in range(count)]
    unanswered = sum(each.count(None) for each in ended.values())
    false = {name: sum(filter(None, each)) for name, each in ended.items()}
    app.settings = replace(app.settings, sampling=replace(app.settings.sampling, max_tokens=SHORT))
    return {"tries": count, "unanswered": unanswered} | _barged(barged) | {"ended by": false}


def _barged(barged: Sequence[Barged]) -> Figures:
    """Milliseconds."""

    def of(name: str) -> Figures:
        return spread([value for one in barged if (value := getattr(one, name)) is not None])

    missed = sum(one.hush is None for one in barged)
    return {"duck ms": of("duck"), "hush ms": of("hush"), "rest ms": of("rest"), "not interrupted": missed}


def unspoken(app: App, said: Reciter, seconds: float) -> Figures:
    """Turns and words committed where nobody speaks to us."""
    talkers = [turn.audio for language in ("en", "zh") for turn in said.turns(language, 4)]
    sounds: dict[str, Callable[[], Any]] = {
        "silence": lambda: silence(seconds),
        "white noise": lambda: white_noise(seconds),
        "café": lambda: cafe(seconds, talkers),
        "music": lambda: music(seconds),
    }
    found = {}
    for name, sound in sounds.items():
        told(f"nobody: {name}")
        texts = nobody(app, sound())
        found[name] = {"seconds": seconds, "turns": len(texts), "words": sum(len(text.split()) for text in texts)}
    return found


# the report


def measure(chat: str, options: argparse.Namespace) -> Figures:
    """What depends on the chat model: turns and interruptions, by language."""
    figures: Figures = {}
    with opened(chat) as app:
        said = reciter(app)
        for language in options.languages:
            figures[language] = {}
            if options.turns:
                told(f"{chat}: turns, {language}")
                figures[language] = talk(app, said.turns(language, options.turns))
            if options.tries:
                told(f"{chat}: barge-in, {language}")
                figures[language]["barge"] = interruptions(app, said, language, options.tries)
    return figures


def claims(chat: str, language: str, figures: Figures) -> dict[str, bool]:
    """What is promised, and whether this run kept it; seconds are promised of the small model only."""
    where, kept = f"{chat}, {language}", {}
    if ours := figures.get("ours"):
        for name in ("p50", "words p50"):
            over = figures["over"][name]["open webui"]
            kept[f"{where}: {name} at most {OF_OPEN_WEBUI} of Open WebUI's way"] = bool(over) and over <= OF_OPEN_WEBUI
        kept[f"{where}: false cut-offs at most {CUT:.0%}"] = ours["cut"] <= CUT
        kept[f"{where}: no end missed"] = not ours["missed"]
        if chat == SMALL:
            for name, most in (("p50", P50), ("p95", P95)):
                kept[f"{where}: {name} at most {most} s"] = ours[name] is not None and ours[name] <= most
    if barged := figures.get("barge"):
        kept[f"{where}: every interruption is taken for one"] = not barged["not interrupted"]
        kept |= {f"{where}: not interrupted by {name}": not count for name, count in barged["ended by"].items()}
    return kept


def shown(figures: Figures, indent: str = "  ") -> Iterator[str]:
    """Groups of figures, one a line; single turns are told by ``--json`` only."""
    for name, value in figures.items():
        if isinstance(value, dict) and any(isinstance(one, dict) for one in value.values()):
            yield f"{indent}{name}"
            yield from shown(value, indent + "  ")
        elif isinstance(value, dict):
            yield f"{indent}{name:16}" + "  ".join(f"{key} {_number(one)}" for key, one in value.items())
        elif name != "each":
            yield f"{indent}{name:16}{_number(value)}"


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-" if value is None else str(value)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench voice", description="A live call measured.")
    parser.add_argument("--turns", type=int, default=TURNS, help=f"turns of each language (default {TURNS}, the most)")
    parser.add_argument("--tries", type=int, default=3, help="interruptions of each kind (default 3)")
    parser.add_argument("--chat", action="append", default=[], metavar="ID", help=f"who answers (default {SMALL})")
    parser.add_argument("--all", action="store_true", help=f"{LARGER}, too")
    parser.add_argument("--language", action="append", dest="languages", choices=["en", "zh"], help="one only")
    parser.add_argument("--long", action="store_true", help="10 minutes of each sound that is no speech")
    parser.add_argument("--no-nobody", action="store_true", help="leave the sounds without speech out")
    parser.add_argument("--first-number", action="store_true", help="only the first sound of a fresh voice process")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    options = parser.parse_args(argv)
    options.languages = options.languages or ["en", "zh"]
    options.chat = options.chat or [SMALL]
    options.chat += [LARGER] * (options.all and LARGER not in options.chat)
    return options


def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    kept: dict[str, bool] = {}
    if options.first_number:
        report: Figures = {"first sound": first_number.ratios(options.tries, options.languages)}
        for language, found in report["first sound"].items():
            kept[f"{language}: a number at most {first_number.MOST} times words"] = found["ratio"] <= first_number.MOST
        return printed(report, kept, options.json)
    report = {chat: measure(chat, options) for chat in options.chat}
    for chat, languages in report.items():
        for language, found in languages.items():
            kept |= claims(chat, language, found)
    if not options.no_nobody:
        with opened(options.chat[0]) as app:
            report["nobody"] = unspoken(app, reciter(app), 600.0 if options.long else 30.0)
        kept["no turn where nobody speaks"] = not any(one["turns"] for one in report["nobody"].values())
    return printed(report, kept, options.json)


def printed(report: Figures, kept: dict[str, bool], as_json: bool) -> int:
    if as_json:
        print(json.dumps({"claims": kept, "figures": report}, ensure_ascii=False, indent=1))
        return 0
    print("\n".join(shown(report)))
    for claim, held in kept.items():
        print(f"{'kept  ' if held else 'MISSED'} {claim}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
