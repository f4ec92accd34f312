"""Voice cloning references: recordings in whose voice Parlor may speak, each with its owner's consent.

``<home>/voices/<slug>/`` holds ``recording.wav`` and ``consent.json``: whose voice it is, who agreed, in which words
and when, and the sha256 of that very recording. Without consent nothing is kept, and a recording that is no longer
the one agreed to is not used.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import re
import shutil
import unicodedata
import wave
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.errors import BadInput
from core.l10n.text import l10n, listed
from core.media.audio import wav
from core.types.messages import Audio

SHORTEST = 3.0  # seconds; XTTS v2's model card speaks of 6, and 10 are better
LONGEST, KEPT = 60.0, 30.0  # seconds; of a longer recording its first 30 are kept, the most that XTTS v2 listens to
HEARD = 1.0  # seconds of sound that must be in it
QUIET = 100  # of 32768, root mean square of 20 ms: -50 dB of full scale
_RECORDING, _CONSENT = "recording.wav", "consent.json"


@dataclass(frozen=True, slots=True)
class Reference:
    """A saved voice. ``who`` agreed to its use with the words ``consent``, at ``when`` (ISO 8601, UTC).

    ``sha256`` (hex) is that of the recording, ``seconds`` its length, ``folder`` where both files lie.
    """

    name: str
    who: str
    consent: str
    when: str
    sha256: str
    seconds: float
    folder: Path

    @property
    def audio(self) -> Audio:
        """The recording. Raises BadInput when it is gone or is not the one that was agreed to."""
        try:
            data = (self.folder / _RECORDING).read_bytes()
        except OSError as error:
            raise _lost(self.name, str(error)) from error
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise _lost(self.name, "it is not the recording that was agreed to")
        with wave.open(io.BytesIO(data)) as reader:
            return Audio(reader.readframes(reader.getnframes()), reader.getframerate())


def save(home: Path, name: str, audio: Audio, consent: str, who: str = "") -> Reference:
    """Keep a recording as the voice ``name``; one of that name is replaced.

    ``consent`` are the words with which the person agreed, ``who`` is that person if not ``name``. Raises BadInput
    without consent or a name, and for a recording that is silent or shorter than 3 s.
    """
    name, consent = " ".join(name.split()), consent.strip()
    if not name:
        raise BadInput(l10n("The voice needs a name. Type one."))
    if not consent:
        raise BadInput(
            l10n(
                "The voice {name} was not kept: the person it belongs to has to agree first. Ask, and note the words.",
                name=name,
            )
        )
    audio = _usable(audio)
    recording = wav(audio)
    folder = home / "voices" / _slug(name)
    reference = Reference(
        name=name,
        who=" ".join(who.split()) or name,
        consent=consent,
        when=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        sha256=hashlib.sha256(recording).hexdigest(),
        seconds=round(audio.seconds, 2),
        folder=folder,
    )
    _write(reference, recording)
    return reference


def load_all(home: Path) -> tuple[Reference, ...]:
    """Every saved voice, by name; a folder whose consent cannot be read is passed over."""
    found = (_read(path.parent) for path in (home / "voices").glob(f"*/{_CONSENT}"))
    return tuple(sorted(filter(None, found), key=lambda reference: reference.name))


def find(home: Path, name: str) -> Reference:
    """The voice called ``name``. Raises BadInput, naming those there are."""
    saved = {reference.name: reference for reference in load_all(home)}
    if name in saved:
        return saved[name]
    raise BadInput(
        l10n(
            "There is no saved voice called {name!r}. Saved are: {saved}. Choose one in Settings, or record it there.",
            name=name,
            saved=listed(saved) or l10n("none"),
        )
    )


def remove(home: Path, name: str) -> None:
    """Forget a voice: its recording and its consent are deleted. Raises BadInput when there is none of that name."""
    shutil.rmtree(find(home, name).folder)


def _usable(audio: Audio) -> Audio:
    """``audio``, cut when it is long. Raises BadInput when there is too little of a voice in it."""
    import numpy as np

    if audio.seconds < SHORTEST:
        raise BadInput(
            l10n(
                "The recording has {seconds:.1f} s, and a voice needs {shortest:g}, better 10. Record again.",
                seconds=audio.seconds,
                shortest=SHORTEST,
            )
        )
    kept = audio if audio.seconds <= LONGEST else replace(audio, pcm=audio.pcm[: 2 * round(KEPT * audio.rate)])
    samples, width = np.frombuffer(kept.pcm, "<i2").astype(np.float64), audio.rate // 50
    frames = samples[: len(samples) // width * width].reshape(-1, width)
    if (np.sqrt((frames**2).mean(axis=1)) > QUIET).sum() * 0.02 < HEARD:
        raise BadInput(
            l10n("There is hardly any sound in the recording. Watch that the microphone is on, and record again.")
        )
    return kept


def _write(reference: Reference, recording: bytes) -> None:
    """Both files or neither: they are written beside the folder, which is replaced last."""
    partial = reference.folder.with_name(f".{reference.folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    about = {key: value for key, value in asdict(reference).items() if key != "folder"}
    (partial / _RECORDING).write_bytes(recording)
    (partial / _CONSENT).write_text(json.dumps(about, ensure_ascii=False, indent=2), "utf-8")
    if reference.folder.exists():
        shutil.rmtree(reference.folder)
    partial.rename(reference.folder)


def _read(folder: Path) -> Reference | None:
    try:
        about = json.loads((folder / _CONSENT).read_text("utf-8"))
        return Reference(**about, folder=folder) if about["consent"] and not folder.name.startswith(".") else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _slug(name: str) -> str:
    """A folder name of any system that no other name has: its letters, and the start of its hash."""
    letters = re.sub(r"\W+", "-", unicodedata.normalize("NFKC", name).lower()).strip("-")[:40]
    return f"{letters or 'voice'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _lost(name: str, why: str) -> BadInput:
    return BadInput(
        l10n(
            "The recording of the voice {name} cannot be used: {why}. Remove the voice in Settings and record it "
            "again.",
            name=name,
            why=why,
        )
    )
