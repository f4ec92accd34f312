"""Hallucinations: decoded segments that nobody said (``spoken_words``), and those worth decoding again (``doubtful``).

The figures in comments are of the same recordings as in ``engine``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.whisper.options import LOOPING, NO_SPEECH, UNLIKELY
from models.whisper.repetition import is_doubled
from models.whisper.short_utterance import is_confident
from models.whisper.speech_spans import RATE

if TYPE_CHECKING:
    from models.whisper.speech_spans import Samples

# No speech, decoded all the same: invented words in silence, noise, clicks, music and sixteen voices at once had a
# no-speech probability of 0.67 to 0.92 and a mean log-probability of -0.2 to -0.95; speech, also at -50 dBFS and in
# noise at 5 dB, 0.38 and -1.0 at most. Eight voices at once looped at 0.55.
NO_SPEECH_LOOPING = 0.4
IMPOSSIBLE = -1.5

# A sentence to go on from makes Chinese come with punctuation; with less than 2 s of speech it was sometimes repeated.
PUNCTUATED = {"simplified": "以下是普通话的句子。", "traditional": "以下是普通話的句子。"}


def doubtful(heard: Any) -> bool:
    """Whether a decoded segment is worth decoding again with more care."""
    unlikely = heard.avg_logprob < UNLIKELY or heard.no_speech_prob > NO_SPEECH
    return bool(unlikely or heard.compression_ratio > LOOPING or is_doubled(heard.text))


def spoken_words(heard: Any, samples: Samples) -> bool:
    """Whether a segment decoded of ``samples`` is words that somebody said."""
    if not heard.words or not any(letter.isalnum() for letter in heard.text):
        return False
    if prompted(heard.text):
        return False
    silent = heard.no_speech_prob > (NO_SPEECH_LOOPING if heard.compression_ratio > LOOPING else NO_SPEECH)
    if silent:
        spoken = samples[round(heard.start * RATE) : round(heard.end * RATE)]
        return heard.compression_ratio <= LOOPING and is_confident(heard.text, heard.avg_logprob, spoken)
    return bool(heard.avg_logprob >= IMPOSSIBLE)


def prompted(text: str) -> bool:
    """Whether it is the sentence to go on from said again, its first two characters changed or not."""
    said = text.strip().rstrip("。.")
    return any(len(said) < len(prompt) and said.endswith(prompt[2:-1]) for prompt in PUNCTUATED.values())
