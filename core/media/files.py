"""File type detection: ``open_file`` tells pictures, recordings and texts apart by their bytes."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from core.l10n.text import l10n
from core.text.encoding import decoded
from core.types.messages import Audio, Image, Text

if TYPE_CHECKING:
    pass
from core.media.audio import RECORDING_NAMES, is_recording, open_audio
from core.media.images import PICTURE_NAMES, is_picture, open_image
from core.media.unreadable import refused

TEXT_BYTES = 1_000_000


def open_file(data: bytes, name: str) -> Image | Audio | Text:
    """A picture, a recording or a text, whichever the bytes are. Raises BadInput naming the file and what to do."""
    suffix = PurePath(name).suffix.lower()
    if is_picture(data) or suffix in PICTURE_NAMES:
        return open_image(data, name)
    if is_recording(data) or suffix in RECORDING_NAMES:
        return open_audio(data, name)
    return open_text(data, name)


def open_text(data: bytes, name: str) -> Text:
    """A text in UTF-8, UTF-16, GB18030 or Windows-1252, at most 1 MB. Raises BadInput for anything else."""
    if len(data) > TEXT_BYTES:
        raise refused(
            name,
            l10n("has {megabytes:.1f} MB, and a text may have 1 MB", megabytes=len(data) / 1e6),
            l10n("Hand over the part that matters"),
        )
    text = decoded(data)
    if text is None:
        raise refused(
            name,
            l10n("is neither a picture nor a recording nor a text that Parlor can read"),
            l10n("Save it as PNG, JPEG, WAV, MP3 or plain text"),
        )
    return Text(text.replace("\r\n", "\n"))
