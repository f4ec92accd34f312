"""Settings: what is kept is what was changed, folders mean the same everywhere, and impossible values are refused."""

from __future__ import annotations

import tomllib
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from core.app.app import App
from core.errors import BadInput
from core.settings import DEFAULTS, Settings, forced, image_size, keep, load, save

FLAT: dict[str, tuple[object, str, object]] = {  # parlor.toml of before the tables, and what it means now
    "offline": (True, "offline", True),
    "language": ("zh", "language", "zh"),
    "script": ("traditional", "script", "traditional"),
    "chat": ("talk", "chat", "talk"),
    "see": ("eyes", "see", "eyes"),
    "hear": ("ears", "hear", "ears"),
    "read": ("reader", "read", "reader"),
    "speak": ("kokoro", "speak", "kokoro"),
    "paint": ("brush", "paint", "brush"),
    "adapter": ("dogs", "adapter", "dogs"),
    "voice_en": ("af_sky", "speech.voice_en", "af_sky"),
    "voice_zh": ("zf_xiaoni", "speech.voice_zh", "zf_xiaoni"),
    "speaker": ("p225", "speech.speaker", "p225"),
    "reference": ("李明", "speech.reference", "李明"),
    "speed": (1.5, "speech.speed", 1.5),
    "openers": (False, "call.fillers", False),
    "speak_replies": (False, "speech.speak_replies", False),
    "instructions": ("Answer in rhyme.\n", "instructions", "Answer in rhyme.\n"),
    "temperature": (0.25, "sampling.temperature", 0.25),
    "top_p": (0.8, "sampling.top_p", 0.8),
    "min_p": (0.1, "sampling.min_p", 0.1),
    "max_tokens": (77, "sampling.max_tokens", 77),
    "context_tokens": (4096, "context_tokens", 4096),
    "paint_size": ("768x512", "image.size", (768, 512)),
    "paint_steps": (9, "image.steps", 9),
    "paint_guidance": (3.5, "image.guidance", 3.5),
    "paint_scheduler": ("DDIMScheduler", "image.scheduler", "DDIMScheduler"),
    "paint_negative": ("people", "image.negative", "people"),
    "paint_style": ("ink", "image.style", "ink"),
    "enhance": (False, "image.enhance", False),
    "memory_gb": (6.0, "memory.ram_gb", 6.0),
    "gpu_gb": (4, "memory.gpu_gb", 4.0),
    "keep_minutes": (5, "memory.keep_minutes", 5.0),
    "pinned": ("kokoro talk", "memory.pinned", ("kokoro", "talk")),
    "models_folder": ("/models", "models_folder", "/models"),
    "threads": (3, "threads", 3),
}


def written(home: Path, text: str) -> dict[str, str]:
    """An environment whose ``parlor.toml`` says ``text``."""
    (home / "parlor.toml").write_text(text, "utf-8")
    return {"PARLOR_HOME": str(home)}


def stored(home: Path) -> dict[str, Any]:
    return tomllib.loads((home / "parlor.toml").read_text("utf-8"))


def toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')


def flat_file() -> str:
    return "\n".join(f"{name} = {toml(value)}" for name, (value, _, _) in FLAT.items())


# the file


def test_a_change_keeps_neither_the_environment_nor_undoes_what_another_process_kept(tmp_path: Path) -> None:
    app = App(load({"PARLOR_HOME": str(tmp_path), "PARLOR_TEMPERATURE": "0.1"}))
    keep(tmp_path, {"chat": "theirs", "sampling.top_p": 0.7})
    app.change({"speech.speed": 1.5, "sampling.min_p": 0.2})
    found = load({"PARLOR_HOME": str(tmp_path)})
    assert (found.speech.speed, found.chat, found.sampling.top_p, found.sampling.min_p) == (1.5, "theirs", 0.7, 0.2)
    assert found.sampling.temperature == Settings(home=tmp_path).sampling.temperature
    assert (app.settings.sampling.temperature, app.pool.settings.speech.speed) == (0.1, 1.5)
    app.close()


def test_what_differs_from_the_defaults_is_written_in_tables_and_read_again(tmp_path: Path) -> None:
    values = {key: value for _, key, value in FLAT.values()}
    settings = Settings(home=tmp_path).changed(values)
    assert {key: attrgetter(key)(settings) for key in DEFAULTS} == values
    save(settings)
    assert load({"PARLOR_HOME": str(tmp_path)}) == settings
    file = stored(tmp_path)
    assert (file["chat"], file["image"]["size"], file["memory"]["pinned"]) == ("talk", "768x512", ["kokoro", "talk"])
    save(Settings(home=tmp_path))
    assert stored(tmp_path) == {}


def test_what_a_file_would_hold_is_taken_as_a_change_too(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    for size in ("768x512", (768, 512), [768, 512]):
        assert settings.changed({"image.size": size}).written("image.size") == "768x512"
    wide = settings.changed({"image.size": "768x512", "memory.pinned": ["a"]})
    assert (wide.image.size, wide.memory.pinned) == ((768, 512), ("a",))
    assert wide.changed({"image.size": "", "memory.pinned": ()}) == settings
    assert settings.written("image.size") == ""
    with pytest.raises(KeyError):
        settings.changed({"paint_size": "768x512"})


# a file of before the tables


def test_every_setting_has_a_flat_name() -> None:
    assert {key for _, key, _ in FLAT.values()} == set(DEFAULTS)
    assert all(value != DEFAULTS[key] for _, key, value in FLAT.values())


@pytest.mark.parametrize("name", FLAT)
def test_a_flat_file_is_read_with_the_same_meaning(tmp_path: Path, name: str) -> None:
    value, key, means = FLAT[name]
    found = load(written(tmp_path, f"{name} = {toml(value)}"))
    assert found == Settings(home=tmp_path).changed({key: means})
    assert attrgetter(key)(found) == means
    assert type(attrgetter(key)(found)) is type(means)


def test_a_flat_file_is_written_in_tables_at_the_next_change(tmp_path: Path) -> None:
    before = load(written(tmp_path, flat_file()))
    keep(tmp_path, {"sampling.temperature": 1.0})
    assert load({"PARLOR_HOME": str(tmp_path)}) == before.changed({"sampling.temperature": 1.0})
    file = stored(tmp_path)
    assert set(file) == {key.partition(".")[0] for key in DEFAULTS}
    assert file["memory"] == {"ram_gb": 6.0, "gpu_gb": 4.0, "keep_minutes": 5.0, "pinned": ["kokoro", "talk"]}


def test_a_table_counts_more_than_a_flat_name_beside_it(tmp_path: Path) -> None:
    found = load(written(tmp_path, 'paint_size = "512x512"\npaint_steps = 9\n[image]\nsize = "768x512"'))
    assert (found.image.size, found.image.steps) == ((768, 512), 9)


# the environment


@pytest.mark.parametrize("name", FLAT)
def test_the_environment_says_otherwise_than_the_file(tmp_path: Path, name: str) -> None:
    value, key, means = FLAT[name]
    save(Settings(home=tmp_path).changed({key: means}))
    other = {"paint_size": "64x64", "offline": "no"}.get(name, "yes" if value is False else "8")
    found = load({"PARLOR_HOME": str(tmp_path), f"PARLOR_{name.upper()}": other})
    assert found == Settings(home=tmp_path).changed({key: other})
    assert attrgetter(key)(found) != means


def test_the_page_is_told_which_settings_the_environment_forces() -> None:
    assert forced({"PARLOR_HOME": "/x", "PARLOR_PAINT_SIZE": "", "PARLOR_CHAT": "", "PATH": ""}) == (
        "PARLOR_CHAT",
        "PARLOR_PAINT_SIZE",
    )


def test_a_relative_folder_means_the_same_in_every_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load({"PARLOR_HOME": "home", "PARLOR_MODELS_FOLDER": "../elsewhere"})
    assert settings.home == tmp_path / "home"
    assert settings.models == tmp_path.parent / "elsewhere"


# wrong values


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_what_is_no_number_is_no_setting(tmp_path: Path, value: str) -> None:
    with pytest.raises(BadInput, match="memory_gb cannot be"):
        load({"PARLOR_HOME": str(tmp_path), "PARLOR_MEMORY_GB": value})
    (tmp_path / "parlor.toml").write_text("threads = inf", "utf-8")
    with pytest.raises(BadInput, match="threads cannot be"):
        load({"PARLOR_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[image]\nsize = "big"', "image.size cannot be 'big': it needs a value like '768x512'"),
        ("[image]\nsize = [768]", r"image.size cannot be \[768\]"),
        ("[image]\nsize = 768", "image.size cannot be 768"),
        ('paint_size = "big"', "paint_size cannot be 'big'"),
        ('[image]\nsteps = "many"', "image.steps cannot be 'many': it needs a value like 0"),
        ("[image]\nsteps = true", "image.steps cannot be True"),
        ("image = 5", "image cannot be 5"),
        ("[chat]\nmodel = 5", "chat cannot be {'model': 5}"),
        ("[call]\nfillers = 1", "call.fillers cannot be 1: it needs a value like False"),
        ("[memory]\npinned = [1]", r"memory.pinned cannot be \[1\]: it needs a value like \['kokoro'\]"),
        ("[memory]\npinned = 1", "memory.pinned cannot be 1"),
    ],
)
def test_a_value_of_another_type_is_told_by_the_name_in_the_file(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadInput, match=f"The setting {told}"):
        load(written(tmp_path, text))


def test_what_the_environment_overrides_may_be_wrong_in_the_file(tmp_path: Path) -> None:
    environment = written(tmp_path, '[image]\nsize = "big"') | {"PARLOR_PAINT_SIZE": "64x64"}
    assert load(environment).image.size == (64, 64)


@pytest.mark.parametrize("text", ["512", "axb", "512x", "-1x8", "512x512x3"])
def test_a_size_is_width_and_height(text: str) -> None:
    assert image_size("768x512") == image_size(" 768 × 512 ") == (768, 512)
    assert image_size("") is None
    with pytest.raises(BadInput, match=f"'{text}' is no picture size: write width and height in pixels, like 768x512."):
        image_size(text)


def test_a_budget_below_nothing_is_none(tmp_path: Path) -> None:
    settings = load({"PARLOR_HOME": str(tmp_path), "PARLOR_MEMORY_GB": "-3", "PARLOR_GPU_GB": "-1"})
    assert (settings.memory.ram_gb, settings.memory.gpu_gb) == (0, 0)


def test_the_home_of_somebody_unknown_is_refused() -> None:
    with pytest.raises(BadInput, match="does not know"):
        load({"PARLOR_HOME": "~nobody-of-that-name/parlor"})
