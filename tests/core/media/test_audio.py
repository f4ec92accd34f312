"""Recordings: opened whatever holds them, and refused when they are none, empty or hours long."""

from __future__ import annotations

import io
import tracemalloc
import wave

import pytest

from core.media import audio as media_audio
from core.media.audio import open_audio, resampled, wav
from core.media.files import open_file
from core.types.messages import Audio
from tests.core.media.samples import refused
from tests.sound import sounds
from tests.sound.recordings import recording


def wav_of(seconds: int, rate: int = 1000) -> bytes:
    """A silent 8-bit WAV file: two hours of it are 7 MB."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 1, rate, 0, "NONE", "NONE"))
        writer.writeframes(b"\x80" * (seconds * rate))
    return file.getvalue()


def test_recordings_in_a_container_become_plain_sound() -> None:
    audio = open_file(recording("en_young_man").data, "voice.ogg")
    assert isinstance(audio, Audio)
    assert (audio.rate, round(audio.seconds)) == (16_000, 3)
    assert sounds.level_of(audio) > -35


def test_a_stereo_recording_at_44100_hz_becomes_16000_hz_mono() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(44_100)
        writer.writeframes(b"\x10\x10" * 2 * 44_100)
    audio = open_audio(file.getvalue(), "stereo.wav")
    assert (audio.rate, audio.seconds) == (16_000, pytest.approx(1.0, abs=0.01))


def test_a_wav_file_comes_back_as_it_went() -> None:
    sound = sounds.tone(1)
    assert open_audio(wav(sound), "tone.wav") == sound


@pytest.mark.parametrize("data", [wav(Audio(b"", 16_000)), wav_of(1)[:20], b""], ids=["wave", "header", "nothing"])
def test_a_recording_of_zero_seconds_is_refused(data: bytes) -> None:
    assert "recor" in str(refused(data, "empty.wav")).lower()


def test_two_hours_are_refused_from_the_header_alone() -> None:
    data = wav_of(7200)
    tracemalloc.start()
    error = refused(data, "lecture.wav")
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert "longer than 60 minutes" in str(error)
    assert "60 分钟" in error.said("zh")


def test_two_hours_are_refused_when_no_header_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_audio, "LONGEST", 2.0)
    data = recording("en_leisure").data
    assert "longer" in str(refused(data, "stream.ogg"))


def test_a_text_file_renamed_wav_is_refused() -> None:
    assert "not a recording" in str(refused(b"Dear diary, today I spoke to nobody.\n" * 50, "diary.wav"))
    assert "不是录音" in refused("亲爱的日记".encode(), "diary.mp3").said("zh")


def test_a_playlist_cannot_make_parlor_open_another_file() -> None:
    for text in (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n", b"ffconcat version 1.0\nfile /etc/hostname\n"):
        assert "not a recording" in str(refused(text, "list.wav"))


@pytest.mark.parametrize("name", ["voice.ogg", "voice.wav"])
def test_of_a_recording_cut_short_the_beginning_is_kept(name: str) -> None:
    clip = recording("en_leisure")
    whole = clip.data if name.endswith("ogg") else wav(clip.audio)
    audio = open_audio(whole[: len(whole) // 2], name)
    assert 2 < audio.seconds < 5


def test_a_sound_keeps_its_length_and_pitch_at_another_rate() -> None:
    tone = resampled(sounds.tone(2, hz=1000), 24_000)
    assert tone.seconds == pytest.approx(2, abs=0.01)
    back = sounds.samples(resampled(tone, 16_000))
    crossings = int(((back[:-1] < 0) & (back[1:] >= 0)).sum())
    assert crossings == pytest.approx(2000, abs=10)
