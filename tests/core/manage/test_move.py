"""The folder of all models moved: nothing is lost however it ends, and what cannot be done is said before it begins."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from core.errors import BadInput, DiskFull
from core.l10n.text import both
from core.manage.move import PART, move
from core.settings import Settings
from core.types.events import Progress

WEIGHTS = os.urandom(3_000_000)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two models, one of them in mid-download."""
    chosen = Settings(home=tmp_path / "home")
    for name in ("talk/model.gguf", "paint/unet/weights.safetensors", ".partial/other/model.gguf.part"):
        path = chosen.models / name
        path.parent.mkdir(parents=True)
        path.write_bytes(WEIGHTS)
    (chosen.models / ".partial" / "other.lock").touch()
    return chosen


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another disk."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder) / "models"


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def carry_out(
    folder: Path,
    settings: Settings,
    unload: Callable[[], None] = lambda: None,
    use: Callable[[Path], None] | None = None,
) -> tuple[list[Progress], list[Path]]:
    """What was told, and the folders that were gone over to."""
    used: list[Path] = []
    return list(move(folder, settings, unload, use or used.append)), used


def test_on_one_disk_it_is_renamed(settings: Settings, tmp_path: Path) -> None:
    before, inode = files(settings.models), (settings.models / "talk" / "model.gguf").stat().st_ino
    told, used = carry_out(tmp_path / "deep" / "new", settings)
    assert used == [tmp_path / "deep" / "new"]
    assert files(tmp_path / "deep" / "new") == before
    assert (tmp_path / "deep" / "new" / "talk" / "model.gguf").stat().st_ino == inode
    assert not settings.models.exists()
    assert told[-1].fraction == 1.0
    assert all(step.note and step.note.into("zh") != str(step.note) for step in told)


def test_onto_another_disk_it_is_copied_and_then_deleted(settings: Settings, elsewhere: Path) -> None:
    before = files(settings.models)
    elsewhere.mkdir()  # an empty folder is as good as none
    told, used = carry_out(elsewhere, settings)
    assert used == [elsewhere]
    assert files(elsewhere) == before
    assert not settings.models.exists()
    fractions = [step.fraction or 0 for step in told]
    assert fractions == sorted(fractions)


def test_stopped_in_the_middle_everything_is_as_it_was(settings: Settings, elsewhere: Path) -> None:
    os.truncate(settings.models / "talk" / "model.gguf", 400_000_000)  # takes long enough to be stopped
    before = {name: len(body) for name, body in files(settings.models).items()}
    steps = move(elsewhere, settings, lambda: None, lambda folder: pytest.fail("it went over"))
    for step in steps:
        if step.fraction:
            break
    steps.close()
    assert not elsewhere.exists()
    assert {name: len(body) for name, body in files(settings.models).items()} == before


@pytest.mark.parametrize("other_disk", [False, True])
def test_when_the_settings_cannot_be_kept_everything_is_as_it_was(
    settings: Settings, tmp_path: Path, elsewhere: Path, other_disk: bool
) -> None:
    before = files(settings.models)
    new = elsewhere if other_disk else tmp_path / "new"

    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskFull):
        carry_out(new, settings, use=full)
    assert files(settings.models) == before
    assert not new.exists()


def test_a_disk_too_small_is_told_before_anything_is_copied(settings: Settings, elsewhere: Path) -> None:
    os.truncate(settings.models / "talk" / "model.gguf", 10**12)  # sparse: it takes no room itself
    with pytest.raises(DiskFull, match=r"needs 1000\.0 GB") as caught:
        carry_out(elsewhere, settings)
    assert str(elsewhere) in caught.value.said("zh")
    assert not elsewhere.exists()
    assert (settings.models / "talk" / "model.gguf").exists()


def test_what_cannot_be_done_is_said_first(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    (tmp_path / "file").touch()
    before = files(settings.models)
    refused = {
        settings.models: "are in .* already",
        settings.models / "deeper": "inside the models folder",
        settings.home: "inside the models folder, or around it",
        tmp_path / "full": "not an empty folder",
        tmp_path / "file": "not an empty folder",
    }
    for folder, reason in refused.items():
        with pytest.raises(BadInput, match=reason):
            carry_out(folder, settings)
    monkeypatch.setenv("PARLOR_MODELS_FOLDER", str(settings.models))
    with pytest.raises(BadInput, match="PARLOR_MODELS_FOLDER is set"):
        carry_out(tmp_path / "new", settings)
    assert files(settings.models) == before


def test_while_a_model_is_in_use_or_fetched_elsewhere_it_waits_for_the_person(
    settings: Settings, tmp_path: Path
) -> None:
    def busy() -> None:
        raise BadInput(both("Tiny is in use", "Tiny 正在使用中"))

    with pytest.raises(BadInput, match="in use"):
        carry_out(tmp_path / "new", settings, unload=busy)
    with (
        FileLock(settings.models / ".partial" / "other.lock"),
        pytest.raises(BadInput, match="other is being fetched by another program"),
    ):
        carry_out(tmp_path / "new", settings)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("other_disk", [False, True])
def test_links_keep_meaning_what_they_meant(
    settings: Settings, tmp_path: Path, elsewhere: Path, other_disk: bool
) -> None:
    """The folder of all models is one itself, and so are two models in it."""
    settings.models.rename(tmp_path / "large disk")
    settings.models.symlink_to(Path("..") / "large disk", target_is_directory=True)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "voice.onnx").write_bytes(WEIGHTS)
    (tmp_path / "large disk" / "voice").symlink_to(Path("..") / "theirs", target_is_directory=True)
    (tmp_path / "large disk" / "twin").symlink_to("talk", target_is_directory=True)
    new = elsewhere if other_disk else tmp_path / "deep" / "new"
    carry_out(new, settings)
    assert (new / "voice").resolve() == tmp_path / "theirs"
    assert (new / "voice" / "voice.onnx").read_bytes() == WEIGHTS
    assert (new / "twin").resolve() == new.resolve() / "talk"
    assert (new / "talk" / "model.gguf").read_bytes() == WEIGHTS
    assert not settings.models.is_symlink()
    assert not (tmp_path / "large disk").exists()


@pytest.mark.parametrize("other_disk", [False, True])
def test_what_a_killed_move_has_left_does_not_stop_the_next(
    settings: Settings, tmp_path: Path, elsewhere: Path, other_disk: bool
) -> None:
    before = files(settings.models)
    new = elsewhere if other_disk else tmp_path / "new"
    (new / PART / "talk").mkdir(parents=True)
    (new / PART / "talk" / "half.gguf").write_bytes(b"half")
    carry_out(new, settings)
    assert files(new) == before


@pytest.mark.parametrize("folder", ["~nobody-of-that-name/models", "/tmp/" + "a" * 300])
def test_a_folder_that_cannot_be_is_refused(settings: Settings, folder: str) -> None:
    with pytest.raises(BadInput):
        carry_out(Path(folder), settings)


def test_with_no_model_yet_the_new_folder_is_simply_used(tmp_path: Path) -> None:
    told, used = carry_out(tmp_path / "new", Settings(home=tmp_path / "home"))
    assert used == [tmp_path / "new"]
    assert told[-1].fraction == 1.0
