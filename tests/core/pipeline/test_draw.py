"""A wish to draw, all the way: its prompt, its picture, the file that says how it was made; a tiny real painter."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest

from core.app.app import App
from core.app.runs import Run
from core.errors import BadInput
from core.media.png_metadata import read_png_metadata, write_png_metadata
from core.pipeline.draw import repaint_request, request_of, resolve_request
from core.pipeline.prompt_enhancer import is_foreign, needs_enhancing
from core.pipeline.styles import STYLES, apply_style, find_style
from core.settings import ImageSettings, Settings, load
from core.types.events import Done, Notice, Picture, Progress, Prompt
from core.types.image_request import ImageRequest
from core.types.messages import Image, Message, Text, Turn
from core.types.provenance import Provenance
from tests.support.own_models import TINY_PAINTER, with_tiny_painter

ROOT = Path(__file__).parents[3]
SMALL = ("--chat", "smollm2-135m-instruct")
FULL = ImageRequest("a red fox, wide shot", "blurry", 64, 64, 3, 7.5, "EulerDiscreteScheduler", 7, 1)
MAKER = Provenance("paint", "some-model", "1", "ab" * 32)


def png(width: int = 64, height: int = 64) -> Image:
    out = io.BytesIO()
    PIL.Image.new("RGB", (width, height), (200, 30, 30)).save(out, "PNG")
    return Image(out.getvalue(), "image/png")


# the file


def test_a_picture_says_how_it_was_made_and_keeps_its_pixels() -> None:
    image = write_png_metadata(png(), FULL, MAKER)
    assert read_png_metadata(image.data, "p.png") == (FULL, "some-model")
    with PIL.Image.open(io.BytesIO(image.data)) as made, PIL.Image.open(io.BytesIO(png().data)) as plain:
        assert made.tobytes() == plain.tobytes()


def test_the_same_picture_is_the_same_file() -> None:
    assert write_png_metadata(png(), FULL, MAKER) == write_png_metadata(png(), FULL, MAKER)


def test_other_programs_find_the_text_they_know() -> None:
    with PIL.Image.open(io.BytesIO(write_png_metadata(png(), FULL, MAKER).data)) as made:
        assert made.info["parameters"] == (
            "a red fox, wide shot\nNegative prompt: blurry\n"
            "Steps: 3, Sampler: Euler, CFG scale: 7.5, Seed: 7, Size: 64x64, Model hash: ababababab, Model: some-model"
        )


def test_a_picture_of_another_program_is_understood() -> None:
    text = (
        "a castle,\non a hill\nNegative prompt: people\n"
        "Steps: 20, Sampler: Euler a, CFG scale: 6, Seed: 965400086, Size: 512x768, Model hash: 0123456789, Model: v1-5"
    )
    chunks = PIL.PngImagePlugin.PngInfo()
    chunks.add_text("parameters", text)
    out = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=chunks)
    request, model = read_png_metadata(out.getvalue(), "castle.png")
    assert (request.prompt, request.negative) == ("a castle,\non a hill", "people")
    assert (request.width, request.height, request.steps, request.guidance) == (512, 768, 20, 6.0)
    assert (request.scheduler, request.seed, model) == ("EulerAncestralDiscreteScheduler", 965400086, "v1-5")


def test_lines_and_commas_in_a_prompt_do_not_become_settings() -> None:
    sly = replace(FULL, prompt="a fox\nSteps: 99, Seed: 1", negative="x\nNegative prompt: y")
    image = write_png_metadata(png(), sly, MAKER)
    with PIL.Image.open(io.BytesIO(image.data)) as made:
        assert len(made.info["parameters"].splitlines()) == 3
    assert read_png_metadata(image.data, "p.png")[0] == sly


@pytest.mark.parametrize(
    "data", [b"", b"no picture", png().data, png().data[:40]], ids=["empty", "text", "mute", "cut"]
)
def test_a_file_that_does_not_say_is_told_in_words(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"p\.png"):
        read_png_metadata(data, "p.png")


def chunked(text: str) -> bytes:
    """A picture with ``text`` where Parlor writes how it was made."""
    chunks = PIL.PngImagePlugin.PngInfo()
    chunks.add_itxt("parlor", text)
    out = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=chunks)
    return out.getvalue()


def test_what_is_sound_in_a_strange_picture_is_taken_and_the_rest_left_to_the_model() -> None:
    strange = '{"model": "m", "painting": {"prompt": "x", "width": Infinity, "steps": 1e999, "seed": [1]}}'
    assert read_png_metadata(chunked(strange), "p.png") == (ImageRequest(prompt="x"), "m")


@pytest.mark.parametrize("text", ["[" * 90_000, '{"model": "m", "painting": ["prompt"]}', "{}", "null"])
def test_a_picture_made_to_confuse_is_told(text: str) -> None:
    with pytest.raises(BadInput, match=r"p\.png"):
        read_png_metadata(chunked(text), "p.png")


# the wish


def test_settings_fill_what_a_turn_leaves_open(tmp_path: Path) -> None:
    settings = Settings(tmp_path, image=ImageSettings(size=(768, 512), steps=9, guidance=3.0, negative="people"))
    assert resolve_request(settings, None, 5) == ImageRequest("", "people", 768, 512, 9, 3.0, "", 5, 1)
    assert resolve_request(settings, ImageRequest(steps=2, guidance=0.0, count=3), 5) == ImageRequest(
        "", "people", 768, 512, 2, 0.0, "", 5, 3
    )
    assert resolve_request(settings, FULL, 5) == FULL


def test_a_style_is_added_once() -> None:
    for style in STYLES:
        prompt, negative = apply_style("a fox", "people", style)
        assert prompt.startswith("a fox, ")
        assert negative.endswith("people")
        assert apply_style(prompt, negative, style) == (prompt, negative)
    with pytest.raises(BadInput, match="watercolour"):
        find_style("watercolor-ish")


def test_only_short_and_foreign_wishes_are_written_anew() -> None:
    painter = TINY_PAINTER
    assert needs_enhancing("a cat", painter)
    assert needs_enhancing("一只在雪地里奔跑的红狐狸，背景是松林，冬日的阳光", painter)
    assert not needs_enhancing("a red fox running through deep snow, pine forest behind it", painter)
    assert not is_foreign("一只猫", replace(painter, languages=("en", "zh")))


def test_provenance_tells_the_whole_request() -> None:
    told = {"prompt": FULL.prompt, "negative": FULL.negative, "width": 64, "height": 64, "steps": 3}
    told |= {"guidance": 7.5, "scheduler": FULL.scheduler, "means": "float32"}
    entry = Provenance("paint", "m", "1", "00", tuple(sorted(told.items())), 7)
    assert request_of(entry) == FULL


def test_another_painter_takes_the_prompt_but_not_the_settings() -> None:
    told = {"prompt": "a fox", "negative": "people", "width": 64, "height": 64, "steps": 4, "guidance": 0.0}
    made = Provenance("paint", "turbo", "1", "00", tuple(sorted((told | {"scheduler": "LCMScheduler"}).items())), 7)
    message = Message("assistant", (png(), png()), (made, made))
    same = repaint_request(message, replace(TINY_PAINTER, id="turbo"))
    changed = repaint_request(message, TINY_PAINTER, 4)
    assert same
    assert changed
    assert (same.steps, same.scheduler, same.count) == (4, "LCMScheduler", 2)
    assert replace(changed, seed=0) == ImageRequest("a fox", "people", count=4)


def test_imported_nonsense_is_left_to_the_model() -> None:
    made = Provenance("paint", "m", "1", "00", (("guidance", "x"), ("prompt", "a fox"), ("steps", True)), 7)
    assert request_of(made) == ImageRequest("a fox", seed=7)


# the turn


@pytest.fixture
def parlor(home: Path) -> App:
    with_tiny_painter(home)
    app = App(load())
    yield app
    app.close()


def finished(run: Run) -> list[object]:
    while not run.finished:
        run.wait(1 << 60, 1.0)
    if run.trouble:
        raise run.trouble
    return list(run.after(0)[0])


def drawn(events: list[object]) -> Image:
    return next(event.image for event in events if isinstance(event, Picture))


@pytest.mark.models
def test_a_wish_becomes_a_picture_that_is_kept_with_how_it_was_made(parlor: App) -> None:
    conversation = parlor.store.create()
    events = finished(parlor.runs.start(conversation, Turn((Text("Draw me a red fox in the snow, please."),))))
    answer = parlor.store.path(conversation)[-1]
    assert list(answer.message.images) == [drawn(events)]
    assert not answer.message.cut
    made = answer.message.made_by[0]
    assert (made.stage, made.model) == ("paint", TINY_PAINTER.id)
    prompt = next(event.request.prompt for event in events if isinstance(event, Prompt))
    assert "fox" in prompt
    assert len(prompt.split()) >= 6
    assert read_png_metadata(drawn(events).data, "p.png") == (request_of(made), TINY_PAINTER.id)
    assert any(isinstance(event, Progress) and event.preview for event in events)
    assert isinstance(events[-1], Done)


@pytest.mark.models
def test_with_the_prompt_helper_off_the_words_are_the_prompt(parlor: App) -> None:
    parlor.change({"image.enhance": False, "image.style": "ink"})
    events = finished(parlor.runs.start(parlor.store.create(), Turn((Text("画一只猫"),))))
    prompt = next(event.request.prompt for event in events if isinstance(event, Prompt))
    assert prompt.startswith("一只猫, Chinese ink wash")
    assert any(isinstance(event, Notice) and "Chinese" in event.en for event in events)


@pytest.mark.models
def test_drawn_again_it_is_another_picture_from_the_same_prompt(parlor: App) -> None:
    conversation = parlor.store.create()
    first = parlor.runs.start(conversation, Turn((Text("a cat"),), draw=True, image_request=replace(FULL, count=1)))
    one = drawn(finished(first))
    again = parlor.runs.again(first.answer)
    other = drawn(finished(again))
    assert one != other
    paintings = [read_png_metadata(image.data, "p")[0] for image in (one, other)]
    assert replace(paintings[0], seed=0) == replace(paintings[1], seed=0)
    four = parlor.runs.again(again.answer, request=replace(FULL, count=4, seed=100))
    pictures = [event.image for event in finished(four) if isinstance(event, Picture)]
    assert [read_png_metadata(image.data, "p")[0].seed for image in pictures] == [100, 101, 102, 103]
    same = parlor.runs.again(four.answer, request=replace(FULL, seed=102))
    assert drawn(finished(same)) == pictures[2]


@pytest.mark.models
def test_stopped_in_mid_picture_nothing_is_left_and_the_next_is_right(parlor: App) -> None:
    conversation = parlor.store.create()
    right = drawn(finished(parlor.runs.start(conversation, Turn((Text("x"),), True, image_request=FULL))))
    long = parlor.runs.start(conversation, Turn((Text("x"),), True, image_request=replace(FULL, steps=150)))
    while not any(isinstance(event, Progress) and event.stage == "paint" for event in long.after(0)[0]):
        long.wait(1 << 60, 0.02)
    long.stop()
    while not long.finished:
        long.wait(1 << 60, 0.1)
    stopped = parlor.store.node(long.answer)
    assert stopped
    assert stopped.message.cut
    assert not list(stopped.message.images)
    assert drawn(finished(parlor.runs.start(conversation, Turn((Text("x"),), True, image_request=FULL)))) == right


# the command line


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
