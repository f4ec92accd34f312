"""Decoding options of faster-whisper with care (``beam_search_options``): beams, timestamps, word times."""

from __future__ import annotations

from typing import Any

UNLIKELY = -1.0  # mean log-probability of a token, as in the Whisper paper
NO_SPEECH = 0.6
LOOPING = 2.4  # compression ratio, as in the Whisper paper
TOKENS_PER_SECOND = 14  # fast Chinese needs about 10
PREPENDED, APPENDED = (
    "\"'“¿([{-《",
    "\"'.。,，!！?？:：”)]}、》",
)  # punctuation that goes with the next or the last word


def beam_search_options(tokenizer: Any, temperatures: list[float], seconds: float) -> Any:
    """TranscriptionOptions for so many ``seconds``; further ``temperatures`` are tried while the result is bad."""
    from faster_whisper.transcribe import TranscriptionOptions, get_suppressed_tokens

    return TranscriptionOptions(
        beam_size=5,
        best_of=5,
        patience=1,
        length_penalty=1,
        repetition_penalty=1,
        no_repeat_ngram_size=0,
        log_prob_threshold=UNLIKELY,
        no_speech_threshold=NO_SPEECH,
        compression_ratio_threshold=LOOPING,
        condition_on_previous_text=False,
        prompt_reset_on_temperature=0.5,
        temperatures=temperatures,
        initial_prompt=None,
        prefix=None,
        suppress_blank=True,
        suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
        without_timestamps=False,
        max_initial_timestamp=1.0,
        word_timestamps=True,
        prepend_punctuations=PREPENDED,
        append_punctuations=APPENDED,
        multilingual=False,
        max_new_tokens=min(380, 24 + round(TOKENS_PER_SECOND * seconds)),
        clip_timestamps="0",
        hallucination_silence_threshold=None,
        hotwords=None,
    )
