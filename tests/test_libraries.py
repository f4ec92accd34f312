"""The libraries and the floors that may import them, as written and as seen in memory."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.support.house import ROOT, TOPS, dotted, imports, parsed, sources

ML = {
    "torch", "torchaudio", "torchvision", "transformers", "diffusers", "accelerate", "peft", "trl", "safetensors",
    "llama_cpp", "gguf", "faster_whisper", "ctranslate2", "tokenizers", "sentencepiece", "onnxruntime", "kokoro_onnx",
    "misaki", "rapidocr", "opencc", "TTS", "bitsandbytes", "librosa",
}  # fmt: skip
FORBIDDEN = {
    "core": {"streamlit", "models", "ui", "pages", "bench", *ML},
    "models": {"streamlit", "ui", "pages", "bench"},
    "ui": {"models", "pages", "bench", *ML},
    "pages": {"models", "bench", *ML},
    "Home.py": {"models", "bench", *ML},
    "start.py": {"streamlit", "models", "pages", "bench", *ML},
    "bench": {"streamlit", "ui", "pages"},
}


def packages(tree: ast.AST) -> set[str]:
    return {name.partition(".")[0] for name in imports(tree)}


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_libraries_of_its_floor(path: Path) -> None:
    wrong = packages(parsed(path)) & FORBIDDEN.get(path.relative_to(ROOT).parts[0], set())
    assert not wrong, f"{path.relative_to(ROOT)} must not import {sorted(wrong)}"


def test_start_needs_the_standard_library_only() -> None:
    assert packages(at_import_time(parsed(ROOT / "start.py"))) <= sys.stdlib_module_names


def at_import_time(tree: ast.Module) -> ast.Module:
    """``tree`` without the bodies of its functions and without what only the type checker reads."""

    class Cut(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
            return None

        def visit_If(self, node: ast.If) -> ast.AST | None:
            return None if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING") else node

    return ast.fix_missing_locations(Cut().visit(tree))


@pytest.mark.parametrize("name", ["install", "venv", "hardware", "terminal"])
def test_what_runs_before_the_environment_exists_needs_the_standard_library_only(name: str) -> None:
    code = f"import core.host.{name}, sys; print(*sys.modules)"
    # -S: no site-packages; -I: nothing from the environment variables. Only the repository is added.
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert f"core.host.{name}" in loaded.stdout.split()


def loaded_by(*modules: str) -> set[str]:
    """The top-level packages in memory after a fresh Python imported ``modules``."""
    code = "import importlib, json, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
    code += "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code, *modules], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_all_of_core_together_loads_no_ml_library_and_no_streamlit() -> None:
    paths = (path.relative_to(ROOT) for path in (ROOT / "core").rglob("*.py") if path.stem != "__main__")
    assert not loaded_by(*map(dotted, paths)) & {*ML, "streamlit", "models", "ui", "pages"}


def test_the_command_line_comes_up_light() -> None:
    heavy = {*ML, "streamlit", "numpy", "PIL", "pandas", "huggingface_hub", "pypi_simple", "requests", "httpx"}
    assert not loaded_by("core.cli.main") & heavy


def test_every_third_party_import_is_pinned_in_the_requirements() -> None:
    text = (ROOT / "requirements.txt").read_text("utf-8")
    pinned = {_plain(name) for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\[\w+\])?==", text, re.MULTILINE)}
    distributions = metadata.packages_distributions()
    own = {*TOPS, "bench", "tests", "Home", "start"}
    used = set().union(*(packages(parsed(path)) for path in sources()))
    loose = {
        package
        for package in used - own - sys.stdlib_module_names
        if not pinned & {_plain(name) for name in distributions.get(package, [package])}
    }
    assert not loose


def test_the_constraints_repeat_every_pin_of_the_requirements() -> None:
    pattern = re.compile(r"^([A-Za-z0-9._-]+)(?:\[\w+\])?==(\S+)", re.MULTILINE)
    wanted, held = (
        {_plain(name): version for name, version in pattern.findall((ROOT / file).read_text("utf-8"))}
        for file in ("requirements.txt", "constraints.txt")
    )
    assert wanted.items() <= held.items()


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
