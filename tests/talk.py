"""Spoken conversations for tests: sentences said by the starter voices, with silence between them."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from core.call_ear import leased
from core.catalogue import load as load_catalogue
from core.media import RATE, resampled, wav
from core.messages import Audio
from core.pool import Pool
from core.settings import Settings

VOICES = ("am_michael", "zm_yunjian")  # not those that answer


@functools.cache
def spoken(models: Path, *sentences: str, voices: tuple[str, ...] = VOICES) -> tuple[Audio, ...]:
    """Each sentence as 16 kHz sound without silence around it. ``models`` is the folder with the starter set."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "models").symlink_to(models, target_is_directory=True)
        pool = Pool(Settings(home=home))
        with leased(pool, load_catalogue().by_task("speak")[0]) as worker:
            said = [_said(worker, sentence, voices) for sentence in sentences]
        pool.close()
    return tuple(said)


def _said(worker: object, sentence: str, voices: tuple[str, ...]) -> Audio:
    with worker.call("speak", sentence, voices, "", 1.0) as call:  # type: ignore[attr-defined]
        sounds = [item for item in call if isinstance(item, Audio)]
    whole = resampled(Audio(b"".join(sound.pcm for sound in sounds), sounds[0].rate), RATE)
    return Audio(whole.pcm.rstrip(b"\0"), RATE) if len(whole.pcm.rstrip(b"\0")) % 2 == 0 else whole


def talk(*pieces: Audio | float) -> Audio:
    """Sound and seconds of silence, one after another."""
    pcm = b"".join(piece.pcm if isinstance(piece, Audio) else bytes(2 * round(piece * RATE)) for piece in pieces)
    return Audio(pcm, RATE)


def saved(folder: Path, audio: Audio) -> Path:
    file = folder / "microphone.wav"
    file.write_bytes(wav(audio))
    return file
