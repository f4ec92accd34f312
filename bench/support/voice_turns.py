"""What is said in ``bench/voice.py``: spoken turns whose true end is known, and sounds that are no turn.

A turn is a list of what is said and, between, seconds of silence: the pauses of somebody who has not finished. Voices
say it once; the sound is kept in the data folder. All sound is 16 kHz.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.catalogue.spec import ModelSpec
from core.media.audio import open_audio, resampled, wav
from core.runtime.lease import acquire
from core.runtime.pool import Pool
from core.types.messages import Audio
from models.whisper.chinese_script import convert_script

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float64]

RATE = 16_000
QUIET = 0.01  # of the loudest sample, -40 dB: what lies below it is no speech any more
VOICES = {  # none of them answers in a call
    "en": ("am_michael", "bf_emma", "af_bella", "bm_george"),
    "zh": ("zm_yunjian", "zf_xiaoyi", "zm_yunyang", "zf_xiaobei"),
}

PLAIN = {
    "en": """
What is the capital of France? | How many legs does a spider have? | Tell me a short story about a lighthouse.
Why is the sky blue? | Can you recommend a good book? | How do I boil an egg?
Please translate good morning into French. | Who wrote Romeo and Juliet? | What should I wear when it rains?
Give me an idea for dinner. | How far away is the moon? | Explain what a volcano is. | Tell me a joke.
What is the largest animal in the sea? | Do cats sleep a lot? | What can I do on a rainy day?
How does a bicycle work? | Please help me write a letter. | Which language is spoken in Brazil?
Thank you, what else can you do?
""",
    "zh": """
法国的首都是哪里？ | 蜘蛛有几条腿？ | 请给我讲一个短故事。 | 天空为什么是蓝色的？ | 你能推荐一本好书吗？
鸡蛋怎么煮才好吃？ | 请把早上好翻译成英文。 | 红楼梦是谁写的？ | 下雨天应该穿什么衣服？ | 今天晚饭吃什么好呢？
月亮离我们有多远？ | 请解释一下什么是火山。 | 海里最大的动物是什么？ | 给我讲个笑话吧。 | 猫每天要睡多久？
周末在家可以做些什么？ | 自行车是怎么工作的？ | 请帮我写一封信。 | 巴西人说什么语言？ | 谢谢你，你还会做什么？
""",
}

PAUSED = {  # a slash and seconds is a pause
    "en": """
I would like to, /0.7 um, book a table for tonight.
My phone number is /0.5 five five five, /0.6 two three four, /0.5 nine one six.
I need bread, /0.6 milk, /0.8 and some cheese. | Can you tell me, /1.0 uh, how to get to the station?
I was wondering if /0.9 you could help me with my homework.
We went to the market, and then /1.2 we met our old teacher.
What is the difference between /0.6 a frog and a toad? | The thing is that /0.8 I don't know how to cook rice.
Please write a poem about /0.4 the sea, /0.5 the wind, /0.5 and the stars.
If it rains tomorrow, /0.7 what should we do?
""",
    "zh": """
我想，/0.7 嗯，订一张今天晚上的桌子。 | 我的电话号码是 /0.5 一三八，/0.6 二二五四，/0.5 六六七九。
我要买面包，/0.6 牛奶，/0.8 还有一些奶酪。 | 请问，/1.0 嗯，去火车站怎么走？
我想问一下，/0.9 你能不能帮我做作业？ | 我们先去了市场，然后 /1.2 遇到了以前的老师。
青蛙和 /0.6 蛤蟆有什么区别？ | 问题是，/0.8 我不知道怎么煮米饭。 | 请写一首诗，关于 /0.4 大海，/0.5 风，/0.5 和星星。
如果明天下雨，/0.7 我们应该做什么？
""",
}
FILLERS = {"um", "uh", "嗯"}
LONG = {"en": "Please tell me a long story about a dragon.", "zh": "请给我讲一个关于龙的长故事。"}
BARGES = {
    "en": ("Wait, stop, I have another question.", "Hold on, that is not what I meant.", "Stop, please be quiet."),
    "zh": ("等一下，停，我还有一个问题。", "等等，我不是这个意思。", "停一下，先别说了。"),
}
_PAUSE = re.compile(r"/([\d.]+)")


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """What is said, without its pauses, and its sound. Times in seconds from the sound's beginning.

    ``end`` is that of the last sample above ``QUIET``; ``pauses`` are where the speaker stops and goes on.
    """

    text: str
    language: str
    audio: Audio
    end: float
    pauses: tuple[tuple[float, float], ...] = ()


class Reciter:
    """Says what it has not said before with ``spec``, and finds the rest in ``folder``."""

    def __init__(self, pool: Pool, spec: ModelSpec, folder: Path) -> None:
        self._pool, self._spec, self._folder = pool, spec, folder
        folder.mkdir(parents=True, exist_ok=True)

    def turns(self, language: str, count: int) -> list[SpokenTurn]:
        """At most 30 turns: two without pauses and one with, over and over."""
        plain, paused = (_lines(text[language]) for text in (PLAIN, PAUSED))
        lines = [line for n, with_pause in enumerate(paused) for line in (*plain[2 * n : 2 * n + 2], with_pause)]
        return [self.turn(line, language, number) for number, line in enumerate(lines[:count])]

    def turn(self, line: str, language: str, number: int = 0) -> SpokenTurn:
        """One turn said by the ``number``-th voice of its language."""
        voice = VOICES[language][number % len(VOICES[language])]
        pcm, pauses = b"", []
        parts = _PAUSE.split(line)
        for text, pause in zip(parts[::2], [*parts[1::2], ""], strict=True):
            pcm += self._said(text.strip(), voice, language)
            if pause:
                at = len(pcm) / 2 / RATE
                pauses.append((at, at + float(pause)))
                pcm += bytes(2 * round(float(pause) * RATE))
        said = "".join(parts[::2]) if language == "zh" else " ".join(" ".join(parts[::2]).split())
        audio = Audio(pcm, RATE)
        return SpokenTurn(said, language, audio, voiced(audio)[1] / RATE, tuple(pauses))

    def _said(self, text: str, voice: str, language: str) -> bytes:
        """Speech from its first sample above ``QUIET`` to its last."""
        file = self._folder / (hashlib.sha256(f"{voice} {text}".encode()).hexdigest()[:24] + ".wav")
        if not file.exists():
            with acquire(self._pool, self._spec) as worker, worker.call("speak", text, (voice,), language, 1.0) as call:
                sounds = [item for item in call if isinstance(item, Audio)]
            whole = resampled(Audio(b"".join(one.pcm for one in sounds), sounds[0].rate), RATE)
            first, last = voiced(whole)
            file.write_bytes(wav(Audio(whole.pcm[2 * first : 2 * last], RATE)))
        return open_audio(file.read_bytes(), file.name).pcm


def voiced(audio: Audio) -> tuple[int, int]:
    """The first sample above ``QUIET`` of the loudest, and the one after the last; both 0 in silence."""
    import numpy as np

    loud = np.abs(np.frombuffer(audio.pcm, "<i2").astype(np.int32))
    above = np.flatnonzero(loud > max(1, loud.max(initial=0) * QUIET))
    return (int(above[0]), int(above[-1]) + 1) if len(above) else (0, 0)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.replace("\n", "|").split("|") if line.strip()]


# how wrong what was heard is


def errors(said: str, heard: str, language: str) -> tuple[int, int]:
    """Words (characters in Chinese) to change, drop or add, and how many were said.

    Case, marks, hesitations, digits or their names, and traditional or simplified writing are no errors.
    """
    wanted, got = (_units(text, language) for text in (said, heard))
    row = list(range(len(got) + 1))  # Levenshtein, 1966
    for i, one in enumerate(wanted, 1):
        corner, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            corner, row[j] = row[j], min(corner + (one != other), row[j] + 1, row[j - 1] + 1)
    return row[-1], len(wanted)


def _units(text: str, language: str) -> list[str]:
    simplified = convert_script([text], "simplified")[0] if language == "zh" else text
    plain = unicodedata.normalize("NFKC", simplified).lower().replace("'", "").replace("’", "")
    names = list("零一二三四五六七八九") if language == "zh" else _DIGITS
    plain = re.sub(r"\d", lambda digit: f" {names[int(digit[0])]} ", plain)
    found = re.findall(r"[^\W_]", plain) if language == "zh" else re.findall(r"[^\W_]+", plain)
    return [unit for unit in found if unit not in FILLERS]


_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


# sounds that are no turn


def silence(seconds: float) -> Audio:
    return Audio(bytes(2 * round(seconds * RATE)), RATE)


def white_noise(seconds: float) -> Audio:
    """-30 dBFS."""
    return _audio(_noise(seconds, 1), -30.0)


def coughs() -> Audio:
    """Two bursts, 0.2 and 0.3 s, 300 to 3,000 Hz, with a sharp attack; -20 dBFS over all."""
    import numpy as np

    bursts = []
    for long, gap, seed in ((0.2, 0.12, 2), (0.3, 0.2, 3)):
        noise = _band(_noise(long, seed), 300, 3000)
        at = np.arange(len(noise)) / RATE
        bursts += [noise * np.minimum(1, at / 0.005) * np.exp(-at / (long / 3)), np.zeros(round(gap * RATE))]
    return _audio(np.concatenate(bursts), -20.0)


def typing(seconds: float) -> Audio:
    """About six keys a second, -35 dBFS."""
    import numpy as np

    chance, samples = np.random.default_rng(4), np.zeros(round(seconds * RATE))
    for start in chance.integers(0, max(1, len(samples) - 400), round(6 * seconds)):
        key = chance.standard_normal(400) * np.exp(-np.arange(400) / 60)
        samples[start : start + 400] += key[: len(samples) - start]
    return _audio(samples, -35.0)


def music(seconds: float, level: float = -25.0) -> Audio:
    """Plucked chords, one in half a second, with a melody over them."""
    import numpy as np

    chance, beat = np.random.default_rng(5), 0.5
    samples = np.zeros(round((seconds + 2) * RATE))
    at = np.arange(round(1.5 * RATE)) / RATE
    for number in range(int(seconds / beat)):
        root = (0, 7, 9, 5)[number // 4 % 4]
        for step in (root - 12, root, root + 4, root + 7, 12 + int(chance.choice((0, 2, 4, 7, 9)))):
            hz = 220 * 2 ** (step / 12)
            note = sum((np.sin(2 * np.pi * hz * n * at) / n for n in range(1, 7)), np.zeros_like(at)) * np.exp(-3 * at)
            start = round(number * beat * RATE)
            samples[start : start + len(note)] += note
    return _audio(samples[: round(seconds * RATE)], level)


def cafe(seconds: float, speech: Sequence[Audio], voices: int = 12) -> Audio:
    """So many talkers at once, cut from ``speech`` at chance, -35 dBFS."""
    import numpy as np

    chance = np.random.default_rng(6)
    pool = np.concatenate([np.frombuffer(one.pcm, "<i2") / 32768 for one in speech])
    length = round(seconds * RATE)
    talkers = (np.resize(np.roll(pool, chance.integers(len(pool))), length) for _ in range(voices))
    return _audio(sum(talkers, np.zeros(length)), -35.0)


def _noise(seconds: float, seed: int) -> Samples:
    import numpy as np

    return np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def _band(samples: Samples, low: float, high: float) -> Samples:
    import numpy as np

    spectrum, hz = np.fft.rfft(samples), np.fft.rfftfreq(len(samples), 1 / RATE)
    return np.fft.irfft(spectrum * ((hz > low) & (hz < high)), len(samples))


def _audio(samples: Any, level: float) -> Audio:
    """``samples`` brought to ``level`` dBFS; what passes full scale is clipped."""
    import numpy as np

    loud = np.sqrt(np.mean(samples**2)) or 1.0
    return Audio((np.clip(samples / loud * 10 ** (level / 20), -1, 1) * 32767).astype("<i2").tobytes(), RATE)
