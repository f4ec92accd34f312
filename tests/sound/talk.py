"""Spoken conversations for tests: sentences said by the starter voices, with silence between them."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from core.catalogue.load import load as load_catalogue
from core.media.audio import RATE, resampled, wav
from core.runtime.lease import acquire
from core.runtime.pool import Pool
from core.settings import MemorySettings, Settings
from core.types.messages import Audio

VOICES = ("am_michael", "zm_yunjian")  # not those that answer


def spoken(models: Path, *sentences: str, voices: tuple[str, ...] = VOICES) -> tuple[Audio, ...]:
    """Each sentence as 16 kHz sound without silence around it. ``models`` is the folder with the starter set."""
    return tuple(_spoken(models, sentence, voices) for sentence in sentences)


@functools.cache
def _spoken(models: Path, sentence: str, voices: tuple[str, ...]) -> Audio:
    speaker = load_catalogue().by_task("speak")[0]
    with acquire(_pool(models), speaker) as worker, worker.call("speak", sentence, voices, "", 1.0) as call:
        sounds = [item for item in call if isinstance(item, Audio)]
    pcm = resampled(Audio(b"".join(sound.pcm for sound in sounds), sounds[0].rate), RATE).pcm.rstrip(b"\0")
    return Audio(pcm + bytes(len(pcm) % 2), RATE)


@functools.cache
def _pool(models: Path) -> Pool:
    """One speaker for all, which stays loaded as long as a next sentence is likely to follow."""
    home = Path(tempfile.mkdtemp(prefix="parlor-talk-"))
    (home / "models").symlink_to(models, target_is_directory=True)
    pool = Pool(Settings(home=home, memory=MemorySettings(keep_minutes=0.5)))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    atexit.register(pool.close)
    return pool


def talk(*pieces: Audio | float) -> Audio:
    """Sound and seconds of silence, one after another."""
    pcm = b"".join(piece.pcm if isinstance(piece, Audio) else bytes(2 * round(piece * RATE)) for piece in pieces)
    return Audio(pcm, RATE)


def saved(folder: Path, audio: Audio) -> Path:
    file = folder / "microphone.wav"
    file.write_bytes(wav(audio))
    return file
