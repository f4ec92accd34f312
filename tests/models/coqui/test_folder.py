"""A Coqui folder is a stranger's: nothing in it runs, leads elsewhere, or is fetched; what is broken is said."""

from __future__ import annotations

import json
import os
import pickle
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.catalogue.spec import ModelSpec
from core.errors import BadInput, EngineFailed
from core.formats import coqui as coqui_files
from models.coqui import engine as coqui
from tests.tiny.tiny_vits import RATE, write_tiny_vits

SPEC = ModelSpec("tiny", "Tiny voice", "speak", "coqui", "", ("en",), 0, "", (), defaults=(("device", "cpu"),))


def test_a_folder_is_told_by_its_json(tmp_path: Path) -> None:
    write_tiny_vits(tmp_path / "one")
    write_tiny_vits(tmp_path / "two", ("Ada", "李明"))
    assert coqui_files.speakers(tmp_path / "one") == ()
    assert coqui_files.languages(tmp_path / "one") == ()
    assert coqui_files.speakers(tmp_path / "two") == ("Ada", "李明")
    assert not coqui_files.clones(tmp_path / "two")
    with pytest.raises(BadInput, match=r"needs config\.json"):
        coqui_files.speakers(tmp_path)
    (tmp_path / "config.json").write_text(
        '{"model": "vits", // a comment\n "speakers": ["a//b /*c*/"], /* and */ "a": 1}'
    )
    assert coqui_files.speakers(tmp_path) == ("a//b /*c*/",)


@pytest.mark.parametrize("speakers", ["[1]", '{"a": {"embedding": []}}', "[" * 100_000, "5"])
def test_lists_that_are_none_are_told(tmp_path: Path, speakers: str) -> None:
    config = {"model": "vits", "model_args": {"use_speaker_embedding": True}}
    (tmp_path / "speakers.json").write_text(speakers, "utf-8")
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(BadInput, match="is not a Coqui model that can be read"):
        coqui_files.speakers(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model": "xtts", "languages": 5, "speakers": "Ada"}), "utf-8")
    for ask in (coqui_files.languages, coqui_files.speakers):
        with pytest.raises(BadInput, match="no list of names"):
            ask(tmp_path)


def changed(folder: Path, **values: object) -> Path:
    """The model in ``folder`` with other values in its configuration, those of ``model_args`` among them."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    arguments = config["model_args"] | values.pop("model_args", {})  # type: ignore[operator]
    (folder / "config.json").write_text(json.dumps(config | values | {"model_args": arguments}), "utf-8")
    return folder


class Trap:
    """A pickle that would make a folder when it is opened."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.made),)


def test_weights_that_would_run_a_program_are_not_opened(tmp_path: Path) -> None:
    write_tiny_vits(tmp_path)
    (tmp_path / "model_file.pth").write_bytes(pickle.dumps({"model": Trap(tmp_path / "ran")}, protocol=2))
    with pytest.raises(EngineFailed, match="holds more than weights"):
        coqui.load(SPEC, tmp_path)
    torch.save({"model": Trap(tmp_path / "ran")}, tmp_path / "model_file.pth")
    with pytest.raises(EngineFailed, match="holds more than weights"):
        coqui.load(SPEC, tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"characters": {"characters_class": "os.path.Trap"}}, "none of Coqui's"),
        ({"text_cleaner": "re"}, "none of Coqui's text cleaners"),
        ({"model": "tacotron2"}, "kind 'tacotron2'"),
        ({"model": "../vits"}, "kind '../vits'"),
    ],
)
def test_a_configuration_cannot_name_code(tmp_path: Path, values: dict[str, object], why: str) -> None:
    with pytest.raises(EngineFailed, match=re.escape(why)):
        coqui.load(SPEC, changed(write_tiny_vits(tmp_path), **values))


def test_a_configuration_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside.pth"
    outside.write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    paths = dict.fromkeys(("speaker_encoder_model_path", "speaker_encoder_config_path", "speakers_file"), str(outside))
    folder = changed(write_tiny_vits(tmp_path / "model"), audio={"sample_rate": RATE, "stats_path": str(outside)},
                     model_args=paths | {"language_ids_file": "https://a.invalid/x.json"})  # fmt: skip
    assert list(coqui.load(SPEC, folder).speak("Hello."))
    assert not (tmp_path / "ran").exists()


def test_safetensors_are_taken_before_a_pickle(tmp_path: Path) -> None:
    write_tiny_vits(tmp_path)
    expected = list(coqui.load(SPEC, tmp_path).speak("Hello."))
    save_file(torch.load(tmp_path / "model_file.pth", weights_only=True)["model"], tmp_path / "model.safetensors")
    (tmp_path / "model_file.pth").write_bytes(b"")
    assert list(coqui.load(SPEC, tmp_path).speak("Hello.")) == expected


@pytest.mark.parametrize("break_it", ["nothing", "cut", "other", "configuration"])
def test_a_broken_folder_is_told_and_not_a_traceback(tmp_path: Path, break_it: str) -> None:
    weights = write_tiny_vits(tmp_path) / "model_file.pth"
    if break_it == "nothing":
        weights.unlink()
    elif break_it == "cut":
        weights.write_bytes(weights.read_bytes()[:100_000])
    elif break_it == "other":
        torch.save({"model": {"x": torch.zeros(1)}}, weights)
    else:
        changed(tmp_path, model_args={"hidden_channels": 17})
    with pytest.raises(EngineFailed, match="install it again"):
        coqui.load(SPEC, tmp_path)


def test_a_phonemizer_that_is_not_installed_is_named(tmp_path: Path) -> None:
    folder = changed(write_tiny_vits(tmp_path), use_phonemes=True, phonemizer="gruut", phoneme_language="en-us")
    with pytest.raises(EngineFailed, match="gruut"):
        coqui.load(SPEC, folder)
