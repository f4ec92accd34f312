"""Settings, catalogue, licences, measurements and voices of an older build are read as they were meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.catalogue.licences import accepted
from core.catalogue.load import load as load_catalogue
from core.media.voice_references import find
from core.runtime.measurements import Measured
from core.settings import Settings, load
from tests.support.older_build import copied


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return copied(tmp_path / "home")


READ: list[tuple[Callable[[Settings], object], object]] = [
    (lambda s: s.offline, True),
    (lambda s: s.language, "zh"),
    (lambda s: s.script, "traditional"),
    (lambda s: (s.chat, s.see, s.hear), ("smollm2-135m-instruct", "starter-eyes", "whisper-base")),
    (lambda s: (s.read, s.speak, s.paint), ("rapidocr", "kokoro", "starter-brush")),
    (lambda s: s.adapter, "names"),
    (
        lambda s: (s.speech.voice_en, s.speech.voice_zh, s.speech.speaker, s.speech.reference),
        ("am_adam", "zf_xiaobei", "p225", "Ada"),
    ),
    (lambda s: (s.speech.speed, s.speech.speak_replies), (1.25, False)),
    (lambda s: s.call.fillers, False),
    (lambda s: s.instructions, "Answer like a pirate.\n像海盗一样回答。"),
    (
        lambda s: (s.sampling.temperature, s.sampling.top_p, s.sampling.min_p, s.sampling.max_tokens),
        (0.25, 0.8, 0.1, 512),
    ),
    (lambda s: (s.context_tokens, s.threads), (4096, 2)),
    (lambda s: s.image.size, (768, 512)),
    (lambda s: (s.image.steps, s.image.guidance, s.image.scheduler), (12, 3.5, "DDIMScheduler")),
    (lambda s: (s.image.negative, s.image.style, s.image.enhance), ("people", "photo", False)),
    (lambda s: (s.memory.ram_gb, s.memory.gpu_gb, s.memory.keep_minutes), (6.5, 4.0, 5.0)),
    (lambda s: s.memory.pinned, ("kokoro", "whisper-base")),
    (lambda s: s.models_folder, "elsewhere"),
]


@pytest.mark.parametrize(("setting", "value"), READ)
def test_every_setting_of_its_file_is_read(home: Path, setting: Callable[[Settings], object], value: object) -> None:
    assert setting(load({"PARLOR_HOME": str(home)})) == value


def test_its_catalogue_is_read_and_renamed_engines_go_by_their_new_names(home: Path) -> None:
    catalogue = load_catalogue(home / "catalogue.toml")
    engines = {spec.id: spec.engine for spec in catalogue.models if spec.id.startswith("my-")}
    assert engines == {
        "my-llama": "llama",
        "my-eyes": "llava",
        "my-ears": "whisper",
        "my-reader": "ocr",
        "my-detector": "vad",
        "my-judge": "smart_turn",
        "my-voice": "coqui",
        "my-kokoro": "kokoro",
        "my-brush": "diffusion",
        "my-clip": "clip",
    }
    mine = catalogue.find("my-llama")
    assert (mine.memory, mine.gpu_memory, mine.bytes) == (100_000_000, 200_000_000, 10)
    assert catalogue.find("my-voice").voices == ("p225", "p226")
    assert dict(catalogue.find("my-brush").defaults) == {"steps": 4}


def test_what_was_agreed_to_needs_no_second_agreement(home: Path) -> None:
    assert accepted(load_catalogue(home / "catalogue.toml").find("my-voice"), Settings(home=home))


def test_its_measurements_are_gone_by(home: Path) -> None:
    assert Measured(home / "measured.json").known("kokoro") == {"peak": 123456789.0, "load_seconds": 1.5}


def test_its_voice_reference_is_the_recording_that_was_agreed_to(home: Path) -> None:
    reference = find(home, "Ada")
    assert (reference.who, reference.consent) == ("Ada", "I agree that my voice is used. 我同意。")
    assert reference.audio.seconds == pytest.approx(3.2)
