"""The one command: which builds it picks, what it says when something is missing, one server for each data folder."""

from __future__ import annotations

import ast
import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import BadInput, DiskFull, Offline, ParlorError
from core.host import hardware as machine
from core.host import install as setup
from core.host import terminal, venv
from core.host.hardware import Gpu, Machine, choose_build, lacking
from core.manage import starter
from core.server import launch

ROOT = Path(__file__).resolve().parent.parent
CARD = Gpu("NVIDIA RTX 4090", 24 * 10**9)
CPU_ONLY = choose_build(Machine("linux", "x86_64"))
WITH_CUDA = choose_build(Machine("linux", "x86_64", (CARD,), "/usr/local/cuda/bin/nvcc"))


# Which builds fit


@pytest.mark.parametrize(
    ("asked", "torch", "llama", "because"),
    [
        (Machine("linux", "x86_64"), "cpu", "cpu", "no NVIDIA driver"),
        (Machine("linux", "arm64"), "cpu", "cpu", "no NVIDIA driver"),
        (Machine("linux", "x86_64", nvcc="/usr/bin/nvcc"), "cpu", "cpu", "no NVIDIA driver"),
        (Machine("linux", "x86_64", (CARD,), "/usr/bin/nvcc"), "cuda", "cuda", "RTX 4090"),
        (Machine("linux", "x86_64", (CARD,)), "cuda", "cpu", "nvcc"),
        (Machine("windows", "x86_64", (CARD,), "nvcc.exe"), "cuda", "cuda", "RTX 4090"),
        (Machine("windows", "x86_64"), "cpu", "cpu", "no NVIDIA driver"),
        (Machine("darwin", "arm64"), "metal", "metal", "Apple silicon"),
        (Machine("darwin", "x86_64"), "cpu", "cpu", "not Apple silicon"),
    ],
)
def test_the_build_fits_the_machine_and_says_why(asked: Machine, torch: str, llama: str, because: str) -> None:
    build = choose_build(asked)
    assert (build.torch, build.llama) == (torch, llama)
    assert because in str(build.why)
    assert build.why.into("zh") != str(build.why)
    assert f"-DGGML_CUDA={'ON' if llama == 'cuda' else 'OFF'}" in build.cmake_args
    assert f"-DGGML_METAL={'ON' if llama == 'metal' else 'OFF'}" in build.cmake_args


def test_a_llama_build_for_another_cpu_is_recognised() -> None:
    built = "CPU : SSE3 = 1 | AVX2 = 1 | AVX512 = 1 | AVX512_VNNI = 0 | LLAMAFILE = 1 | REPACK = 1 | "
    assert lacking(built, frozenset({"pni", "avx2"})) == ("AVX512",)
    assert lacking(built, frozenset({"pni", "avx2", "avx512f"})) == ()
    assert lacking(built, frozenset()) == (), "a system that does not tell its features proves nothing"
    assert lacking(f"CUDA : ARCHS = 890 | {built}", frozenset({"pni"})) == ("AVX2", "AVX512")


@pytest.mark.parametrize("amx", [True, False])
def test_llama_is_built_without_amx(monkeypatch: pytest.MonkeyPatch, amx: bool) -> None:
    monkeypatch.setattr(machine, "cpu_features", lambda: frozenset({"avx2", "amx_int8"} if amx else {"avx2"}))
    assert ("-DCMAKE_CXX_FLAGS=-mno-amx-int8" in CPU_ONLY.cmake_args.split()) is amx
    assert ("without-amx" in setup.fingerprint(CPU_ONLY)) is amx, "an environment of before is brought up to date"


def test_the_installed_llama_fits_this_machine() -> None:
    assert setup.llama_misfit(CPU_ONLY) == ""


def test_torch_comes_from_where_its_build_is_kept() -> None:
    def ways(build: object, system: str, offline: bool = False) -> list[tuple[str, str]]:
        found = setup.torch_candidates(build, system, "2.13.0", offline)  # type: ignore[arg-type]
        return [(way[0], next((word for word in reversed(way) if "torch" in word), "")) for way in found]

    assert ways(CPU_ONLY, "linux") == [
        ("pip", "torch==2.13.0+cpu"),
        ("uv", "--torch-backend=cpu"),
        ("pip", "torch==2.13.0"),
    ]
    assert ways(WITH_CUDA, "linux") == [
        ("uv", "--torch-backend=auto"),
        ("pip", "torch===2.13.0"),
        ("pip", "torch==2.13.0"),
    ]
    assert ways(CPU_ONLY, "windows") == ways(CPU_ONLY, "darwin") == [("pip", "torch==2.13.0")]
    assert all(tool == "pip" for tool, _ in ways(CPU_ONLY, "linux", offline=True))


# The environment and its stamp


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of two empty packages in a folder of the test's own, with the stamp of a finished setup."""
    monkeypatch.setattr(venv, "SITE", tmp_path / "site")
    for name, value in {
        "SITE": "site",
        "PYTHON": "python",
        "STAMP": "stamp",
        "REQUIREMENTS": "requirements.txt",
    }.items():
        monkeypatch.setattr(setup, name, tmp_path / value)
    for name in ("torch-2.13.0+cpu", "whole-1.0"):
        (tmp_path / "site" / f"{name}.dist-info").mkdir(parents=True)
        (tmp_path / "site" / f"{name}.dist-info" / "METADATA").touch()
        (tmp_path / "site" / f"{name}.dist-info" / "RECORD").touch()
        (tmp_path / "site" / f"{name}.dist-info" / "INSTALLER").write_text("pip\n")
    (tmp_path / "requirements.txt").write_text("torch==2.13.0\n")
    (tmp_path / "python").touch()
    (tmp_path / "stamp").write_text(setup.fingerprint(CPU_ONLY), "utf-8")
    return tmp_path


def test_a_finished_setup_is_not_done_again(environment: Path) -> None:
    assert setup.ready(CPU_ONLY)


def test_setup_is_due_when_anything_it_depends_on_changed(environment: Path) -> None:
    assert not setup.ready(WITH_CUDA)
    (environment / "requirements.txt").write_text("torch==2.14.0\n")
    assert not setup.ready(CPU_ONLY)


def test_setup_is_due_when_the_environment_lost_its_python_or_its_stamp(environment: Path) -> None:
    (environment / "python").unlink()
    assert not setup.ready(CPU_ONLY)
    (environment / "python").touch()
    (environment / "stamp").write_text(setup.fingerprint(CPU_ONLY)[:20], "utf-8")
    assert not setup.ready(CPU_ONLY)


def test_what_was_cut_off_while_being_installed_is_installed_again(environment: Path) -> None:
    site = environment / "site"
    (site / "torch-2.13.0+cpu.dist-info" / "RECORD").unlink()
    assert venv.installed_version("torch") == "2.13.0"
    setup._drop_half_installed(interrupted=True)
    assert venv.installed_version("torch") == ""
    assert venv.installed_version("whole") == "1.0"


def test_what_uv_installed_counts_only_when_the_setup_was_finished(environment: Path) -> None:
    (environment / "site" / "torch-2.13.0+cpu.dist-info" / "INSTALLER").write_text("uv")
    setup._drop_half_installed(interrupted=False)
    assert venv.installed_version("torch") == "2.13.0"
    setup._drop_half_installed(interrupted=True)
    assert venv.installed_version("torch") == ""


def test_torchaudio_loses_the_extension_that_no_cpu_torch_can_load(environment: Path) -> None:
    library = environment / "site" / "torchaudio" / "lib"
    library.mkdir(parents=True)
    (library / "_torchaudio.abi3.so").touch()
    setup._lighten_torchaudio(replace(CPU_ONLY, torch="cuda"))
    assert (library / "_torchaudio.abi3.so").exists()
    setup._lighten_torchaudio(CPU_ONLY)
    assert not list(library.iterdir())


@pytest.mark.engines
def test_torchaudio_can_be_imported_beside_this_torch() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", "import torchaudio"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_full_disk_is_told_before_anything_is_installed(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(setup.DISK_NEEDED, "cpu", 10**18)
    setup.check_room(CPU_ONLY)  # what is installed already needs no room
    shutil.rmtree(environment / "site")
    with pytest.raises(DiskFull, match="Make room"):
        setup.check_room(CPU_ONLY)


@pytest.mark.parametrize(
    ("output", "kind", "says"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            DiskFull,
            "Make room",
        ),
        (
            "WARNING: Retrying: NewConnectionError('Temporary failure in name resolution')\n"
            "ERROR: Could not find a version that satisfies the requirement torch==2.13.0 (from versions: none)\n"
            "ERROR: No matching distribution found for torch==2.13.0",
            Offline,
            "cannot be reached",
        ),
        ("CMake Error at CMakeLists.txt:1\nERROR: Failed building wheel for llama-cpp-python", ParlorError, "compiler"),
        ("ERROR: No matching distribution found for numpy==9 (from versions: 1.0, 2.0)", ParlorError, "numpy==9"),
        ("", ParlorError, "no output"),
    ],
)
def test_a_failure_of_pip_becomes_one_sentence(output: str, kind: type[ParlorError], says: str) -> None:
    error = setup.explain(output)
    assert type(error) is kind
    assert says in str(error)
    assert "\n" not in str(error) + error.said("zh")


# What a person is told when it cannot start


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


# Where it listens


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_refused_when_asked_for_and_passed_over_otherwise(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match=f"Port {taken}"):
        launch.choose_port("127.0.0.1", taken)
    monkeypatch.setattr(launch, "PORT", taken)
    assert launch.choose_port("127.0.0.1", None) > taken


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(BadInput, match="address of this machine"):
        launch.choose_port("192.0.2.1", None)
    with pytest.raises(BadInput):
        launch.choose_port("127.0.0.1", 70000)


def test_the_address_is_one_that_this_machine_can_open() -> None:
    assert launch.address("0.0.0.0", 80) == launch.address("127.0.0.1", 80) == "http://localhost:80"
    assert launch.address("192.168.1.5", 80) == "http://192.168.1.5:80"
    assert launch.address("fe80::1", 80) == "http://[fe80::1]:80"


def test_a_browser_for_a_window_of_its_own_is_found_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launch.find_chromium("linux") == ""
    for name in ("chromium", "google-chrome"):
        (tmp_path / name).touch(mode=0o755)
    assert launch.find_chromium("linux") == str(tmp_path / "google-chrome")


def test_a_data_folder_has_one_server_and_others_find_it(tmp_path: Path) -> None:
    class Well(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == launch.HEALTH else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    lock = launch.claim(tmp_path)
    assert lock is not None
    code = "import sys, pathlib; from core.server import launch; print(launch.claim(pathlib.Path(sys.argv[1])))"
    second = subprocess.run(
        [sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert second.stdout == "None\n"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Well) as server:
        threading.Thread(target=server.serve_forever).start()
        url = launch.address("127.0.0.1", server.server_port)
        launch.announce(tmp_path, url)
        assert launch.find_running(tmp_path) == url
        server.shutdown()
    with pytest.raises(ParlorError, match="does not answer"):
        launch.find_running(tmp_path, seconds=0)
    lock.release()
    assert launch.claim(tmp_path) is not None


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ParlorError, match="PARLOR_HOME"):
        launch.claim(tmp_path / "file" / "home")


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
