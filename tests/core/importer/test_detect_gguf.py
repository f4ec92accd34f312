"""What a GGUF holds: its size and reach, its parts, its eyes; one that is cut off or lies is refused."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import gguf
import pytest

from core.errors import BadInput
from core.importer.add_local import adopt, inspect
from core.settings import Settings
from tests.core.importer.importing import finish, take, taken
from tests.tiny.tiny_gguf import write_tiny_gguf

pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the libraries that write and open the models
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def test_a_gguf_says_how_large_it_is_and_how_far_it_reads(originals: Path) -> None:
    found = inspect(originals / "talk" / "Tiny-Talk-F32.gguf")
    assert (found.context, found.quantisation, found.name) == (2048, "F32", "Tiny-Talk-F32")
    assert found.parameters == sum(
        tensor.n_elements for tensor in gguf.GGUFReader(originals / "talk" / "Tiny-Talk-F32.gguf").tensors
    )


def test_a_model_that_sees_may_be_used_for_chat_alone(originals: Path, settings: Settings) -> None:
    spec = take(originals / "eyes", settings, task="chat", id="blind")
    assert spec.task == "chat"
    assert not any("mmproj" in file.name for file in spec.files)


def test_an_mmproj_of_another_model_is_not_taken_for_its_eyes(copied: Path) -> None:
    for path in (copied / "eyes").glob("*.gguf"):
        if "mmproj" not in path.name:
            path.unlink()
    writer = gguf.GGUFWriter(copied / "eyes" / "wide.gguf", "llama")
    writer.add_embedding_length(4096)
    writer.add_context_length(64)
    for write in (
        writer.write_header_to_file,
        writer.write_kv_data_to_file,
        writer.write_tensors_to_file,
        writer.close,
    ):
        write()
    assert inspect(copied / "eyes").task == "chat"


def test_a_file_beside_other_models_does_not_take_their_eyes(copied: Path) -> None:
    model = next(path for path in (copied / "eyes").glob("*.gguf") if "mmproj" not in path.name)
    assert inspect(model).task == "see"
    shutil.copy(copied / "talk" / "Tiny-Talk-F32.gguf", copied / "eyes")
    assert inspect(model).task == "chat"


def test_all_parts_of_a_split_gguf_are_taken(copied: Path, settings: Settings) -> None:
    whole = copied / "talk" / "Tiny-Talk-F32.gguf"
    for number in (1, 2, 3):
        shutil.copy(whole, copied / "talk" / f"big-{number:05}-of-00003.gguf")
    whole.unlink()
    found = inspect(copied / "talk" / "big-00002-of-00003.gguf")
    assert [each.name for each in found.files] == [f"big-{number:05}-of-00003.gguf" for number in (1, 2, 3)]
    assert (found.name, inspect(copied / "talk")) == ("big", found)
    (copied / "talk" / "big-00003-of-00003.gguf").unlink()
    with pytest.raises(BadInput, match=r"big-00003-of-00003.gguf is missing"):
        take(copied / "talk", settings)


def test_several_models_in_one_folder_are_named(copied: Path, settings: Settings) -> None:
    write_tiny_gguf(copied / "talk" / "second.gguf", seed=1)
    with pytest.raises(BadInput, match=r"several models in talk: Tiny-Talk-F32.gguf, second.gguf"):
        take(copied / "talk", settings)
    assert take(copied / "talk" / "second.gguf", settings).id == "second"
    assert finish(adopt(copied / "talk", settings, id="by-file", file="second.gguf")).files[0].name == "second.gguf"
    assert finish(adopt(copied / "talk", settings, id="by-kind", file="f32")).files[0].name == "Tiny-Talk-F32.gguf"
    with pytest.raises(BadInput, match=r"no Q4_K_M among the GGUF files: Tiny-Talk-F32.gguf, second.gguf"):
        finish(adopt(copied / "talk", settings, file="Q4_K_M"))


def test_a_lone_mmproj_says_what_it_is(copied: Path) -> None:
    eye = next((copied / "eyes").glob("*mmproj*"))
    for path in (copied / "eyes").glob("*.gguf"):
        if path != eye:
            path.unlink()
    for what in (eye, copied / "eyes"):
        with pytest.raises(BadInput, match="only the part of a model that sees"):
            inspect(what)


@pytest.mark.parametrize("left", [0, 3, 30, 5000, -40])
def test_a_gguf_that_is_cut_off_is_refused(copied: Path, settings: Settings, left: int) -> None:
    path = copied / "talk" / "Tiny-Talk-F32.gguf"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(BadInput, match=r"Tiny-Talk-F32.gguf cannot be used"):
        take(path, settings)
    assert taken(settings) == []


def test_a_gguf_header_that_lies_about_its_lengths_is_refused(tmp_path: Path) -> None:
    huge = struct.pack("<Q", 2**62)
    lies = [
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + huge,  # a key that long
        b"GGUF" + struct.pack("<IQQ", 3, 2**62, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**62),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<II", 9, 9) * 40,
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 2**62),
        b"GGUF" + struct.pack("<I", 1 << 24) + bytes(16),
    ]
    for lie in lies:
        (tmp_path / "lie.gguf").write_bytes(lie)
        with pytest.raises(BadInput, match="cannot be used"):
            inspect(tmp_path / "lie.gguf")
