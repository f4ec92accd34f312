"""A catalogue that a person and an older build wrote together is read, and written on without losing a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.catalogue import user_file
from core.catalogue.load import load
from core.catalogue.spec import Folder, Hub, Member, Package, Repository
from core.settings import Settings
from tests.support.older_build_corners import copied

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OWN = {"my-reader", "my-voices", "my-llama", "my-vad", "my-clip", "vits-ljspeech", "starter-extra"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return copied(tmp_path / "home")


def test_its_own_entries_are_known_apart_from_the_shipped_ones(home: Path) -> None:
    assert user_file.ids(Settings(home=home)) == OWN
    shipped, both = load(), load(home / "catalogue.toml")
    assert {spec.id for spec in both.models} - {spec.id for spec in shipped.models} == OWN - {"vits-ljspeech"}


def test_engines_that_were_renamed_go_by_their_new_names(home: Path) -> None:
    catalogue = load(home / "catalogue.toml")
    assert {id: catalogue.find(id).engine for id in OWN} == {
        "my-reader": "ocr",
        "my-voices": "kokoro",
        "my-llama": "llama",
        "my-vad": "vad",
        "my-clip": "clip",
        "vits-ljspeech": "coqui",
        "starter-extra": "llama",
    }
    assert [spec.id for spec in catalogue.by_task("read")] == ["rapidocr", "my-reader"]
    assert [spec.id for spec in catalogue.by_task("detect")] == ["silero-vad", "my-vad"]


def test_what_a_person_wrote_by_hand_is_read_as_it_was_meant(home: Path) -> None:
    catalogue = load(home / "catalogue.toml")
    (det,) = catalogue.find("my-reader").files
    member = Member("rapidocr", "3.10.0", "rapidocr/models/PP-OCRv6_det_small.onnx")
    assert det.sources == (Folder(str(home / "readers" / "det.onnx")), Package((member,)))
    voices = catalogue.find("my-voices")
    assert (voices.name, voices.voices, voices.memory) == ("我的声音", ("af_one", "zm_two"), 700_500_000)
    assert [(file.name, file.sha256[:2]) for file in voices.files] == [
        ("voices/af_one.bin", "aa"),
        ("voices/zm_two.bin", "bb"),
    ]
    joined = tuple(Member(f"my-voices-part{n}", "1.0", f"data/part0{n}/af_one.bin") for n in (1, 2))
    assert voices.files[0].sources == (Package(joined),)


def test_what_it_wrote_is_read_as_it_was_meant(home: Path) -> None:
    catalogue = load(home / "catalogue.toml")
    llama = catalogue.find("my-llama")
    assert (llama.bytes, llama.memory) == (88_888_888, 123_457_000)
    assert llama.files[0].sources == (
        Hub("someone/my-llama", COMMIT, "model.gguf"),
        Folder("/srv/models/my-llama/model.gguf"),
    )
    clip = catalogue.find("my-clip")
    assert clip.repository == Repository("someone/my-clip", "main", ("config.json", "*.safetensors"))
    assert (clip.files, clip.download, clip.bytes) == ((), 610_500_000, 610_500_000)
    pinned = catalogue.find("vits-ljspeech")  # a shipped one, whose files were looked up when it was fetched
    assert (pinned.repository, pinned.revision, len(pinned.files)) == (None, COMMIT, 1)
    extra = catalogue.find("starter-extra")
    assert (extra.starter, extra.miniature) == (True, True)


def test_an_entry_written_again_leaves_every_other_line_as_it_is(home: Path) -> None:
    settings, file = Settings(home=home), home / "catalogue.toml"
    before = file.read_text("utf-8")
    catalogue = load(file)
    user_file.write(catalogue.find("my-llama"), settings)
    assert file.read_text("utf-8") == before
    assert user_file.forget("my-clip", settings)
    after = file.read_text("utf-8")
    assert after.startswith("# My own models. The order is mine; keep these lines.\n")
    assert 'id = "my-reader"  # hand-written\n' in after
    assert [spec for spec in load(file).models if spec.id in OWN] == [
        spec for spec in catalogue.models if spec.id in OWN - {"my-clip"}
    ]
