"""The first sound of a fresh voice process: ``python start.py bench voice --first-number [--tries N]``.

Loading is not counted. A number must not cost more than words do: "It is 42." at most MOST of "It is hot.".
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from core import settings
from core.catalogue.load import load as catalogue

TEXTS = {"en": ("It is hot.", "It is 42."), "zh": ("今天天气很热。", "一共 42 个。")}
MOST = 1.3
ROOT = Path(__file__).resolve().parents[2]


def ratios(tries: int, languages: list[str]) -> dict[str, dict[str, float]]:
    """By language the medians, in seconds, of words, of a number, and how much the number takes of the words' time."""
    found = {}
    for language in languages:
        taken: dict[str, list[float]] = {text: [] for text in TEXTS[language]}
        for _ in range(tries):  # in turns, so that other work on the machine meets both alike
            for text, seconds in taken.items():
                seconds.append(_first(text))
        words, number = (median(seconds) for seconds in taken.values())
        found[language] = {"words": words, "number": number, "ratio": number / words}
    return found


def _first(text: str) -> float:
    done = subprocess.run([sys.executable, "-m", __name__, text], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return float(done.stdout.split()[-1])


def main() -> None:
    from models.kokoro import load

    voice = load(catalogue().find("kokoro"), settings.load().models / "kokoro")
    began = perf_counter()
    next(voice.speak(sys.argv[1]))
    print(perf_counter() - began)


if __name__ == "__main__":
    main()
