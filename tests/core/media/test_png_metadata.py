"""A picture's file says how it was made, to us and to other programs."""

from __future__ import annotations

import io
from dataclasses import replace

import PIL.Image
import pytest

from core.errors import BadInput
from core.media.png_metadata import read_png_metadata, write_png_metadata
from core.types.image_request import ImageRequest
from tests.support.drawn import FULL, MAKER, png


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
