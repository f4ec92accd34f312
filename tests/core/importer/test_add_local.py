"""Adding one's own models: known by their files, taken only where that is safe, wholly or not at all.

The models are tiny, of the real architectures and written by the real libraries; their engines open what was taken.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import gguf
import pytest
from filelock import FileLock

from core.catalogue import spec as catalogue
from core.catalogue import user_file as usercatalogue
from core.catalogue.load import load
from core.catalogue.spec import ModelSpec, installed
from core.errors import BadInput, DiskFull
from core.importer.add_local import LARGE, adopt, inspect
from core.runtime.protocols import open_engine
from core.settings import Settings
from core.types.events import Progress
from core.types.generation import Sampling, Usage
from core.types.messages import Message, Text
from tests.tiny.tiny_gguf import write_tiny_gguf

pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the libraries that write and open the models
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of each kind."""
    from tests.tiny.tiny_clip import write_tiny_chinese_clip, write_tiny_clip
    from tests.tiny.tiny_diffusion import write_tiny_diffusion
    from tests.tiny.tiny_llava import write_tiny_llava
    from tests.tiny.tiny_mmproj import write_tiny_vision_gguf
    from tests.tiny.tiny_vits import write_tiny_vits
    from tests.tiny.tiny_whisper import write_tiny_whisper

    folder = tmp_path_factory.mktemp("originals")
    write_tiny_diffusion(folder / "Tiny SD")
    write_tiny_llava(folder / "tiny-llava", trained=False)
    (folder / "eyes").mkdir()
    write_tiny_vision_gguf(folder / "eyes", folder / "tiny-llava")
    write_tiny_clip(folder / "clip", trained=False)
    write_tiny_chinese_clip(folder / "chinese-clip", trained=False)
    write_tiny_vits(folder / "voices", speakers=("Ada", "李明"))
    (folder / "ears").mkdir()
    write_tiny_whisper(folder / "ears")
    (folder / "talk").mkdir()
    write_tiny_gguf(folder / "talk" / "Tiny-Talk-F32.gguf")
    return folder


@pytest.fixture
def copied(originals: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(originals, tmp_path / "mine"))


def take(path: Path, settings: Settings, task: str = "", id: str = "", base: str = "") -> ModelSpec:
    return finish(adopt(path, settings, task, id, base))


def finish(steps: Generator[Progress, None, ModelSpec]) -> ModelSpec:
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            spec: ModelSpec = end.value
            return spec
        assert step.note
        assert step.note.into("zh") != str(step.note)


def known(settings: Settings) -> catalogue.Catalogue:
    return load(usercatalogue.file_of(settings))


def taken(settings: Settings) -> list[str]:
    """Every file under the models folder, locks aside."""
    found = (path for path in settings.models.rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(path.relative_to(settings.models).as_posix() for path in found)


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


def test_of_a_llava_folder_all_that_is_needed_is_taken(originals: Path, settings: Settings) -> None:
    spec = take(originals / "tiny-llava", settings)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {file.name for file in spec.files}
    assert spec.about.endswith("M")


def test_voices_and_languages_are_read(originals: Path) -> None:
    voices, ears = inspect(originals / "voices"), inspect(originals / "ears")
    assert inspect(originals / "chinese-clip").languages == ("zh", "en")
    assert voices.voices == ("Ada", "李明")
    assert {"en", "zh", "yue"} <= set(ears.languages)


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


def test_a_task_the_files_cannot_do_is_refused(originals: Path, settings: Settings) -> None:
    for name, task, reason in [("ears", "speak", "made for hear"), ("talk", "see", "without its mmproj"),
                               ("talk", "sing", "no task 'sing'")]:  # fmt: skip
        with pytest.raises(BadInput, match=reason):
            take(originals / name, settings, task=task)
    assert taken(settings) == []


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


def test_half_precision_is_taken_only_where_there_is_no_full(tmp_path: Path, originals: Path) -> None:
    from tests.tiny.tiny_diffusion import write_tiny_diffusion

    half = write_tiny_diffusion(tmp_path / "half", variant="fp16")
    names = {each.source: each.name for each in inspect(half).files}
    assert names["unet/diffusion_pytorch_model.fp16.safetensors"] == "unet/diffusion_pytorch_model.safetensors"
    full = Path(shutil.copytree(originals / "Tiny SD", tmp_path / "both"))
    for path in half.rglob("*.fp16.safetensors"):
        shutil.copy(path, full / path.relative_to(half))
    assert not any("fp16" in each.source for each in inspect(full).files)


def test_of_a_painter_only_what_paints_in_safe_formats_is_taken(copied: Path, settings: Settings) -> None:
    folder = copied / "Tiny SD"
    for name in ("unet/diffusion_pytorch_model.bin", "unet/model.onnx", "vae/diffusion_flax_model.msgpack", "sd.ckpt"):
        (folder / name).write_bytes(b"x" * 100)
    (folder / "safety_checker").mkdir()
    (folder / "safety_checker" / "model.safetensors").write_bytes(b"x")
    spec = take(folder, settings)
    kinds = {Path(file.name).suffix for file in spec.files}
    assert kinds <= {".json", ".txt", ".safetensors"}
    assert not any(file.name.startswith("safety_checker") for file in spec.files)


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


def test_a_lone_mmproj_says_what_it_is(copied: Path) -> None:
    eye = next((copied / "eyes").glob("*mmproj*"))
    for path in (copied / "eyes").glob("*.gguf"):
        if path != eye:
            path.unlink()
    for what in (eye, copied / "eyes"):
        with pytest.raises(BadInput, match="only the part of a model that sees"):
            inspect(what)


def single_file(path: Path, tensor: str) -> Path:
    head = json.dumps({tensor: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"1234")
    return path


def test_what_cannot_be_used_says_why_and_what_to_do(tmp_path: Path) -> None:
    single = single_file(tmp_path / "sd15.safetensors", "model.diffusion_model.input_blocks.0.0.weight")
    other = single_file(tmp_path / "other.safetensors", "weight")
    (tmp_path / "model.ckpt").write_bytes(b"x")
    (tmp_path / "weights.pt").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("hello", "utf-8")
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "config.json").write_text('{"model_type": "llama"}', "utf-8")
    (tmp_path / "hf-whisper").mkdir()
    (tmp_path / "hf-whisper" / "config.json").write_text('{"model_type": "whisper"}', "utf-8")
    (tmp_path / "empty").mkdir()
    reasons = {
        single: "from_single_file",
        other: "nothing that Parlor understands",
        tmp_path / "model.ckpt": "it can run code",
        tmp_path / "weights.pt": "can run code",
        tmp_path / "notes.txt": "nothing that Parlor understands",
        tmp_path / "llm": "get the GGUF",
        tmp_path / "hf-whisper": "ct2-transformers-converter",
        tmp_path / "empty": "nothing that Parlor understands",
        tmp_path / "nowhere": "no file or folder",
    }
    for path, reason in reasons.items():
        with pytest.raises(BadInput, match=reason) as caught:
            inspect(path)
        assert caught.value.said("zh") != str(caught.value)
        assert path.name in str(caught.value)


def test_pickled_weights_are_refused(copied: Path) -> None:
    (copied / "tiny-llava" / "model.safetensors").rename(copied / "tiny-llava" / "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"pytorch_model.bin: files of that kind can run code"):
        inspect(copied / "tiny-llava")
    unet = copied / "Tiny SD" / "unet"
    next(unet.glob("*.safetensors")).rename(unet / "diffusion_pytorch_model.bin")
    with pytest.raises(BadInput, match=r"diffusion_pytorch_model.bin"):
        inspect(copied / "Tiny SD")


@pytest.mark.parametrize("left", [0, 3, 30, 5000, -40])
def test_a_gguf_that_is_cut_off_is_refused(copied: Path, settings: Settings, left: int) -> None:
    path = copied / "talk" / "Tiny-Talk-F32.gguf"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(BadInput, match=r"Tiny-Talk-F32.gguf cannot be used"):
        take(path, settings)
    assert taken(settings) == []


@pytest.mark.parametrize("left", [0, 5, 100, -1])
def test_safetensors_that_are_cut_off_are_refused(copied: Path, left: int) -> None:
    path = copied / "tiny-llava" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(BadInput, match=r"model.safetensors cannot be used"):
        inspect(copied / "tiny-llava")


@pytest.mark.parametrize(
    "header",
    [
        "[" * 100_000,
        '{"x": {"shape": [1], "data_offsets": [0, 1e999]}}',
        '{"x": {"shape": [1e999], "data_offsets": [0, 4]}}',
        '{"x": {"shape": ["many"], "data_offsets": [0, 4]}}',
        '{"x": {"shape": [' + "9" * 400 + '], "data_offsets": [0, 4]}}',
        '{"x": {"shape": [-1], "data_offsets": [0, 4]}}',
    ],
)
def test_a_safetensors_header_that_lies_is_refused(copied: Path, header: str) -> None:
    path = copied / "tiny-llava" / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + b"1234")
    with pytest.raises(BadInput, match=r"model.safetensors cannot be used"):
        inspect(copied / "tiny-llava")


def test_a_kind_that_is_no_name_is_refused(copied: Path) -> None:
    (copied / "clip" / "config.json").write_text('{"model_type": ["clip"]}', "utf-8")
    with pytest.raises(BadInput, match="which Parlor does not load"):
        inspect(copied / "clip")


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


def test_a_model_bin_that_is_no_whisper_is_refused(copied: Path) -> None:
    (copied / "ears" / "model.bin").write_bytes(b"\x80\x04pickle" * 10)
    with pytest.raises(BadInput, match="no Whisper model of CTranslate2"):
        inspect(copied / "ears")


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
