"""Installation: makes and mends Parlor's own environment. Standard library only: it runs before anything is installed.

The stamp is written last and taken away first, so an environment with a matching stamp is whole, and one whose making
was interrupted, however roughly, is gone over again by the next start.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace

from core.errors import DiskFull, Offline, ParlorError
from core.host.hardware import Build, Machine, compiler_advice, cpu_features, has_amx, has_compiler, lacking
from core.host.terminal import say
from core.host.venv import (
    CONSTRAINTS,
    LOG,
    PYTHON,
    ROOT,
    SITE,
    VENV,
    Outcome,
    alone,
    environment,
    installed_version,
    pin,
    run,
    torch_accelerator,
)
from core.l10n.text import L10n, l10n

STAMP = VENV / "parlor.stamp"
REQUIREMENTS = ROOT / "requirements.txt"

UV = "uv==0.13.9"  # knows by itself where each build of PyTorch is kept
DISK_NEEDED = {"cpu": 5 * 10**9, "metal": 4 * 10**9, "cuda": 14 * 10**9}  # bytes: the environment and pip's own copies

_NETWORK = re.compile(
    r"name resolution|Name or service not known|getaddrinfo failed|nodename nor servname|ConnectTimeout|timed out|"
    r"NewConnectionError|Network is unreachable|Connection refused|ProxyError|SSLError|dns error",
    re.IGNORECASE,
)


def fingerprint(build: Build) -> str:
    """What the stamp holds: it changes with the requirements, the Python and the builds that fit the machine."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + CONSTRAINTS.read_bytes()).hexdigest()
    llama = f"llama-{build.llama}" + " without-amx" * has_amx()
    return f"{digest} python{sys.version_info[0]}.{sys.version_info[1]} torch-{build.torch} {llama}\n"


def ready(build: Build) -> bool:
    """Whether the environment is whole and the one that ``build`` asks for. Two small reads."""
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text("utf-8") == fingerprint(build)


def prepare(machine: Machine, build: Build) -> None:
    """Make the environment, or bring it up to date. Raises ParlorError with what to do when that cannot be."""
    with alone():
        if ready(build):
            return
        check_room(build)
        if not has_compiler(machine.system) and installed_version("llama_cpp_python") != pin("llama-cpp-python"):
            raise ParlorError(
                l10n(
                    "llama.cpp is compiled for this very machine, and no C/C++ compiler was found. {advice}",
                    advice=compiler_advice(machine.system),
                )
            )
        interrupted = not STAMP.exists()
        STAMP.unlink(missing_ok=True)
        _make_venv()
        say(l10n("Installing what Parlor needs ({why}).", why=build.why))
        _drop_half_installed(interrupted)
        _install_torch(machine, build)
        _install_llama(build)
        _pip(l10n("the other requirements"), "-r", str(REQUIREMENTS))
        _lighten_torchaudio(build)
        partial = STAMP.with_suffix(".part")
        partial.write_text(fingerprint(build), "utf-8")
        partial.replace(STAMP)


def check_room(build: Build) -> None:
    """Raises DiskFull when the disk has not the bytes a first install takes."""
    free, needed = shutil.disk_usage(ROOT).free, DISK_NEEDED[build.torch]
    if free < needed and not installed_version("torch"):
        raise DiskFull(
            l10n(
                "Installing needs {needed:.0f} GB, but only {free:.1f} GB are free on the disk of {root}. "
                "Make room, then start again.",
                needed=needed / 1e9,
                free=free / 1e9,
                root=ROOT,
            )
        )


def torch_candidates(build: Build, system: str, version: str, offline: bool) -> list[list[str]]:
    """Ways to install torch, the best first: each is what follows ``pip``, or ``uv`` and what follows that.

    On Linux the package index carries only the CUDA build, with 3 GB of libraries: the CPU build is taken where pip is
    configured to find it, else from PyTorch's own index. On Windows it is the other way round.
    """
    plain = ["pip", "install", f"torch=={version}"]
    uv = ["uv", "pip", "install", "--python", str(PYTHON), "--reinstall-package", "torch", f"torch=={version}"]
    if build.torch == "cuda":
        # === takes the index's own wheel only, not a "+cpu" one that pip may be configured to prefer.
        ways = [[*uv, "--torch-backend=auto"], ["pip", "install", f"torch==={version}"], plain]
    elif system == "linux":
        ways = [["pip", "install", f"torch=={version}+cpu"], [*uv, "--torch-backend=cpu"], plain]
    else:
        ways = [plain]
    return [way for way in ways if way[0] == "pip" or not offline]


def explain(output: str) -> ParlorError:
    """pip's output as one sentence with what to do next."""
    where = f"({LOG})"
    if re.search(r"No space left|Errno 28|not enough space", output):
        return DiskFull(l10n("The disk is full. Make room and start again. {where}", where=where))
    if re.search(r"CMake Error|Failed (to build|building)|CMake build failed", output, re.IGNORECASE):
        return ParlorError(
            l10n(
                "A package could not be compiled on this machine. The end of {log} says why; a newer compiler may "
                "help.",
                log=LOG,
            )
        )
    missing = re.search(r"from versions: (\w+)", output)
    unreachable = _NETWORK.search(output) or "PIP_NO_INDEX" in environment()
    if unreachable and (missing is None or missing[1] == "none"):
        return Offline(
            l10n(
                "The package index cannot be reached. Connect to the internet (or set pip's proxy or index), then "
                "start again: it goes on where it stopped. {where}",
                where=where,
            )
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "no output")
    return ParlorError(l10n("Installing failed: {last} {where}", last=last, where=where))


def _make_venv() -> None:
    if PYTHON.exists() and SITE.exists() and run([str(PYTHON), "-m", "pip", "--version"]).ok:
        return
    say(l10n("Making the Python environment {venv}.", venv=VENV))
    base = getattr(sys, "_base_executable", sys.executable)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        made = subprocess.run([base, "-m", "venv", "--clear", str(VENV)], stdout=output, stderr=subprocess.STDOUT)
        output.seek(0)
        said = output.read()
    if made.returncode == 0:
        return
    if "ensurepip" in said:
        raise ParlorError(
            l10n(
                "This Python cannot make environments. On Debian: sudo apt-get install python3-venv — then start again."
            )
        )
    raise explain(said)


def _drop_half_installed(interrupted: bool) -> None:
    """Let pip see as missing what was cut off while being installed: pip writes RECORD last, uv does not."""
    for metadata in SITE.glob("*.dist-info"):
        installer = metadata / "INSTALLER"
        by_uv = interrupted and installer.exists() and installer.read_text("utf-8").strip() == "uv"
        if by_uv or not (metadata / "RECORD").exists():
            shutil.rmtree(metadata)


def _install_torch(machine: Machine, build: Build) -> None:
    version = pin("torch")
    fits = build.torch != "cuda" or torch_accelerator().startswith("cuda")
    if installed_version("torch") == version and fits:
        return
    if not fits:
        run([str(PYTHON), "-m", "pip", "uninstall", "-y", "torch"])
    offline = bool(environment().get("PIP_NO_INDEX"))
    say(L10n("  PyTorch"))
    outcome = Outcome(True, "")
    for way in torch_candidates(build, machine.system, version, offline):
        if way[-1] == f"torch=={version}" and build.torch == "cpu" and machine.system == "linux":
            say(l10n("No CPU build of PyTorch is within reach: taking the CUDA build, 3 GB more to download."))
        if way[0] == "uv" and not run([str(PYTHON), "-m", "pip", "install", UV], "uv").ok:
            continue
        outcome = run([str(PYTHON), "-m", *way, "-c", str(CONSTRAINTS)], "PyTorch")
        if outcome.ok:
            return
        if way[0] == "pip" and isinstance(explain(outcome.output), Offline):
            break
    raise explain(outcome.output)


def _install_llama(build: Build) -> None:
    """Compile llama-cpp-python, or take what pip compiled before where it fits this CPU and GPU."""
    requirement = f"llama-cpp-python=={pin('llama-cpp-python')}"
    try:
        _pip(l10n("llama.cpp (compiled here: some minutes)"), requirement, build=build)
        if not llama_misfit(build):
            return
        fresh = ("--no-cache-dir", "--force-reinstall", "--no-deps", "--no-binary", "llama-cpp-python", requirement)
        _pip(l10n("llama.cpp, compiled anew for this machine"), *fresh, build=build)
        if misfit := llama_misfit(build):
            raise ParlorError(l10n("llama.cpp does not run here: {misfit}. See {log}.", misfit=misfit, log=LOG))
    except ParlorError as error:
        if build.llama == "cpu" or isinstance(error, DiskFull | Offline):
            raise
        say(
            l10n(
                "The {llama} build of llama.cpp failed, so it runs on the CPU. {error}",
                llama=build.llama,
                error=error.text,
            )
        )
        _install_llama(replace(build, llama="cpu"))


def _lighten_torchaudio(build: Build) -> None:
    """Take the compiled extension out of a CUDA torchaudio beside a torch for the CPU.

    The index's Linux wheel is a CUDA build only. With its extension ``import torchaudio`` raises OSError there, and so
    do transformers and diffusers, which import it because it is installed; without, the rest of it is plain Python.
    """
    if build.torch == "cpu":
        for extension in (SITE / "torchaudio" / "lib").glob("*.so"):
            extension.unlink()


def llama_misfit(build: Build) -> str:
    """Why the installed llama-cpp-python is not the one for this machine; empty when it is. Asked in a child."""
    code = "import llama_cpp as l; print(l.llama_supports_gpu_offload(), l.llama_print_system_info().decode())"
    asked = run([str(PYTHON), "-c", code])
    offload, _, info = asked.output.strip().rpartition("\n")[2].partition(" ")
    if not asked.ok:
        return "it cannot be imported"
    if missing := lacking(info, cpu_features()):
        return f"it was compiled for a CPU with {', '.join(missing)}"
    if "AMX_INT8 = 1" in info:
        return "it was compiled with AMX"
    return "it was compiled without the GPU" if build.llama != "cpu" and offload != "True" else ""


def _pip(what: L10n, *arguments: str, build: Build | None = None) -> None:
    """``pip install`` under the constraints, with one line of progress. Raises what ``explain`` makes of a failure."""
    say(l10n("  {what}", what=what))
    extra = {"CMAKE_ARGS": f"{build.cmake_args} {os.environ.get('CMAKE_ARGS', '')}".strip()} if build else {}
    outcome = run([str(PYTHON), "-m", "pip", "install", "-c", str(CONSTRAINTS), *arguments], str(what), extra)
    if not outcome.ok:
        raise explain(outcome.output)
