"""``ask --draw``: pictures from the command line, the same ones again, and what it says when there can be none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest

from core.media.png_metadata import read_png_metadata, write_png_metadata
from tests.support.drawn import FULL, MAKER, png
from tests.support.own_models import TINY_PAINTER, with_tiny_painter

ROOT = Path(__file__).parents[3]
SMALL = ("--chat", "smollm2-135m-instruct")


def ask(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "core.cli", "ask", *map(str, arguments)]
    environment = os.environ | {"LANG": "C.UTF-8"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def pixels(path: Path) -> bytes:
    with PIL.Image.open(path) as picture:
        return picture.tobytes()


@pytest.mark.models
@pytest.mark.slow
def test_the_same_seed_draws_the_same_file_and_the_file_alone_draws_it_again(home: Path, tmp_path: Path) -> None:
    with_tiny_painter(home)
    one, two, three, four = (tmp_path / f"{name}.png" for name in ("one", "two", "three", "four"))
    for target in (one, two):
        done = ask("a red fox", "--draw", "--out", target, "--seed", "7", "--json", *SMALL)
        assert done.returncode == 0, done.stderr
    assert one.read_bytes() == two.read_bytes()
    assert ask("--like", one, "--out", three).returncode == 0
    assert pixels(three) == pixels(one)
    request, model = read_png_metadata(one.read_bytes(), "one.png")
    told = json.loads(done.stdout.splitlines()[-1])["made_by"]
    assert (told["model"], told["seed"]) == (model, 7) == (TINY_PAINTER.id, request.seed)
    size = f"{request.width}x{request.height}"
    by_hand = (*SMALL, "--seed", "7", "--steps", request.steps, "--guidance", request.guidance, "--size", size)
    assert ask(request.prompt, "--draw", "--out", four, "--negative", request.negative, *by_hand).returncode == 0
    assert pixels(four) == pixels(one)


@pytest.mark.models
def test_several_pictures_get_names_of_their_own(home: Path, tmp_path: Path) -> None:
    with_tiny_painter(home)
    done = ask(
        "a cat", "--draw", "--exact", "--count", "2", "--size", "128x64", "--steps", "2", "--out", tmp_path / "p.png"
    )
    assert done.returncode == 0, done.stderr
    with PIL.Image.open(tmp_path / "p.png") as first, PIL.Image.open(tmp_path / "p-2.png") as second:
        assert first.size == second.size == (128, 64)
        assert first.tobytes() != second.tobytes()
    assert sorted(path.name for path in tmp_path.glob("*.p*")) == ["p-2.png", "p.png"]


@pytest.mark.models
@pytest.mark.parametrize(
    "arguments",
    [("--size", "big"), ("--size", "12x12"), ("--steps", "0"), ("--count", "99")],
)
def test_settings_that_cannot_be_followed_are_told_in_one_line(
    home: Path, tmp_path: Path, arguments: tuple[str]
) -> None:
    with_tiny_painter(home)
    done = ask("a cat", "--draw", "--exact", "--out", tmp_path / "p.png", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 + done.stderr.startswith(">")
    assert not (tmp_path / "p.png").exists()


@pytest.mark.models
@pytest.mark.parametrize("flag", ["--painter", "--voice", "--hear", "--chat"])
def test_a_model_of_another_task_is_refused_in_one_line(home: Path, flag: str) -> None:
    wrong = "whisper-base" if flag != "--hear" else "kokoro"
    done = ask("a cat", "--draw", flag, wrong)
    assert done.returncode == 2
    assert "is a model for the task" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.models
def test_a_picture_of_a_model_that_is_not_here_names_that_model(home: Path, tmp_path: Path) -> None:
    made = replace(MAKER, model="sd-turbo")
    (tmp_path / "p.png").write_bytes(write_png_metadata(png(), FULL, made).data)
    done = ask("--like", tmp_path / "p.png", "--out", tmp_path / "q.png")
    assert done.returncode == 3
    assert "models get sd-turbo" in done.stderr
    assert not (tmp_path / "q.png").exists()


@pytest.mark.models
def test_interrupted_in_mid_picture_the_command_line_leaves_nothing(home: Path, tmp_path: Path) -> None:
    with_tiny_painter(home)
    command = [sys.executable, "-m", "core.cli", "ask", "a cat", "--draw", "--exact", "--steps", "150", "--json"]
    command += ["--out", str(tmp_path / "p.png")]
    running = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert running.stdout
    for line in running.stdout:
        if json.loads(line).get("stage") == "paint":
            running.send_signal(signal.SIGINT)
            break
    running.communicate(timeout=60)
    assert running.returncode == 130
    assert not list(tmp_path.glob("p.png*"))


@pytest.mark.models
def test_without_a_painter_the_model_to_get_is_named(home: Path, tmp_path: Path) -> None:
    done = ask("a cat", "--draw", "--painter", "sd-turbo", "--out", tmp_path / "p.png")
    assert done.returncode == 3
    assert "models get" in done.stderr
    assert "GB" in done.stderr or "MB" in done.stderr
