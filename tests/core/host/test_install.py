"""Setting the environment up: which builds fit the machine, when it is due, and how it fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import DiskFull, Offline, ParlorError
from core.host import hardware as machine
from core.host import install as setup
from core.host import venv
from core.host.hardware import Gpu, Machine, choose_build, lacking

CARD = Gpu("NVIDIA RTX 4090", 24 * 10**9)
CPU_ONLY = choose_build(Machine("linux", "x86_64"))
WITH_CUDA = choose_build(Machine("linux", "x86_64", (CARD,), "/usr/local/cuda/bin/nvcc"))


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
