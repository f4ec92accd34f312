"""Echoes of what is played, in what the microphone hears."""

from __future__ import annotations

import numpy as np
import pytest

from core.turn_taking.echo import Echo, correlation
from core.turn_taking.user_turn import RATE
from core.types.messages import Audio
from tests.sound.noise import noise_at


def delayed(audio: Audio, seconds: float, gain: float) -> bytes:
    pcm = np.frombuffer(audio.pcm, "<i2") * gain
    return np.concatenate([np.zeros(round(seconds * audio.rate)), pcm]).astype("<i2").tobytes()


@pytest.mark.parametrize("gain", [1.0, 0.5, 0.1])
def test_an_echo_of_any_loudness_and_delay_is_recognised(gain: float) -> None:
    played = noise_at(2.0, RATE)
    heard = delayed(played, 0.12, gain)
    share = correlation(heard[2 * 16_000 : 2 * 20_096], played.pcm[: 2 * 24_000])
    assert share > 0.95


def test_somebody_as_loud_as_the_echo_is_no_echo() -> None:
    played, person = noise_at(2.0, RATE), noise_at(2.0, RATE, seed=1)
    both = np.frombuffer(played.pcm, "<i2")[8000:12096] / 2 + np.frombuffer(person.pcm, "<i2")[8000:12096] / 2
    assert correlation(both.astype("<i2").tobytes(), played.pcm[: 2 * 16_000]) < 0.6
    assert correlation(person.pcm[16_000:24_192], played.pcm[: 2 * 16_000]) < 0.1


def test_an_echo_is_told_of_only_while_something_is_played() -> None:
    echo, played = Echo(), noise_at(3.0)
    assert echo.share(bytes(1024), 0.0, 0.9) == 0.0
    echo.play(1, played)
    echo.heard(1, 0.0, at=10.0)
    microphone = delayed(Audio(played.pcm[::1], 24_000), 0.0, 0.5)
    pcm16 = np.frombuffer(microphone, "<i2")
    at16 = np.interp(np.arange(0, len(pcm16), 1.5), np.arange(len(pcm16)), pcm16).astype("<i2").tobytes()
    shares = [echo.share(at16[at : at + 1024], 10.0 + (at + 1024) / 32_000, 0.9) for at in range(0, 32_000, 1024)]
    assert min(shares[10:]) > 0.6
    echo.silent()
    assert echo.share(at16[:1024], 11.0, 0.9) == 0.0
