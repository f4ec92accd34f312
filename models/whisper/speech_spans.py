"""Voice activity in a recording (``spans``): Silero VAD v6, as faster-whisper carries it (MIT)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

RATE = 16_000
FRAME = 512  # samples that have one score
LEVEL = -20.0  # dBFS that speech is brought to; speech at -55 dBFS is then heard as well as at -20
LOUDER = 40.0  # dB of amplification at most: the last bits of a silent 16-bit recording stay quiet
BLOCK = 300.0  # seconds looked through at once
WINDOW = 29.0  # seconds of speech in one span: Whisper's 30 less what is kept around it
BREATH = 400  # ms without speech that end a span
AROUND = 200  # ms kept before and after speech

# Highest score in 5 to 30 s of sound without speech: white and pink noise 0.46, typing 0.08, music 0.56, tones and saw
# teeth 0.57, each for one or two frames of 32 ms. A synthetic "no" lasts 12 frames. A vibrato like a singer's passes.
THRESHOLD = 0.5
SHORTEST = 150  # ms
LOUDEST = 10  # frames of 32 ms


def spans(pcm: bytes) -> Iterator[tuple[int, int]]:
    """Spans of speech in a 16 kHz s16 recording: (start, end) in samples, in order, each at most ``WINDOW`` seconds.

    They come as they are found, so an hour takes no more memory than five minutes.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=THRESHOLD,
        min_speech_duration_ms=SHORTEST,
        max_speech_duration_s=WINDOW,
        min_silence_duration_ms=BREATH,
        speech_pad_ms=AROUND,
    )
    at, length, size = 0, len(pcm) // 2, round(BLOCK * RATE)
    while at < length:
        after = min(at + size, length)
        spoken = get_speech_timestamps(normalise_level(pcm, at, after), options)
        found = [(at + one["start"], at + one["end"]) for one in spoken]
        if len(found) > 1 and found[-1][1] == after < length:
            after = found.pop()[0]  # speech runs on into the next block
        yield from found
        at = after


def certainty(samples: Samples) -> float:
    """How surely somebody speaks somewhere in ``samples``: the mean of the ``LOUDEST`` highest scores, 0 to 1."""
    import numpy as np
    from faster_whisper.vad import get_vad_model

    whole = np.pad(samples, (0, -len(samples) % FRAME))
    scores = np.sort(np.asarray(get_vad_model()(whole)).reshape(-1))
    return float(scores[-LOUDEST:].mean()) if len(scores) else 0.0


def normalise_level(pcm: bytes, start: int, end: int) -> Samples:
    """Samples ``start`` to ``end`` as floats at ``LEVEL`` dBFS without DC offset, made louder by ``LOUDER`` at most."""
    import numpy as np

    samples: Samples = np.frombuffer(pcm, "<i2", end - start, 2 * start).astype(np.float32)
    samples /= 32768
    samples -= samples.mean()
    rms = float(np.sqrt(np.mean(samples**2)))
    gain = min(10 ** (LEVEL / 20) / max(rms, 1e-9), 10 ** (LOUDER / 20))
    samples *= gain
    samples.clip(-1, 1, out=samples)
    return samples
