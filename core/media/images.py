"""What a person hands over, made safe to use: pictures, recordings and texts are decoded in full, or refused.

A file is judged by its content, never by its name. What comes out is plain: a picture is upright, opaque, PNG or JPEG,
of bounded size and without metadata (no place, no camera); a recording is 16 kHz s16 mono; a text is str.
"""

from __future__ import annotations

import io
import struct
import wave
import zlib
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING

from PIL import Image as Pillow
from PIL import ImageOps

from core.errors import BadInput
from core.text.encoding import decoded
from core.types.messages import Audio, Image, Text

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import InputContainer

RATE = 16_000  # Hz, of every recording
LONGEST = 3600.0  # seconds of a recording: 115 MB of samples
SHORTEST = 0.05  # seconds
TEXT_BYTES = 1_000_000

# A picture is decoded to at most DECODED pixels (150 MB as RGB). JPEG alone can be decoded at 1/2, 1/4 or 1/8 of its
# size, so a photograph may have HEADER of them. Kept is a 4K screen or a long scrolled page at full size.
DECODED = 50_000_000
HEADER = 250_000_000
KEPT = 12_600_000
KEPT_SIDE = 12_000

PICTURES = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
PICTURE_SIGNS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
PICTURE_NAMES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
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
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, struct.error, zlib.error)

# Pillow's own limit only warns, by process; every size is checked in open_image before a pixel is decoded.
Pillow.MAX_IMAGE_PIXELS = None


def open_file(data: bytes, name: str) -> Image | Audio | Text:
    """A picture, a recording or a text, whichever the bytes are. Raises BadInput naming the file and what to do."""
    suffix = PurePath(name).suffix.lower()
    if _is_picture(data) or suffix in PICTURE_NAMES:
        return open_image(data, name)
    if _is_recording(data) or suffix in RECORDING_NAMES:
        return open_audio(data, name)
    return open_text(data, name)


def open_image(data: bytes, name: str) -> Image:
    """A PNG, JPEG, WebP, GIF or TIFF (their first picture) or BMP, upright, on white, at most 12.6 megapixels.

    A photograph stays JPEG, all else becomes PNG. Raises BadInput when it is broken, cut short or too large.
    """
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif", b"ftypheim"):
        raise _refused(
            name, "is a HEIC or AVIF picture, which Parlor cannot open", "Save it as JPEG or PNG",
            "是 HEIC 或 AVIF 图片，Parlor 无法打开", "请另存为 JPEG 或 PNG",
        )  # fmt: skip
    try:
        with Pillow.open(io.BytesIO(data), formats=PICTURES) as picture:
            _bounded(picture, name)
            photograph = picture.format == "JPEG"
            upright = ImageOps.exif_transpose(picture)
            return _encoded(_fitted(_opaque(upright)), photograph)
    except UNREADABLE as error:
        raise _refused(
            name, "is not a whole picture: it is broken, was cut short, or is something else",
            "Open it in a picture viewer to check, and save or copy it again as PNG or JPEG",
            "不是完整的图片：文件已损坏、不完整，或者不是图片", "请用看图软件检查，并重新保存或复制为 PNG 或 JPEG",
        ) from error  # fmt: skip


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
        raise _refused(
            name, "holds no sound", "Record again, and watch that the microphone is on",
            "里没有声音", "请确认麦克风已打开，然后重新录音",
        )  # fmt: skip
    return Audio(pcm, RATE)


def open_text(data: bytes, name: str) -> Text:
    """A text in UTF-8, UTF-16, GB18030 or Windows-1252, at most 1 MB. Raises BadInput for anything else."""
    if len(data) > TEXT_BYTES:
        raise _refused(
            name, f"has {len(data) / 1e6:.1f} MB, and a text may have 1 MB", "Hand over the part that matters",
            f"有 {len(data) / 1e6:.1f} MB，而文本最多 1 MB", "请只提供需要的部分",
        )  # fmt: skip
    text = decoded(data)
    if text is None:
        raise _refused(
            name, "is neither a picture nor a recording nor a text that Parlor can read",
            "Save it as PNG, JPEG, WAV, MP3 or plain text",
            "不是 Parlor 能读取的图片、录音或文本", "请另存为 PNG、JPEG、WAV、MP3 或纯文本",
        )  # fmt: skip
    return Text(text.replace("\r\n", "\n"))


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


def _is_picture(data: bytes) -> bool:
    return data.startswith(PICTURE_SIGNS) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def _is_recording(data: bytes) -> bool:
    framed = len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0 and data[1] != 0xFE  # MP3 or ADTS, not UTF-16
    boxed = data[4:8] == b"ftyp" or (data[:4] == b"RIFF" and data[8:12] in (b"WAVE", b"AVI "))
    return data.startswith(RECORDING_SIGNS) or framed or boxed


def _bounded(picture: Pillow.Image, name: str) -> None:
    """Refuse what would decode to too many pixels; a JPEG is first asked to decode at a fraction of its size."""
    wide, high = picture.size
    if wide * high <= HEADER and not picture.info.get("progressive"):
        picture.draft("RGB", (4096, 4096))
    if picture.width * picture.height > DECODED:
        raise _refused(
            name, f"has {wide} x {high} pixels ({wide * high / 1e6:.0f} megapixels), and {DECODED // 10**6} may be",
            "Make it smaller, or cut out the part that matters",
            f"有 {wide} x {high} 像素（{wide * high / 1e6:.0f} 百万像素），最多为 {DECODED // 10**6} 百万像素",
            "请缩小图片，或只截取需要的部分",
        )  # fmt: skip


def _opaque(picture: Pillow.Image) -> Pillow.Image:
    """Grey or RGB; what is transparent becomes white, 16-bit grey becomes 8-bit."""
    if picture.mode.startswith("I;16"):
        picture = picture.point(lambda value: value / 256).convert("L")
    if picture.mode in ("L", "RGB"):
        return picture.copy()
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    white = Pillow.new("RGBA", layer.size, "white")
    return Pillow.alpha_composite(white, layer).convert("RGB")


def _fitted(picture: Pillow.Image) -> Pillow.Image:
    """No larger than what is kept, in the same proportions."""
    wide, high = picture.size
    scale = min(1.0, (KEPT / (wide * high)) ** 0.5, KEPT_SIDE / max(wide, high))
    if scale == 1.0:
        return picture
    return picture.resize((max(1, int(wide * scale)), max(1, int(high * scale))), Pillow.Resampling.LANCZOS)


def _encoded(picture: Pillow.Image, photograph: bool) -> Image:
    file = io.BytesIO()
    picture.info.clear()
    if photograph:
        picture.save(file, "JPEG", quality=92, subsampling=0)
        return Image(file.getvalue(), "image/jpeg")
    picture.save(file, "PNG")
    return Image(file.getvalue(), "image/png")


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
    return _refused(
        name, "is not a recording, whatever its name says", "Play it to check, and save it again as WAV or MP3",
        "不是录音文件（无论文件名如何）", "请播放检查，并重新保存为 WAV 或 MP3",
    )  # fmt: skip


def _too_long(name: str) -> BadInput:
    minutes = round(LONGEST / 60)
    return _refused(
        name, f"is longer than {minutes} minutes, the most that Parlor listens to at once", "Cut it into shorter parts",
        f"超过 {minutes} 分钟，这是 Parlor 一次能听的最长时间", "请把录音分成较短的部分",
    )  # fmt: skip


def _refused(name: str, en: str, do: str, zh: str, do_zh: str) -> BadInput:
    shown = name or "The file"
    return BadInput(f"{shown} {en}. {do}.", f"{name or '文件'} {zh}。{do_zh}。")
