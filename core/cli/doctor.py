"""What this machine is, what can compute on it, and whether every engine comes up: ``start.py doctor``.

The doctor loads nothing itself: each engine is asked in a child process, so one that crashes is a finding like another.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from core.catalogue import spec as catalogue
from core.catalogue.load import load
from core.host import hardware as machine
from core.host.venv import ROOT, installed_version, torch_accelerator
from core.l10n.text import L10n, l10n
from core.settings import Settings
from core.text.sizes import size_text

ENGINE_SECONDS = 120  # for an engine's libraries to be imported from a cold disk

_ASK = """
import importlib, json, sys
print("\\n" + json.dumps(importlib.import_module("models." + sys.argv[1]).build()))
"""


def examine(settings: Settings) -> dict[str, Any]:
    """Everything worth knowing when something is slow or broken, as plain values; sizes in bytes.

    ``findings`` is a list of sentences by language, ``{"en": ..., "zh": ...}``.
    """
    this = machine.this_machine()
    build = machine.choose_build(this)
    memory = psutil.virtual_memory()
    report: dict[str, Any] = {
        "system": {"name": platform.platform(), "arch": this.arch, "python": platform.python_version()},
        "cpu": {
            "name": machine.cpu_name(),
            "features": [name for name, flag in machine.GGML_FEATURES.items() if flag in machine.cpu_features()],
            "cores": psutil.cpu_count(logical=False) or os.cpu_count() or 1,
            "threads": os.cpu_count() or 1,
        },
        "memory": {"total": memory.total, "free": memory.available},
        "disk": {"folder": str(settings.home), "free": free_disk(settings.home)},
        "accelerators": [{"name": gpu.name, "memory": gpu.memory, "driver": driver()} for gpu in this.gpus]
        or (
            [{"name": machine.cpu_name(), "memory": memory.total, "driver": "Metal"}] if build.torch == "metal" else []
        ),
        "build": {"torch": build.torch, "llama": build.llama, "why": str(build.why)}
        | {f"why_{code}": text for code, text in build.why.by_language().items() if code != "en"},
        "torch": {"version": installed_version("torch"), "built_for": torch_accelerator()},
        "engines": ask_engines(),
        "models": installed_models(settings),
        "offline": settings.offline,
    }
    return report | {"findings": findings(report)}


def ask_engines(folder: Path = ROOT / "models") -> dict[str, dict[str, Any]]:
    """Engine -> ``{"ok": True, "build": {...}}`` as it says itself, or ``{"ok": False, "error": reason}``."""
    environment = os.environ | {"PYTHONPATH": str(folder.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    children = {
        name: subprocess.Popen(
            [sys.executable, "-c", _ASK, name], cwd=folder.parent, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        )
        for name in engine_names(folder)
    }  # fmt: skip
    return {name: _answer(child) for name, child in children.items()}


def engine_names(folder: Path) -> list[str]:
    """The packages whose ``__init__`` hands on a ``load`` and a ``build``: read, not imported."""
    names = []
    for path in sorted(folder.glob("*/__init__.py")):
        imports = (node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ImportFrom))
        if {"load", "build"} <= {alias.name for node in imports for alias in node.names}:
            names.append(path.parent.name)
    return names


def _answer(child: subprocess.Popen[str]) -> dict[str, Any]:
    try:
        output, trouble = child.communicate(timeout=ENGINE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return {"ok": False, "error": f"no answer within {ENGINE_SECONDS} s"}
    try:
        if child.returncode == 0:
            return {"ok": True, "build": json.loads(output.strip().rpartition("\n")[2])}
    except json.JSONDecodeError:
        trouble = output
    last = trouble.strip().rpartition("\n")[2]
    return {"ok": False, "error": last or f"its process ended with status {child.returncode}"}


def installed_models(settings: Settings) -> list[dict[str, Any]]:
    """Every known model of which all files are in place, with its size on disk."""
    known = load(settings.home / "catalogue.toml").models
    here = [spec for spec in known if catalogue.installed(spec, settings.models)]
    return [{"id": spec.id, "name": spec.name, "task": spec.task, "bytes": spec.bytes} for spec in here]


def free_disk(folder: Path) -> int:
    """Free bytes on the disk where ``folder`` is, or will be."""
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(existing).free


def driver() -> str:
    """The NVIDIA driver's version; empty when nvidia-smi does not tell."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip().partition("\n")[0]


def findings(report: dict[str, Any]) -> list[dict[str, str]]:
    """What a person should know of the report, the gravest first."""
    found = [
        l10n("The engine {name} does not work: {error}", name=name, error=engine["error"])
        for name, engine in report["engines"].items()
        if not engine["ok"]
    ]
    built_for, gpus = report["torch"]["built_for"], report["accelerators"]
    if not built_for:
        found.append(l10n("torch is not installed."))
    if built_for.startswith("cuda") and not gpus:
        found.append(l10n("torch was built for CUDA, but no NVIDIA driver answers: it runs on the CPU."))
    if report["build"]["torch"] == "cuda" and built_for == "cpu":
        found.append(l10n("There is an NVIDIA GPU, but torch was built for the CPU: it cannot use the GPU."))
    if not gpus:
        found.append(l10n("No GPU was found: everything runs on the CPU."))
    if report["memory"]["total"] < 6e9:
        total = size_text(report["memory"]["total"])
        found.append(l10n("This machine has {total} of memory: only the small models will fit.", total=total))
    if report["disk"]["free"] < 2e9:
        free = size_text(report["disk"]["free"])
        found.append(l10n("Only {free} are free in the data folder.", free=free))
    if not report["models"]:
        found.append(l10n("No model is installed. Get the starter set with: python start.py models get"))
    if report["offline"]:
        found.append(l10n("The offline switch is on: nothing is downloaded."))
    return [text.by_language() for text in found]


def render(report: dict[str, Any], language: str) -> str:
    """The report as lines for a terminal."""
    cpu, memory, disk, torch = report["cpu"], report["memory"], report["disk"], report["torch"]
    none = l10n("none").into(language)
    rows = [
        (l10n("System"), f"{report['system']['name']}, Python {report['system']['python']}"),
        (l10n("CPU"), f"{cpu['name']}, {cpu['cores']} / {cpu['threads']}; {' '.join(cpu['features'])}"),
        (l10n("Memory"), f"{size_text(memory['free'])} / {size_text(memory['total'])}"),
        (l10n("Data folder"), f"{disk['folder']} ({size_text(disk['free'])})"),
        (l10n("Accelerators"), ", ".join(_accelerator(each) for each in report["accelerators"]) or none),
        (l10n("Builds"), report["build"].get(f"why_{language}", report["build"]["why"])),
        (L10n("torch"), f"{torch['version']} ({torch['built_for']})" if torch["version"] else none),
        *((l10n("Engine {name}", name=name), _engine(each)) for name, each in report["engines"].items()),
        *((l10n("Model {id}", id=each["id"]), size_text(each["bytes"])) for each in report["models"]),
    ]
    lines = [f"{name.into(language)}: {value}" for name, value in rows]
    return "\n".join([*lines, "", *(finding[language] for finding in report["findings"])]).rstrip()


def _accelerator(each: dict[str, Any]) -> str:
    return f"{each['name']} ({size_text(each['memory'])}, {each['driver'] or '?'})"


def _engine(engine: dict[str, Any]) -> str:
    return (
        ", ".join(f"{key} {value}" for key, value in engine["build"].items())
        if engine["ok"]
        else f"✗ {engine['error']}"
    )
