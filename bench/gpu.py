"""What a GPU makes of it: ``python start.py bench gpu [--json]``, some five minutes on a large one.

Models of the real shapes with random weights, each opened in turn and alone, its work done twice: ``first`` is the
first time, with whatever is prepared on the way, and the rest is of the second. Everybody has the same weights, steps
and sizes.

- ``paint``: Stable Diffusion 1.5, two pictures of 768x512 in 75 steps at guidance 8.
  ``seed``: float16 with attention slicing, both pictures in one batch, as in the document that this app began with;
  ``defaults``: diffusers as it comes, in float32; ``half``: the same in float16; ``ours``:
  ``models/diffusion/engine.py``, one picture after the other, so that each can be made again alone.
- ``see``: LLaVA 1.5 7B, a picture and a question, 200 new tokens at temperature 0.3 and top-p 0.9.
  ``seed``: 8-bit weights (bitsandbytes); ``defaults``: transformers as it comes, in the precision of the files;
  ``ours``: ``models/llava/engine.py``.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import PIL.Image

import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

# isort: split
import torch

from bench.support.shapes import diffusers, transformers, write_llava, write_stable_diffusion
from core.catalogue.spec import ModelSpec, Task
from core.types.generation import ImageResult, Sampling, Usage
from core.types.image_request import ImageRequest
from core.types.messages import Image, Message, Text
from models.diffusion import engine as diffusion
from models.llava import engine as llava

Figures = dict[str, float]
Work = Callable[[], int]  # does it once; how many pictures or tokens that were

PROMPT = "a lighthouse on a cliff above a stormy sea at dusk, oil painting, dramatic light"
QUESTION = "Describe this picture in every detail."


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done: the bench's own, or next to nothing on whatever computes here."""

    device: str
    tiny: bool
    width: int
    height: int
    steps: int
    tokens: int


FULL = Size("cuda", False, 768, 512, 75, 200)
TINY = Size("cpu", True, 64, 64, 2, 4)


def measure(name: str, opened: Callable[[], tuple[Work, Callable[[], None]]]) -> Figures:
    """Open, work twice, close: seconds to open, of the first and of the second time, its count, and the GPU's peak."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    began = perf_counter()
    work, close = opened()
    loaded = perf_counter()
    work()
    first = perf_counter()
    count = work()
    done = perf_counter()
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    close()
    return {
        "load_seconds": loaded - began,
        "first_seconds": first - loaded,
        "seconds": done - first,
        "count": count,
        "peak_gb": peak / 1e9,
    }


def spec(task: Task, engine: str, size: Size) -> ModelSpec:
    defaults = (("device", size.device),)
    return ModelSpec("bench", "Random weights", task, engine, "", (), 0, "", (), defaults=defaults)


def nothing() -> None:
    """What closing takes where the work is all that holds the model."""


def pipeline(folder: Path, size: Size, half: bool, sliced: bool) -> Work:
    """Two pictures in one batch from diffusers' own pipeline."""
    dtype = torch.float16 if half else torch.float32
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(folder, dtype=dtype).to(size.device)
    pipe.set_progress_bar_config(disable=True)
    if sliced:
        pipe.enable_attention_slicing()

    def work() -> int:
        wish = {"width": size.width, "height": size.height, "num_inference_steps": size.steps, "guidance_scale": 8.0}
        return len(pipe(PROMPT, num_images_per_prompt=2, generator=torch.Generator().manual_seed(0), **wish).images)

    return work


def engine_paints(folder: Path, size: Size) -> tuple[Work, Callable[[], None]]:
    painter = diffusion.load(spec("paint", "diffusion", size), folder)
    wish = ImageRequest(PROMPT, "", size.width, size.height, size.steps, 8.0, count=2)

    def work() -> int:
        return sum(isinstance(item, ImageResult) for item in painter.paint(wish))

    return work, painter.close


def paint(folder: Path, size: Size) -> dict[str, Figures]:
    write_stable_diffusion(folder, size.device, size.tiny)
    half = size.device == "cuda"
    figures = {
        "seed": measure("paint, seed", lambda: (pipeline(folder, size, half, sliced=True), nothing)),
        "defaults": measure("paint, defaults", lambda: (pipeline(folder, size, False, sliced=False), nothing)),
        "half": measure("paint, half", lambda: (pipeline(folder, size, half, sliced=False), nothing)),
        "ours": measure("paint, ours", lambda: engine_paints(folder, size)),
    }
    for each in figures.values():
        each["steps_per_second"] = each["count"] * size.steps / each["seconds"]
        each["seconds_per_picture"] = each["seconds"] / each["count"]
        each["pictures_per_minute"] = 60 * each["count"] / each["seconds"]
    return figures


def picture() -> Image:
    """A picture file with something in it."""
    file = io.BytesIO()
    PIL.Image.linear_gradient("L").convert("RGB").save(file, "PNG")
    return Image(file.getvalue(), "image/png")


def generation(folder: Path, size: Size, eight_bits: bool) -> Work:
    """200 tokens from transformers' own ``generate``."""
    bits = transformers.BitsAndBytesConfig(load_in_8bit=True) if eight_bits else None
    processor = transformers.AutoProcessor.from_pretrained(folder)
    model = transformers.AutoModelForImageTextToText.from_pretrained(
        folder, quantization_config=bits, device_map=size.device
    )
    shown = PIL.Image.open(io.BytesIO(picture().data))
    asked = f"USER: <image>\n{QUESTION} ASSISTANT:"

    def work() -> int:
        given = processor(images=shown, text=asked, return_tensors="pt").to(size.device, model.dtype)
        lengths = {"max_new_tokens": size.tokens, "min_new_tokens": size.tokens}
        torch.manual_seed(0)
        said = model.generate(**given, **lengths, do_sample=True, temperature=0.3, top_p=0.9)
        return int(said.shape[1] - given["input_ids"].shape[1])

    return work


def engine_sees(folder: Path, size: Size) -> tuple[Work, Callable[[], None]]:
    engine = llava.load(spec("see", "llava", size), folder)
    asked = (Message("user", (picture(), Text(QUESTION))),)
    sampling = Sampling(temperature=0.3, top_p=0.9, min_p=0.0, max_tokens=size.tokens)

    def work() -> int:
        return sum(item.answer_tokens for item in engine.reply(asked, sampling) if isinstance(item, Usage))

    return work, engine.close


def see(folder: Path, size: Size) -> dict[str, Figures]:
    write_llava(folder, size.device, size.tiny)
    eight_bits = size.device == "cuda"
    figures = {
        "seed": measure("see, seed", lambda: (generation(folder, size, eight_bits), nothing)),
        "defaults": measure("see, defaults", lambda: (generation(folder, size, False), nothing)),
        "ours": measure("see, ours", lambda: engine_sees(folder, size)),
    }
    for each in figures.values():
        each["tokens_per_second"] = each["count"] / each["seconds"]
    return figures


def claims(figures: dict[str, dict[str, Figures]]) -> dict[str, bool]:
    """What the project promises, and whether this run kept it."""
    paint = figures["paint"]
    faster = paint["ours"]["pictures_per_minute"] / paint["seed"]["pictures_per_minute"]
    return {"at least twice the seed's pictures a minute at the same steps": faster >= 2.0}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench gpu", description="What a GPU makes of it.")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if not options.tiny and not torch.cuda.is_available():
        print("There is no GPU here that PyTorch can use, so there is nothing to measure.")
        return 0
    size = TINY if options.tiny else FULL
    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as top:
        figures = {"paint": paint(Path(top, "paint"), size), "see": see(Path(top, "see"), size)}
    kept = claims(figures)
    gpu = torch.cuda.get_device_name() if size.device == "cuda" else "none"
    if options.json:
        print(json.dumps({"gpu": gpu, "torch": torch.__version__, "claims": kept, "figures": figures}, indent=1))
        return 0
    print(f"{gpu}, torch {torch.__version__}")
    for part, lanes in figures.items():
        print(part)
        for lane, values in lanes.items():
            print(f"  {lane:9}" + "  ".join(f"{name} {value:.2f}" for name, value in values.items()))
    for claim, held in kept.items():
        print(f"{'kept  ' if held else 'MISSED'} {claim}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
