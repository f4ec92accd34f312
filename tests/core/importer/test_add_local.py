"""Adding one's own models: known by their files, taken only where that is safe, wholly or not at all.

The models are tiny, of the real architectures and written by the real libraries; their engines open what was taken.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from core.catalogue import spec as catalogue
from core.catalogue import user_file as usercatalogue
from core.catalogue.load import load
from core.catalogue.spec import ModelSpec, installed
from core.errors import BadInput, DiskFull
from core.importer.add_local import LARGE, adopt
from core.runtime.protocols import open_engine
from core.settings import Settings
from core.types.generation import Sampling, Usage
from core.types.messages import Message, Text
from tests.core.importer.importing import take, taken
from tests.tiny.tiny_gguf import write_tiny_gguf

pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the libraries that write and open the models
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

ROOT = Path(__file__).parents[3]


def known(settings: Settings) -> catalogue.Catalogue:
    return load(usercatalogue.file_of(settings))


@pytest.mark.parametrize(
    ("name", "id", "task", "engine"),
    [
        ("Tiny SD", "tiny-sd", "paint", "diffusion"),
        ("eyes", "eyes", "see", "llama"),
        ("tiny-llava", "tiny-llava", "see", "llava"),
        ("clip", "clip", "embed", "clip"),
        ("chinese-clip", "chinese-clip", "embed", "clip"),
        ("voices", "voices", "speak", "coqui"),
        ("ears", "ears", "hear", "whisper"),
        ("talk", "tiny-talk-f32", "chat", "llama"),
    ],
)
def test_a_folder_is_taken_in_listed_after_a_restart_and_opened_by_its_engine(
    originals: Path, settings: Settings, name: str, id: str, task: str, engine: str
) -> None:
    spec = take(originals / name, settings, id="eyes" if name == "eyes" else "")
    assert (spec.id, spec.task, spec.engine) == (id, task, engine)
    assert known(settings).find(id) == spec, "what is read back is what was written"
    assert installed(spec, settings.models)
    assert spec.memory > spec.bytes
    assert taken(settings) == sorted(f"{id}/{file.name}" for file in spec.files)
    small = tuple({"context_tokens": 128, "device": "cpu"}.items())
    engine_here = open_engine(replace(spec, defaults=spec.defaults + small), settings.models / id)
    engine_here.close()


def adapter(folder: Path, base: Path) -> Path:
    import peft
    from transformers import LlavaForConditionalGeneration

    model = LlavaForConditionalGeneration.from_pretrained(base)
    peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(folder)
    return folder


def answers(spec: ModelSpec, settings: Settings, adapter: str) -> bool:
    """Whether the model, opened where it was taken to, replies with the adapter."""
    small = (("device", "cpu"), ("bits", 32), ("context_tokens", 128))
    engine = open_engine(replace(spec, defaults=small), settings.models / spec.id)
    asked = (Message("user", (Text("hello"),)),)
    *_, last = engine.reply(asked, Sampling(max_tokens=2, adapter=adapter))
    engine.close()
    return isinstance(last, Usage)


def test_an_adapter_joins_its_model_and_is_used_by_it(originals: Path, settings: Settings, tmp_path: Path) -> None:
    lora = adapter(tmp_path / "In Chinese", originals / "tiny-llava")
    with pytest.raises(BadInput, match=r"--for ID\): none is installed"):
        take(lora, settings)
    first = take(originals / "tiny-llava", settings)
    assert take(lora, settings) == first
    assert "tiny-llava/adapters/in-chinese/adapter_model.safetensors" in taken(settings)
    assert answers(first, settings, adapter="in-chinese")
    take(originals / "tiny-llava", settings, id="another")
    (lora / "adapter_config.json").write_text(
        json.dumps(json.loads((lora / "adapter_config.json").read_text("utf-8")) | {"base_model_name_or_path": "x/y"}),
        "utf-8",
    )
    with pytest.raises(BadInput, match=r"made for x/y.*tiny-llava, another"):
        take(lora, settings)
    assert take(lora, settings, base="another").id == "another"
    with pytest.raises(BadInput, match="takes no LoRA adapter"):
        take(lora, settings, base="kokoro")


def test_on_one_disk_a_model_takes_no_room_twice(copied: Path, settings: Settings) -> None:
    original = copied / "talk" / "Tiny-Talk-F32.gguf"
    os.truncate(original, LARGE)
    take(copied / "talk", settings)
    assert original.samefile(settings.models / "tiny-talk-f32" / original.name)


def test_an_edited_original_leaves_the_model_as_it_was(copied: Path, settings: Settings) -> None:
    spec = take(copied / "Tiny SD", settings)
    (copied / "Tiny SD" / "model_index.json").write_text("{}", "utf-8")
    assert json.loads((settings.models / spec.id / "model_index.json").read_text("utf-8"))["_class_name"]
    assert installed(spec, settings.models)


def test_the_entry_is_written_before_the_model_is_in_its_place(originals: Path, settings: Settings) -> None:
    """Killed between the two, it can be added again: a folder without an entry would keep its name for ever."""
    settings.home.mkdir()
    place, added = settings.models / "tiny-talk-f32", list[ModelSpec]()
    with FileLock(settings.home / "catalogue.toml.lock"):
        adding = threading.Thread(target=lambda: added.append(take(originals / "talk", settings)))
        adding.start()
        adding.join(0.5)
        assert adding.is_alive()
        assert not place.exists()
    adding.join()
    shutil.rmtree(place)
    assert take(originals / "talk", settings) == added[0]
    assert installed(added[0], settings.models)


def test_a_model_that_cannot_come_to_its_place_has_no_entry(originals: Path, settings: Settings) -> None:
    settings.models.mkdir(parents=True)
    (settings.models / "tiny-talk-f32").symlink_to("nowhere")
    with pytest.raises(BadInput, match="cannot be taken in"):
        take(originals / "talk", settings)
    assert not usercatalogue.ids(settings)
    assert taken(settings) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("name", [b"a:b.gguf", b"caf\xe9.gguf", b"caf\xe9/model.gguf"])
def test_a_name_that_no_catalogue_can_hold_is_told_before_anything_is_taken(
    copied: Path, settings: Settings, name: bytes
) -> None:
    path = copied / os.fsdecode(name)
    path.parent.mkdir(exist_ok=True)
    (copied / "talk" / "Tiny-Talk-F32.gguf").rename(path)
    with pytest.raises(BadInput, match="Rename the file or folder") as caught:
        take(path, settings)
    assert (str(caught.value) + caught.value.said("zh")).encode("utf-8")
    assert taken(settings) == []
    assert not usercatalogue.ids(settings)


def test_an_entry_that_is_no_text_is_told(originals: Path, settings: Settings) -> None:
    spec = take(originals / "talk", settings)
    with pytest.raises(BadInput, match="cannot be written"):
        usercatalogue.write(replace(spec, licence="\udce9"), settings)
    assert known(settings).find(spec.id) == spec


def test_a_link_is_followed_to_the_file_it_means(copied: Path, settings: Settings) -> None:
    """As in the cache of the hub's client."""
    snapshot = copied / "models--someone--talk" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "model.gguf").symlink_to(copied / "talk" / "Tiny-Talk-F32.gguf")
    spec = take(copied / "models--someone--talk", settings)
    assert spec.id == "talk"
    assert not (settings.models / "talk" / "model.gguf").is_symlink()


def test_the_same_files_twice_are_one_model(originals: Path, settings: Settings) -> None:
    assert take(originals / "talk", settings) == take(originals / "talk", settings)
    assert len(taken(settings)) == 1


def test_another_model_of_the_same_name_gets_a_number(copied: Path, settings: Settings) -> None:
    take(copied / "talk", settings)
    (copied / "talk" / "Tiny-Talk-F32.gguf").unlink()
    write_tiny_gguf(copied / "talk" / "Tiny-Talk-F32.gguf", seed=2)
    assert take(copied / "talk", settings).id == "tiny-talk-f32-2"


@pytest.mark.parametrize("id", ["kokoro", "Bad Id", "../up"])
def test_an_id_that_is_taken_or_no_id_is_refused(originals: Path, settings: Settings, id: str) -> None:
    with pytest.raises(BadInput):
        take(originals / "talk", settings, id=id)
    assert taken(settings) == []


def test_closing_it_in_the_middle_leaves_nothing(originals: Path, settings: Settings) -> None:
    steps = adopt(originals / "talk", settings)
    next(steps)
    steps.close()
    assert taken(settings) == []
    assert not usercatalogue.file_of(settings).exists()


@pytest.fixture
def elsewhere(settings: Settings) -> Iterator[Settings]:
    """With the models on another disk."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == settings.home.parent.stat().st_dev:
        pytest.skip("there is no second disk")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield replace(settings, models_folder=folder)


def test_from_another_disk_it_is_copied(originals: Path, elsewhere: Settings) -> None:
    spec = take(originals / "talk", elsewhere)
    copy, original = elsewhere.models / spec.id / spec.files[0].name, originals / "talk" / "Tiny-Talk-F32.gguf"
    assert not copy.samefile(original)
    assert copy.read_bytes() == original.read_bytes()


def test_a_disk_too_small_is_told_before_anything_is_copied(copied: Path, elsewhere: Settings) -> None:
    os.truncate(copied / "talk" / "Tiny-Talk-F32.gguf", 10**12)  # sparse: it takes no room itself
    with pytest.raises(DiskFull, match=r"There is no room for Tiny-Talk-F32: it needs 1000\.0 GB"):
        take(copied / "talk", elsewhere)
    assert taken(elsewhere) == []


def test_other_entries_of_the_persons_catalogue_stay_as_they_are(originals: Path, settings: Settings) -> None:
    mine = (
        '# mine\n\n[[model]]  # first\nid = "mine"\nname = "Mine"\ntask = "chat"\nengine = "llama"\nlicence = "MIT"\n'
    )
    mine += 'languages = ["en"]\nmemory_mb = 10\nrevision = "1"\n[[model.file]]\nname = "m.gguf"\nbytes = 4\n'
    mine += f'sha256 = "{"a" * 64}"\nsources = [{{ folder = "here.gguf" }}]\n'
    settings.home.mkdir()
    usercatalogue.file_of(settings).write_text(mine, "utf-8")
    spec = take(originals / "talk", settings)
    take(originals / "ears", settings)
    text = usercatalogue.file_of(settings).read_text("utf-8")
    assert text.startswith(mine)
    usercatalogue.write(replace(spec, name="Renamed"), settings)
    assert [each.name for each in known(settings).models][-3:] == ["Mine", "Renamed", "ears"]
    assert usercatalogue.forget(spec.id, settings)
    assert not usercatalogue.forget("kokoro", settings)
    assert [each.name for each in known(settings).models][-2:] == ["Mine", "ears"]
    assert usercatalogue.file_of(settings).read_text("utf-8").startswith(mine)


def test_a_catalogue_that_cannot_be_read_keeps_the_model_out(originals: Path, settings: Settings) -> None:
    settings.home.mkdir()
    usercatalogue.file_of(settings).write_text("[[model]]\nid = 3", "utf-8")
    with pytest.raises(BadInput, match=r"catalogue\.toml cannot be used"):
        take(originals / "talk", settings)
    assert usercatalogue.file_of(settings).read_text("utf-8") == "[[model]]\nid = 3"
    assert taken(settings) == []


@pytest.mark.slow
def test_the_command_line_adds_by_path(originals: Path, settings: Settings) -> None:
    environment = {**os.environ, "PARLOR_HOME": str(settings.home), "LANG": "C", "LC_ALL": "C"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "core.cli", "models", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    assert run("add", str(originals / "eyes"), "--task", "chat", "--id", "mine").stdout == "mine: added\n"
    row = next(each for each in map(json.loads, run("--json").stdout.splitlines()) if each["id"] == "mine")
    assert (row["task"], row["engine"], row["installed"], row["own"]) == ("chat", "llama", True, True)
    assert run("verify").stdout == "mine: intact\n"
    wrong = run("add", str(originals / "nothing"))
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "There is no file or folder" in wrong.stderr
    moved = run("move", str(settings.home.parent / "elsewhere"))
    assert (moved.returncode, moved.stdout) == (0, "models: moved\n"), moved.stderr
    assert run("verify", "mine").returncode == 0
    assert run("remove", "mine").stdout == "mine: removed\n"
    assert '"mine"' not in run("--json").stdout
