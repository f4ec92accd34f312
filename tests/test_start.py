"""The one command: which builds it picks, what it says when something is missing, one server for each data folder."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.host import terminal
from core.host.hardware import Machine, choose_build
from core.manage import starter
from core.server import launch

ROOT = Path(__file__).resolve().parent.parent
CPU_ONLY = choose_build(Machine("linux", "x86_64"))


def tell(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run start.py in ``folder`` with this Python's base interpreter, so that no environment is there yet."""
    base = getattr(sys, "_base_executable", sys.executable)
    given = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "en_GB.UTF-8", "PYTHONUTF8": "1"} | environment
    return subprocess.run([base, folder / "start.py", *arguments], env=given, capture_output=True, text=True)


@pytest.fixture
def fresh_clone(tmp_path: Path) -> Path:
    for name in ("start.py", "requirements.txt", "constraints.txt", "core"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path)
    return tmp_path


def test_an_old_python_can_read_the_file_and_is_told(tmp_path: Path) -> None:
    source = (ROOT / "start.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 6))
    code = "import runpy, sys; sys.version_info = (3, 8, 1); runpy.run_path(sys.argv[1], run_name='__main__')"
    told = subprocess.run([sys.executable, "-c", code, ROOT / "start.py"], capture_output=True, text=True)
    assert told.returncode == 1
    assert "Python 3.11 or newer, and this is 3.8" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_missing_compiler_is_one_sentence_in_either_language(fresh_clone: Path) -> None:
    english = tell("doctor", folder=fresh_clone, PATH="")
    chinese = tell("doctor", folder=fresh_clone, PATH="", LANG="zh_CN.UTF-8")
    assert english.returncode == chinese.returncode == 1
    assert "no C/C++ compiler was found" in english.stderr
    assert "没有找到 C/C++ 编译器" in chinese.stderr
    assert len(english.stderr.splitlines()) == len(chinese.stderr.splitlines()) == 1
    assert not (fresh_clone / ".venv").exists()


@pytest.mark.slow
def test_no_network_is_one_sentence_and_leaves_no_stamp(fresh_clone: Path) -> None:
    told = tell("doctor", folder=fresh_clone, PARLOR_OFFLINE="1", PIP_CONFIG_FILE=os.devnull)
    assert told.returncode == 1
    assert "package index cannot be reached" in told.stderr.splitlines()[-1]
    assert "Traceback" not in told.stderr
    assert not (fresh_clone / ".venv" / "parlor.stamp").exists()


def test_a_wrong_option_is_told_before_anything_is_installed(fresh_clone: Path) -> None:
    told = tell("--prot", "1", folder=fresh_clone)
    assert told.returncode == 2
    assert "--prot" in told.stderr
    assert not (fresh_clone / ".venv").exists()


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LC_ALL": "zh_TW", "LANG": "en_US"}, "zh"),
        ({"LC_ALL": "C", "LANG": "zh_CN"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_CN"}, "zh"),
    ],
)
def test_it_speaks_the_language_of_the_locale(locale: dict[str, str], language: str) -> None:
    assert terminal.language(locale) == language


def test_the_bar_shows_how_far_it_is() -> None:
    assert starter.bar(0.5, 4) == "[##--]  50 %"
    assert starter.bar(1.0, 4) == "[####] 100 %"
    assert starter.bar(None, 4) == "[····]"


@pytest.mark.models
@pytest.mark.slow
def test_the_app_is_served_a_second_start_finds_it_and_an_interrupt_ends_it(home: Path) -> None:
    environment = os.environ | {"PARLOR_PREPARED": str(ROOT), "PARLOR_HOME": str(home), "LANG": "en_GB.UTF-8"}
    command = [sys.executable, ROOT / "start.py", "--no-browser"]
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        url = _wait_for(home, first)
        second = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert second.returncode == 0
        assert f"already running: {url}" in second.stderr
    finally:
        first.send_signal(signal.SIGINT)
        first.wait(60)
    assert not launch.answers(url)
    assert launch.claim(home) is not None


def _wait_for(home: Path, server: subprocess.Popen[bytes]) -> str:
    while server.poll() is None:
        if (home / "server.json").exists():
            return launch.find_running(home)
        time.sleep(0.05)
    pytest.fail(f"the server ended with status {server.returncode}")
