"""Greedy decoding of one short utterance (``decode_with_fallback``): little padding, and signs by which to doubt it.

Figures are of whisper-base, int8, on two cores that had other work; ``bench hearing`` measures again.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.types.messages import Word
from models.whisper.options import APPENDED, LOOPING, NO_SPEECH, PREPENDED, UNLIKELY
from models.whisper.repetition import is_looped
from models.whisper.speech_spans import certainty

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

    from models.whisper.speech_spans import Samples

# Padding is features of 0, as faster-whisper's: encoding 2.6 s takes 57 ms with 1 s of it, 92 ms with 4 s, and a second
# with 27 s. Errors with 0.5, 1, 2, 4 and 27 s of it were the same. That holds as long as the decoder writes timestamps:
# without them 11 of 60 sentences looped at 1 s, since it is the last one that tells it to stop. They cost two tokens.
FINAL = 1.0  # seconds

# Speech that is cut off in a word loops more easily: 14 of 80 with 1 s of padding, 4 with 2 s, 3 with 4 s.
CAPTION = 2.0

# What is encoded is as long as a multiple of this: oneDNN keeps code for every length that it has seen, and an hour of
# talk with lengths as they come made the process 100 MB larger.
SHAPE = 40  # frames of 10 ms

SHORTEST = 0.1  # seconds

# A token costs 10 ms and more, on one thread as on two; with a beam of 5 half as much again. A beam for what is less
# likely than this: of 250 Chinese sentences 7.23 % of the characters are wrong at -0.45, 7.19 % at -0.25 and with a
# beam for all; in English it changes nothing.
UNSURE, UNSURE_CHINESE, BEAM = -0.45, -0.25, 5  # mean log-probability of a token
TOKENS, TOKENS_PER_SECOND = 12, 9

# Without speech the no-speech probability is 0.44 to 0.92 at this padding too, but of 60 spoken turns three had 0.66 to
# 0.75 ("How do I boil an egg?", each word right), and of one nothing at all was written at three beginnings of five.
# What tells them apart: the mean of Silero's ten highest scores was 0.98 and more in each turn, 0.17 at most in noise,
# music, keys and coughs. In four to sixteen voices at once it reaches 0.99, but what is written of those loops or has a
# mean log-probability below -0.6: more care decides there.
NO_SPEECH_UNLIKELY = 0.5  # together with an unlikely text
IMPOSSIBLE = -1.5
CLEAR, SPEECH = -0.6, 0.95  # log-probability and score with which words stand against a no-speech probability


@dataclass(frozen=True, slots=True)
class Quick:
    """What one greedy pass wrote; ``tokens`` without the special ones, times in seconds of what was encoded.

    ``ended`` tells whether the decoder stopped by itself.
    """

    text: str
    tokens: tuple[int, ...]
    start: float
    end: float
    log_probability: float
    no_speech: float
    ended: bool

    @property
    def wordless(self) -> bool:
        return not any(letter.isalnum() for letter in self.text)

    def silent(self, samples: Samples) -> bool:
        """Whether nobody has said anything in ``samples``, of which this was written."""
        invented = self.no_speech > NO_SPEECH_UNLIKELY and self.log_probability < UNLIKELY
        nothing = self.wordless or invented or self.log_probability < IMPOSSIBLE or self.no_speech > NO_SPEECH
        return nothing and certainty(samples) < SPEECH

    @property
    def doubtful(self) -> bool:
        """Whether to decode with more care before believing it."""
        data = self.text.encode()
        loops = len(data) > LOOPING * len(zlib.compress(data)) or is_looped(self.text)
        likely = self.log_probability >= (UNLIKELY if self.no_speech <= NO_SPEECH else CLEAR)
        return loops or not likely or not self.ended or self.wordless


def encode(model: WhisperModel, features: Any, padding: float) -> Any:
    """Features, shape (mel bins, frames of 10 ms), and ``padding`` seconds of silence or a little more, encoded."""
    from faster_whisper.audio import pad_or_trim

    frames = features.shape[-1] + round(padding * 100)
    return model.encode(pad_or_trim(features, min(-(-frames // SHAPE) * SHAPE, 3000)))


def decode(model: WhisperModel, encoding: Any, tokenizer: Any, seconds: float, beam: int = 1) -> Quick:
    """Write down ``seconds`` of speech in the tokenizer's language, with its timestamps."""
    from faster_whisper.transcribe import get_suppressed_tokens

    prompt = list(tokenizer.sot_sequence)
    most = TOKENS + round(TOKENS_PER_SECOND * seconds)
    found = model.model.generate(
        encoding,
        [prompt],
        beam_size=beam,
        max_length=2 * most,  # half of it may be new, whatever the prompt
        suppress_blank=True,
        suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
        max_initial_timestamp_index=50,
        return_scores=True,
        return_no_speech_prob=True,
    )[0]
    tokens = found.sequences_ids[0]
    times = [(token - tokenizer.timestamp_begin) * 0.02 for token in tokens if token >= tokenizer.timestamp_begin]
    words = tuple(token for token in tokens if token < tokenizer.eot)
    return Quick(
        tokenizer.decode(list(words)),
        words,
        min(times, default=0.0),
        min(max(times, default=seconds), seconds),
        found.scores[0],
        found.no_speech_prob,
        len(tokens) < most,
    )


def is_confident(text: str, log_probability: float, samples: Samples) -> bool:
    """Whether ``text`` was surely said in ``samples``, however little Whisper believes that anybody speaks there."""
    return log_probability >= CLEAR and not is_looped(text) and certainty(samples) >= SPEECH


def decode_with_fallback(model: WhisperModel, encoding: Any, tokenizer: Any, seconds: float) -> Quick:
    """Greedily, and once more with a beam when that is not likely: the likelier one."""
    quick = decode(model, encoding, tokenizer, seconds)
    sure = UNSURE_CHINESE if tokenizer.language_code == "zh" else UNSURE
    if quick.log_probability < IMPOSSIBLE or quick.log_probability >= sure:
        return quick
    again = decode(model, encoding, tokenizer, seconds, BEAM)
    return max(quick, again, key=lambda one: (not one.doubtful, one.log_probability))


def align(model: WhisperModel, encoding: Any, tokenizer: Any, quick: Quick, frames: int) -> tuple[Word, ...]:
    """When each word was said, in ``frames`` of 10 ms of sound."""
    piece: dict[str, Any] = {"seek": 0, "start": quick.start, "end": quick.end, "tokens": list(quick.tokens)}
    model.add_word_timestamps([[piece]], tokenizer, encoding, frames, PREPENDED, APPENDED, 0.0)
    return tuple(
        Word(word["word"], float(word["start"]), float(word["end"]), float(word["probability"]))
        for word in piece.get("words", ())
    )
