"""Audio decoding: ``open_audio`` makes any common recording 16 kHz s16 mono; resampling and WAV."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.errors import BadInput
from core.l10n.text import l10n
from core.types.messages import Audio

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import InputContainer
from core.media.unreadable import refused

RATE = 16_000  # Hz, of every recording


LONGEST = 3600.0  # seconds of a recording: 115 MB of samples


SHORTEST = 0.05  # seconds


# Demuxers that read one stream of bytes and never open another file or address, as playlists do.
RECORDINGS = (
    "wav", "w64", "mp3", "flac", "ogg", "matroska", "webm", "mov", "mp4", "m4a", "3gp", "aac", "aiff", "amr", "asf",
    "au", "caf", "mpegts", "mpeg", "avi",
)  # fmt: skip


RECORDING_SIGNS = (b"OggS", b"fLaC", b"ID3", b"\x1aE\xdf\xa3", b"FORM", b"caff", b"#!AMR", b".snd", b"0&\xb2u", b"riff")


RECORDING_NAMES = (
    ".wav",
    ".mp3",
    ".m4a",
    ".mp4",
    ".ogg",
    ".oga",
    ".opus",
    ".flac",
    ".webm",
    ".aac",
    ".aiff",
    ".amr",
    ".wma",
    ".caf",
)


def open_audio(data: bytes, name: str) -> Audio:
    """The sound of any common recording (or film) as 16 kHz s16 mono; of a file that was cut short, what is there.

    Raises BadInput when there is no sound in it or it is longer than an hour, judged by its header where that tells.
    """
    import av

    try:
        options = {"format_whitelist": ",".join(RECORDINGS), "protocol_whitelist": "pipe"}
        with av.open(io.BytesIO(data), mode="r", options=options, metadata_errors="ignore") as container:
            if container.duration and container.duration / av.time_base > LONGEST:
                raise _too_long(name)
            pcm = _decoded(container, name)
    except (av.FFmpegError, ValueError) as error:
        raise _no_recording(name) from error
    if len(pcm) < 2 * SHORTEST * RATE:
        raise refused(
            name,
            l10n("holds no sound"),
            l10n("Record again, and watch that the microphone is on"),
        )
    return Audio(pcm, RATE)


def wav(audio: Audio) -> bytes:
    """The sound as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(audio.rate)
        writer.writeframes(audio.pcm)
    return file.getvalue()


def resampled(audio: Audio, rate: int) -> Audio:
    """The same sound at ``rate`` Hz, low-passed where that is needed (FFmpeg's swresample)."""
    if audio.rate == rate or not audio.pcm:
        return Audio(audio.pcm, rate)
    import av
    import numpy as np

    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    samples, made = np.frombuffer(audio.pcm, "<i2"), []
    for start in range(0, len(samples), audio.rate * 60):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + audio.rate * 60], "s16", "mono")
        frame.sample_rate = audio.rate
        made += [piece.to_ndarray().tobytes() for piece in resampler.resample(frame)]
    made += [piece.to_ndarray().tobytes() for piece in resampler.resample(None)]
    return Audio(b"".join(made), rate)


def is_recording(data: bytes) -> bool:
    framed = len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0 and data[1] != 0xFE  # MP3 or ADTS, not UTF-16
    boxed = data[4:8] == b"ftyp" or (data[:4] == b"RIFF" and data[8:12] in (b"WAVE", b"AVI "))
    return data.startswith(RECORDING_SIGNS) or framed or boxed


def _decoded(container: InputContainer, name: str) -> bytes:
    """The first sound stream as 16 kHz s16 mono; a packet that cannot be decoded is passed over."""
    import av

    if not container.streams.audio:
        raise _no_recording(name)
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    pcm = bytearray()
    for frame in _frames(container):
        for piece in resampler.resample(frame):
            pcm += piece.to_ndarray().tobytes()
        if len(pcm) > 2 * LONGEST * RATE:
            raise _too_long(name)
    return bytes(pcm)


def _frames(container: InputContainer) -> Iterator[AudioFrame | None]:
    """Decoded frames, then None, which flushes a resampler."""
    import av

    packets = container.demux(audio=0)
    while True:
        try:
            frames = next(packets).decode()
        except StopIteration:
            break
        except av.EOFError:
            break
        except av.InvalidDataError:
            continue
        for frame in frames:
            frame.pts = None
            yield frame
    yield None


def _no_recording(name: str) -> BadInput:
    return refused(
        name,
        l10n("is not a recording, whatever its name says"),
        l10n("Play it to check, and save it again as WAV or MP3"),
    )


def _too_long(name: str) -> BadInput:
    minutes = round(LONGEST / 60)
    return refused(
        name,
        l10n("is longer than {minutes} minutes, the most that Parlor listens to at once", minutes=minutes),
        l10n("Cut it into shorter parts"),
    )
