"""Sounds that hold no speech, and ways to change sounds that do: what a microphone gives in an empty room.

All are 16 kHz s16 mono; ``level`` is the RMS in dB below full scale (dBFS); the same ``seed`` gives the same sound.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.types.messages import Audio

RATE = 16_000
Samples = NDArray[np.float64]


def silence(seconds: float = 10.0) -> Audio:
    """Digital zeros."""
    return Audio(bytes(2 * int(seconds * RATE)), RATE)


def white_noise(seconds: float = 10.0, level: float = -30.0, seed: int = 0) -> Audio:
    return audio(_noise(seconds, seed), level)


def pink_noise(seconds: float = 10.0, level: float = -30.0, seed: int = 0) -> Audio:
    """Power falls by 3 dB an octave: wind, rain, a ventilator."""
    return audio(_shaped(_noise(seconds, seed), lambda hz: 1 / np.sqrt(np.maximum(hz, 20))), level)


def hum(seconds: float = 10.0, level: float = -40.0) -> Audio:
    """Mains hum at 50 Hz with its harmonics."""
    at = _times(seconds)
    return audio(sum((np.sin(2 * np.pi * 50 * n * at) / n for n in range(1, 9)), np.zeros_like(at)), level)


def tone(seconds: float = 10.0, hz: float = 440.0, level: float = -20.0) -> Audio:
    return audio(np.sin(2 * np.pi * hz * _times(seconds)), level)


def sweep(seconds: float = 10.0, level: float = -20.0) -> Audio:
    """A sine from 100 to 4,000 Hz, up and down once in 4 s, as a siren."""
    hz = 100 * 40 ** (0.5 - 0.5 * np.cos(2 * np.pi * _times(seconds) / 4))
    return audio(np.sin(2 * np.pi * np.cumsum(hz) / RATE), level)


def clicks(seconds: float = 10.0, level: float = -30.0, seed: int = 0) -> Audio:
    """Typing: about six short bursts of noise a second."""
    random = np.random.default_rng(seed)
    samples = np.zeros(int(seconds * RATE))
    for start in random.integers(0, max(1, len(samples) - 400), int(6 * seconds)):
        samples[start : start + 400] += random.standard_normal(400) * np.exp(-np.arange(400) / 60)
    return audio(samples, level)


def music(seconds: float = 10.0, level: float = -20.0, seed: int = 0, beat: float = 0.5) -> Audio:
    """Four chords with a melody over them and drums, each note plucked with eight harmonics; ``beat`` in seconds."""
    random = np.random.default_rng(seed)
    samples = np.zeros(int(seconds * RATE))
    for number in range(int(seconds / beat)):
        root = (0, 7, 9, 5)[number // 4 % 4]
        start = int(number * beat * RATE)
        for step in (root - 12, root, root + (3 if root == 9 else 4), root + 7):
            _add(samples, start, _pluck(220 * 2 ** (step / 12), beat * 3) * 0.5)
        _add(samples, start, _pluck(440 * 2 ** (random.choice((0, 2, 4, 7, 9, 12)) / 12), beat * 1.5))
        drum = _shaped(random.standard_normal(4000), (lambda hz: hz > 2000) if number % 2 else (lambda hz: hz < 150))
        _add(samples, start, drum / np.abs(drum).max() * np.exp(-np.arange(4000) / 500) * 1.5)
    return audio(samples, level)


def babble(speech: list[Audio], seconds: float = 10.0, level: float = -35.0, voices: int = 8, seed: int = 0) -> Audio:
    """A café: ``voices`` talkers at once, cut from ``speech`` at chance, so that no word of one stands out."""
    random = np.random.default_rng(seed)
    pool = np.concatenate([samples(one) for one in speech])
    length = int(seconds * RATE)
    return audio(
        sum((np.resize(np.roll(pool, random.integers(len(pool))), length) for _ in range(voices)), np.zeros(length)),
        level,
    )


def at_level(sound: Audio, level: float) -> Audio:
    """The same sound at another loudness; whispered speech is about -40 dBFS and below."""
    return audio(samples(sound), level)


def joined(*parts: Audio) -> Audio:
    return Audio(b"".join(part.pcm for part in parts), RATE)


def mixed(*parts: Audio) -> Audio:
    """All at once, as long as the longest; what passes full scale is clipped."""
    total = np.zeros(max(len(part.pcm) // 2 for part in parts))
    for part in parts:
        total[: len(part.pcm) // 2] += samples(part)
    return Audio((np.clip(total, -1, 1) * 32767).astype("<i2").tobytes(), RATE)


def level_of(sound: Audio) -> float:
    """RMS in dBFS."""
    return float(20 * np.log10(max(1e-9, np.sqrt(np.mean(samples(sound) ** 2)))))


def from_wav(path: Path) -> Audio:
    """A 16-bit mono WAV file."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2), f"{path} is not 16-bit mono"
        return Audio(file.readframes(file.getnframes()), file.getframerate())


def samples(sound: Audio) -> Samples:
    """The sound as floats from -1 to 1, shape (samples,)."""
    return np.frombuffer(sound.pcm, "<i2") / 32768


def audio(wanted: Samples, level: float) -> Audio:
    """``wanted`` brought to ``level`` dBFS; what passes full scale is clipped."""
    rms = np.sqrt(np.mean(wanted**2)) or 1.0
    return Audio((np.clip(wanted / rms * 10 ** (level / 20), -1, 1) * 32767).astype("<i2").tobytes(), RATE)


def _times(seconds: float) -> Samples:
    return np.arange(int(seconds * RATE)) / RATE


def _noise(seconds: float, seed: int) -> Samples:
    return np.random.default_rng(seed).standard_normal(int(seconds * RATE))


def _shaped(wanted: Samples, gain) -> Samples:  # type: ignore[no-untyped-def]
    spectrum = np.fft.rfft(wanted)
    return np.fft.irfft(spectrum * gain(np.fft.rfftfreq(len(wanted), 1 / RATE)), len(wanted))


def _pluck(hz: float, seconds: float) -> Samples:
    at = _times(seconds)
    strings = (np.sin(2 * np.pi * hz * n * at) / n for n in range(1, 9))
    return sum(strings, np.zeros_like(at)) * np.exp(-3 * at / seconds)


def _add(samples: Samples, start: int, note: Samples) -> None:
    note = note[: len(samples) - start]
    samples[start : start + len(note)] += note
