"""PNG metadata: how a picture was made, in two text chunks from which the same picture can be made again.

``parameters`` is the text that AUTOMATIC1111's web UI writes and many programs read
(https://github.com/AUTOMATIC1111/stable-diffusion-webui, ``modules/infotext_utils.py``); ``parlor`` is JSON with
everything. Neither holds a time, so the same picture is the same file.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import asdict

import PIL.Image
from PIL.PngImagePlugin import PngInfo

from core.errors import BadInput
from core.l10n.text import l10n
from core.types.image_request import ImageRequest, from_values
from core.types.messages import Image
from core.types.provenance import Provenance

FORMAT = 1
_MOST = 100_000  # characters of a text chunk that are looked at
_SAMPLERS = {  # A1111's names for what diffusers calls by class
    "DDIMScheduler": "DDIM", "PNDMScheduler": "PLMS", "LMSDiscreteScheduler": "LMS", "EulerDiscreteScheduler": "Euler",
    "EulerAncestralDiscreteScheduler": "Euler a", "HeunDiscreteScheduler": "Heun", "LCMScheduler": "LCM",
    "DPMSolverMultistepScheduler": "DPM++ 2M", "DPMSolverSinglestepScheduler": "DPM++ SDE",
    "UniPCMultistepScheduler": "UniPC",
}  # fmt: skip
_SCHEDULERS = {name: scheduler for scheduler, name in _SAMPLERS.items()}


def write_png_metadata(image: Image, request: ImageRequest, made_by: Provenance) -> Image:
    """The PNG ``image`` with how it was made in its text chunks; its pixels stay."""
    chunks = PngInfo()
    chunks.add_itxt("parameters", parameters(request, made_by))
    made = {"model": made_by.model, "revision": made_by.revision, "sha256": made_by.sha256}
    chunks.add_itxt("parlor", json.dumps({"format": FORMAT, **made, "painting": asdict(request)}, ensure_ascii=False))
    out = io.BytesIO()
    with PIL.Image.open(io.BytesIO(image.data)) as picture:
        picture.save(out, "PNG", pnginfo=chunks)
    return Image(out.getvalue(), "image/png")


def parameters(request: ImageRequest, made_by: Provenance) -> str:
    """``request`` in A1111's words. Line ends in prompts become spaces, since lines have a meaning there."""
    lines = [_line(request.prompt)]
    if request.negative:
        lines.append(f"Negative prompt: {_line(request.negative)}")
    sampler = _SAMPLERS.get(request.scheduler, request.scheduler)
    settings = [f"Steps: {request.steps}", f"Sampler: {sampler}", f"CFG scale: {request.guidance:g}"]
    settings += [f"Seed: {request.seed}", f"Size: {request.width}x{request.height}"]
    settings += [f"Model hash: {made_by.sha256[:10]}", f"Model: {made_by.model}"]
    return "\n".join([*lines, ", ".join(settings)])


def read_png_metadata(data: bytes, name: str) -> tuple[ImageRequest, str]:
    """How the picture file ``data`` was made, and by which model (its id, empty when unknown).

    Raises BadInput when the file is no picture or does not say.
    """
    try:
        with PIL.Image.open(io.BytesIO(data)) as picture:
            texts = {key: value[:_MOST] for key, value in picture.info.items() if isinstance(value, str)}
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        raise BadInput(l10n("{name} is not a picture that can be read.", name=name)) from error
    found = _from_json(texts.get("parlor", "")) or _from_parameters(texts.get("parameters", ""))
    if found is None:
        raise BadInput(
            l10n(
                "{name} does not say how it was made: it has no `parlor` or `parameters` text chunk. Pictures lose it "
                "when they are sent through messengers or edited. Give the prompt and settings yourself.",
                name=name,
            )
        )
    return found


def _from_json(text: str) -> tuple[ImageRequest, str] | None:
    try:
        made = json.loads(text)
        request = from_values(made["painting"])
        return (request, str(made["model"])) if request.prompt else None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def _from_parameters(text: str) -> tuple[ImageRequest, str] | None:
    body, _, last = text.rstrip().rpartition("\n")
    settings = dict(re.findall(r"(?:^|, )([A-Z][A-Za-z ]*): ([^,]*)", last))
    size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", settings.get("Size", ""))
    try:
        prompt, _, negative = body.partition("\nNegative prompt: ")
        request = ImageRequest(
            prompt=prompt.strip(),
            negative=negative.strip(),
            width=int(size[1]) if size else 0,
            height=int(size[2]) if size else 0,
            steps=int(settings["Steps"]),
            guidance=float(settings["CFG scale"]),
            scheduler=_scheduler(settings.get("Sampler", "")),
            seed=int(settings["Seed"]),
        )
    except (LookupError, ValueError):
        return None
    return request, settings.get("Model", "")


def _scheduler(sampler: str) -> str:
    return _SCHEDULERS.get(sampler, sampler if sampler.endswith("Scheduler") else "")


def _line(text: str) -> str:
    return " ".join(text.split())
