"""A saved voice: kept with the consent that was given for it, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInput
from core.media import voice_references as references
from core.types.messages import Audio
from tests.sound.recordings import recordings

RATE = 16_000
AGREED = "Yes, Parlor may speak in my voice on this machine."


def hum(seconds: float, loud: float = 0.3) -> Audio:
    wave = np.sin(np.arange(round(seconds * RATE)) * 2 * np.pi * 220 / RATE) * loud
    return Audio((wave * 32767).astype("<i2").tobytes(), RATE)


@pytest.fixture
def spoken() -> Audio:
    return Audio(b"".join(one.audio.pcm for one in recordings("en")[:4]), RATE)


def test_a_voice_is_kept_with_who_agreed_in_which_words_and_when(tmp_path: Path, spoken: Audio) -> None:
    saved = references.save(tmp_path, "  Ada   Lovelace ", spoken, AGREED)
    assert references.load_all(tmp_path) == (saved,)
    assert references.find(tmp_path, "Ada Lovelace") == saved
    assert (saved.who, saved.consent, saved.audio) == ("Ada Lovelace", AGREED, spoken)
    noted = json.loads((saved.folder / "consent.json").read_text("utf-8"))
    assert noted.keys() == {"name", "who", "consent", "when", "sha256", "seconds"}
    assert noted["when"].endswith("+00:00")


@pytest.mark.parametrize("consent", ["", "  \n"])
def test_nothing_is_kept_without_consent(tmp_path: Path, spoken: Audio, consent: str) -> None:
    with pytest.raises(BadInput, match="has to agree first"):
        references.save(tmp_path, "Ada", spoken, consent)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("audio", "why"),
    [(hum(2.9), "a voice needs 3"), (hum(10, loud=0.0), "hardly any sound"), (hum(10, loud=0.001), "hardly any sound")],
)
def test_a_recording_without_a_voice_is_refused(tmp_path: Path, audio: Audio, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        references.save(tmp_path, "Ada", audio, AGREED)
    assert references.load_all(tmp_path) == ()


@pytest.mark.parametrize(("seconds", "kept"), [(3.0, 3.0), (59.0, 59.0), (61.0, 30.0)])
def test_a_long_recording_is_cut(tmp_path: Path, seconds: float, kept: float) -> None:
    assert references.save(tmp_path, "Ada", hum(seconds), AGREED).audio.seconds == kept


def test_consent_for_one_recording_is_not_consent_for_another(tmp_path: Path) -> None:
    ada = references.save(tmp_path, "Ada", hum(5), AGREED)
    bob = references.save(tmp_path, "Bob", hum(6), AGREED)
    (ada.folder / "recording.wav").write_bytes((bob.folder / "recording.wav").read_bytes())
    with pytest.raises(BadInput, match="not the recording that was agreed to"):
        _ = references.find(tmp_path, "Ada").audio


def test_a_voice_is_replaced_and_removed_by_its_name(tmp_path: Path) -> None:
    names = ["Ada", "ada", "李明", "李 明", "../../etc", "..", "!"]
    for name in names:
        references.save(tmp_path, name, hum(4), AGREED, who="Somebody")
    newer = references.save(tmp_path, "李明", hum(5), AGREED)
    assert sorted(saved.name for saved in references.load_all(tmp_path)) == sorted(names)
    assert all(saved.folder.parent == tmp_path / "voices" for saved in references.load_all(tmp_path))
    assert references.find(tmp_path, "李明") == newer
    references.remove(tmp_path, "李明")
    assert not newer.folder.exists()
    with pytest.raises(BadInput, match=r"Saved are: .*Ada"):
        references.find(tmp_path, "李明")
    with pytest.raises(BadInput, match="needs a name"):
        references.save(tmp_path, " ", hum(4), AGREED)


def test_a_folder_without_readable_consent_is_no_voice(tmp_path: Path) -> None:
    saved = references.save(tmp_path, "Ada", hum(4), AGREED)
    note = saved.folder / "consent.json"
    whole = json.loads(note.read_text("utf-8"))
    for text in ("", "[]", json.dumps(whole | {"consent": ""}), json.dumps({"name": "Ada"})):
        note.write_text(text, "utf-8")
        assert references.load_all(tmp_path) == ()
    note.write_text(json.dumps(whole), "utf-8")
    assert references.load_all(tmp_path) == (saved,)
