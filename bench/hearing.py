"""Short turns heard fast and heard in full: ``python start.py bench hearing [--sentences N] [--keep FILE] [--json]``.

Sentences (``bench/support/sentences.py``) are spoken by several voices, once: the sound is kept in the data folder.
Each is then decoded with ``Whisper.hear``, which judges the language itself, and with faster-whisper's ordinary
transcription, padded to 30 s with a beam of 5, which is told the language. Both have the same weights and threads and
take turns, so a busy machine slows both alike. 40 sentences take two minutes on two cores the first time; ``--keep``
goes on where it was left.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from bench.support.sentences import sentences
from core import settings
from core.catalogue.load import load
from core.media.audio import resampled
from core.runtime.worker import Worker
from core.types.generation import Segment
from core.types.messages import Audio
from models.whisper import engine as whisper
from models.whisper.repetition import looped
from tests.sound.scoring import characters, edits, words

RATE = 16_000
MARGIN = bytes(2 * RATE // 5)  # 0.2 s of silence: what a call leaves around a turn
VOICES = {
    "en": ("af_heart", "am_michael", "bf_emma", "bm_george", "af_bella", "am_fenrir"),
    "zh": ("zm_yunxi", "zf_xiaoxiao", "zm_yunjian", "zf_xiaoyi", "zm_yunyang"),
}
TIME, WORSE = 0.25, 0.005  # of the padded time; of the words or characters, more than padded


@dataclass(frozen=True, slots=True)
class SaidSentence:
    """A sentence, who says it, and the sound of it."""

    text: str
    language: str
    voice: str
    audio: Audio


@dataclass(frozen=True, slots=True)
class HeardSentence:
    """One sentence decoded in one way: ``wrong`` of its ``units`` (words or characters), in so many ``seconds``."""

    way: str
    language: str
    said: str
    text: str
    units: int
    wrong: int
    seconds: float
    long: float  # seconds of sound
    looped: bool


def corpus(count: int) -> Iterator[SaidSentence]:
    """``count`` spoken sentences, English and Chinese in turn; what was not spoken before is spoken now."""
    chosen = settings.load()
    folder = chosen.home / "bench" / "hearing"
    folder.mkdir(parents=True, exist_ok=True)
    halves = [[(language, text) for text in sentences(language, (count + 1) // 2)] for language in ("en", "zh")]
    speaker = BenchVoice(chosen)
    try:
        for number, (language, text) in enumerate(itertools.chain.from_iterable(zip(*halves, strict=True))):
            if number == count:
                return
            voice = VOICES[language][number // 2 % len(VOICES[language])]
            file = folder / (hashlib.sha256(f"{voice} {text}".encode()).hexdigest()[:24] + ".pcm")
            if not file.exists():
                file.write_bytes(speaker.said(text, voice))
            yield SaidSentence(text, language, voice, Audio(MARGIN + file.read_bytes() + MARGIN, RATE))
    finally:
        speaker.close()


class BenchVoice:
    """Kokoro in a process of its own, started when there is something to say."""

    def __init__(self, chosen: settings.Settings) -> None:
        self._chosen = chosen
        self._worker: Worker | None = None

    def said(self, text: str, voice: str) -> bytes:
        """16 kHz samples."""
        if self._worker is None:
            spec = load().find("kokoro")
            self._worker = Worker(spec, self._chosen.models / spec.id, self._chosen.home / "engines.log")
            for _ in self._worker.opening():
                pass
        sound = [item for item in self._worker.call("speak", text, (voice,)) if isinstance(item, Audio)]
        return resampled(Audio(b"".join(one.pcm for one in sound), sound[0].rate), RATE).pcm

    def close(self) -> None:
        if self._worker:
            self._worker.kill()


class DecodingWays:
    """Both ways of hearing, over the same weights on as many threads."""

    def __init__(self) -> None:
        from faster_whisper import WhisperModel

        chosen = settings.load()
        spec = load().find("whisper-base")
        folder = chosen.models / spec.id
        self._ear = whisper.load(spec, folder)
        built = self._ear.build
        self._plain = WhisperModel(
            str(folder), device=built.device, compute_type=built.compute_type, cpu_threads=whisper.threads()
        )

    def fast(self, said: SaidSentence) -> str:
        """As in a call of one language: until the text is there; its words' times come after it."""
        found = next(self._ear.hear(said.audio, hint=said.language), None)
        return found.text if isinstance(found, Segment) else ""

    def padded(self, said: SaidSentence) -> str:
        import numpy as np

        samples = np.frombuffer(said.audio.pcm, "<i2").astype(np.float32) / 32768
        return "".join(one.text for one in self._plain.transcribe(samples, said.language, beam_size=5)[0])


def measured(said: SaidSentence, way: str, hear: Callable[[SaidSentence], str]) -> HeardSentence:
    began = perf_counter()
    text = hear(said)
    seconds = perf_counter() - began
    units = words if said.language == "en" else characters
    wanted, got = units(said.text), units(text)
    again = len(got) > 1.6 * len(wanted) + 2 or looped(text)
    wrong = edits(wanted, got)
    return HeardSentence(way, said.language, said.text, text, len(wanted), wrong, seconds, said.audio.seconds, again)


def summary(found: list[HeardSentence]) -> dict[str, Any]:
    """Figures of both ways, and whether the claims hold."""
    figures: dict[str, Any] = {}
    for way in ("fast", "padded"):
        here = [one for one in found if one.way == way]
        figures[way] = {
            "sentences": len(here),
            "seconds_p50": median(one.seconds for one in here),
            "seconds_p95": sorted(one.seconds for one in here)[int(0.95 * (len(here) - 1))],
            "real_time_factor": sum(one.seconds for one in here) / sum(one.long for one in here),
            "looped": sum(one.looped for one in here),
        }
        for language in ("en", "zh"):
            spoken = [one for one in here if one.language == language]
            figures[way][f"wrong_{language}"] = sum(one.wrong for one in spoken) / max(1, sum(x.units for x in spoken))
    fast, padded = figures["fast"], figures["padded"]
    times = {way: sum(one.seconds for one in found if one.way == way) for way in ("fast", "padded")}
    figures["time_ratio"] = times["fast"] / times["padded"]
    worse = {language: fast[f"wrong_{language}"] - padded[f"wrong_{language}"] for language in ("en", "zh")}
    claims = {
        f"at most {TIME} of the padded time": figures["time_ratio"] <= TIME,
        **{f"{name} at most {100 * WORSE:g} points worse": worse[name] <= WORSE for name in worse},
        "no loop": fast["looped"] == 0,
    }
    return {"claims": claims, "figures": figures}


def kept(file: Path | None) -> list[HeardSentence]:
    if file is None or not file.exists():
        return []
    return [HeardSentence(**json.loads(line)) for line in file.read_text("utf-8").splitlines()]


def decode(count: int, file: Path | None) -> list[HeardSentence]:
    """Both ways over ``count`` sentences; those in ``file`` are not decoded again, new ones are added to it."""
    found = kept(file)
    done = {(one.said, one.language) for one in found}
    ways: DecodingWays | None = None
    for said in corpus(count):
        if (said.text, said.language) in done:
            continue
        ways = ways or DecodingWays()
        both = [measured(said, "fast", ways.fast), measured(said, "padded", ways.padded)]
        found += both
        if file:
            with file.open("a", encoding="utf-8") as lines:
                lines.writelines(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in both)
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench hearing", description="Short turns heard fast and heard in full.")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--sentences", type=int, default=40, help="how many, half of them Chinese (default 40)")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="add each result to FILE, and go on from it")
    parser.add_argument("--wrong", action="store_true", help="show what was heard wrongly")
    options = parser.parse_args(argv)
    found = decode(options.sentences, options.keep)
    if options.wrong:
        for one in found:
            if one.wrong:
                print(f"{one.way:7}{one.wrong:3}  {one.said}  ->  {one.text.strip()}")
    told = summary(found)
    if options.json:
        print(json.dumps(told, indent=1))
        return 0
    for way in ("fast", "padded"):
        print(way + "".join(f"\n  {key:18}{value:9.3f}" for key, value in told["figures"][way].items()))
    print(f"time ratio {told['figures']['time_ratio']:.3f}")
    for claim, held in told["claims"].items():
        print(f"{'kept  ' if held else 'MISSED'} {claim}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
