"""The doctor tells what is there, and a broken engine is one of its findings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.cli import doctor
from core.settings import Settings


@pytest.fixture
def engines(tmp_path: Path) -> Path:
    """A folder of engines: one well, one whose process dies, one that raises, and a package that is no engine."""
    folder = tmp_path / "models"
    engine = "def load(spec, folder): ...\ndef build():\n    "
    codes = {
        "well": f"print('noise')\n{engine}return {{'version': '1.0', '指令集': 'AVX2'}}\n",
        "dead": f"import os\n{engine}os.abort()\n",
        "sick": f"{engine}raise RuntimeError('no such device')\n",
        "words": "def load(): ...\n",
    }
    for name, code in codes.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "engine.py").write_text(code, "utf-8")
        handed = "build, load" if name != "words" else "load"
        (folder / name / "__init__.py").write_text(f"from models.{name}.engine import {handed}\n", "utf-8")
    return folder


def test_engines_are_found_by_themselves(engines: Path) -> None:
    assert doctor.engine_names(engines) == ["dead", "sick", "well"]


def test_a_broken_engine_is_reported_and_not_a_crash(engines: Path) -> None:
    answers = doctor.ask_engines(engines)
    assert answers["well"] == {"ok": True, "build": {"version": "1.0", "指令集": "AVX2"}}
    assert answers["sick"] == {"ok": False, "error": "RuntimeError: no such device"}
    assert not answers["dead"]["ok"]
    assert answers["dead"]["error"]


@pytest.mark.engines
def test_the_examination_is_plain_values_and_reads_in_both_languages(tmp_path: Path) -> None:
    report = doctor.examine(Settings(home=tmp_path / "not" / "yet" / "there"))
    assert json.loads(json.dumps(report)) == report
    assert report["memory"]["total"] > report["memory"]["free"] > 0
    assert report["disk"]["free"] > 0
    assert report["cpu"]["cores"] >= 1
    assert report["models"] == []
    english, chinese = doctor.render(report, "en"), doctor.render(report, "zh")
    assert "No model is installed" in english
    assert "没有安装模型" in chinese
    assert str(tmp_path) in english


@pytest.mark.engines
def test_every_engine_of_parlor_says_what_it_was_built_with() -> None:
    answers = doctor.ask_engines()
    assert set(answers) >= {"llama", "whisper", "kokoro", "ocr"}
    assert {name: answer for name, answer in answers.items() if not answer["ok"]} == {}


@pytest.mark.models
def test_installed_models_are_listed_with_their_sizes(home: Path) -> None:
    listed = {model["id"]: model["bytes"] for model in doctor.installed_models(Settings(home=home))}
    assert listed["smollm2-135m-instruct"] == 98_362_432


def report(**changes: Any) -> dict[str, Any]:
    well: dict[str, Any] = {
        "engines": {"llama": {"ok": True, "build": {}}},
        "torch": {"version": "2.13.0", "built_for": "cuda 13.0"},
        "accelerators": [{"name": "A", "memory": 8 * 10**9, "driver": "1"}],
        "build": {"torch": "cuda", "llama": "cuda"},
        "memory": {"total": 16 * 10**9, "free": 10**10},
        "disk": {"folder": "/", "free": 10**11},
        "models": [{"id": "a"}],
        "offline": False,
    }
    return well | changes


@pytest.mark.parametrize(
    ("changes", "en", "zh"),
    [
        ({}, "", ""),
        ({"accelerators": []}, "no NVIDIA driver answers", "没有可用的 NVIDIA 驱动"),
        ({"accelerators": [], "torch": {"built_for": "cpu"}}, "everything runs on the CPU", "一切都在 CPU 上运行"),
        ({"torch": {"built_for": "cpu"}}, "cannot use the GPU", "无法使用它"),
        ({"torch": {"built_for": ""}}, "torch is not installed", "没有安装 torch"),
        (
            {"engines": {"kokoro": {"ok": False, "error": "gone"}}},
            "kokoro does not work: gone",
            "kokoro 无法使用：gone",
        ),
        ({"memory": {"total": 4 * 10**9}}, "only the small models", "只能运行小模型"),
        ({"disk": {"free": 10**9}}, "1.0 GB are free", "只剩 1.0 GB"),
        ({"offline": True}, "offline switch is on", "离线开关已打开"),
    ],
)
def test_findings_say_what_is_amiss(changes: dict[str, Any], en: str, zh: str) -> None:
    found = doctor.findings(report(**changes))
    assert bool(found) == bool(en)
    assert any(en in finding["en"] and zh in finding["zh"] for finding in found) or not en
