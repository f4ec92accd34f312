"""From what a person asked for to what is painted: each setting given, of the catalogue, or of the model's kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.errors import BadInput
from core.l10n.text import L10n, l10n, listed
from core.types.image_request import OWN_GUIDANCE, ImageRequest
from core.types.provenance import Scalar
from models.diffusion.folder import Contents

STEPS = (1, 150)
SIDES = (64, 2048)  # pixels
GRID = 8  # pixels to a latent
GUIDANCE = (0.0, 50.0)
COUNT = (1, 64)
SEEDS = (0, 2**63 - 1)

# Of the schedulers that diffusers calls compatible with Stable Diffusion's kin, those that need no further library.
SCHEDULERS = (
    "DDIMScheduler",
    "DDPMScheduler",
    "PNDMScheduler",
    "LMSDiscreteScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "HeunDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "KDPM2DiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "DEISMultistepScheduler",
    "UniPCMultistepScheduler",
    "LCMScheduler",
)
DISTILLED = ("LCMScheduler",)  # a latent consistency model predicts the end in one step: no other scheduler fits


@dataclass(frozen=True, slots=True)
class Native:
    """What a model paints when nothing is asked for; ``schedulers`` are those that suit it."""

    width: int
    height: int
    steps: int
    guidance: float
    scheduler: str
    schedulers: tuple[str, ...]


def native(found: Contents, defaults: Mapping[str, Scalar]) -> Native:
    """The model's own settings, from what its folder says; ``defaults`` of the catalogue go before them.

    The size is the UNet's. A latent consistency model has LCMScheduler: 6 steps, and guidance 8 where the UNet takes it
    as an input (card of LCM_Dreamshaper_v7), else 1 (arXiv:2311.05556). A Turbo is told by Euler steps (plain or
    ancestral) with ``trailing`` spacing, which Stability's SD-Turbo and SDXL-Turbo are published with and their base
    models are not: 4 steps without guidance (arXiv:2311.17042). A model that is trained with a noise schedule down to
    zero signal also has ``trailing``, so those are excepted. Else 25 steps at 7.5 for Stable Diffusion and 30 at 5 for
    SDXL, the pipelines' own guidance. A folder that tells it wrong is put right by the catalogue's ``defaults``.
    """
    unet, vae, scheduler = found.configs["unet"], found.configs["vae"], found.configs["scheduler"]
    size = unet.get("sample_size", 64)
    tall, wide = size if isinstance(size, list) else (size, size)
    scale = 2 ** (len(vae["block_out_channels"]) - 1)
    name = str(scheduler["_class_name"])
    consistent = name in DISTILLED
    turbo = (
        name in ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler")
        and scheduler.get("timestep_spacing") == "trailing"
        and scheduler.get("prediction_type", "epsilon") == "epsilon"
        and not scheduler.get("rescale_betas_zero_snr")
    )
    if consistent:
        steps, guidance = 6, 8.0 if unet.get("time_cond_proj_dim") else 1.0
    elif turbo:
        steps, guidance = 4, 0.0
    else:
        steps, guidance = (30, 5.0) if found.pipeline == "StableDiffusionXLPipeline" else (25, 7.5)
    return Native(
        width=int(defaults.get("width", wide * scale)),
        height=int(defaults.get("height", tall * scale)),
        steps=int(defaults.get("steps", steps)),
        guidance=float(defaults.get("guidance", guidance)),
        scheduler=str(defaults.get("scheduler", name)),
        schedulers=DISTILLED if consistent else tuple(dict.fromkeys((name, *SCHEDULERS))),
    )


def resolved(wish: ImageRequest, own: Native) -> ImageRequest:
    """``wish`` with nothing left open. Raises BadInput that says what is allowed."""
    full = replace(
        wish,
        width=wish.width or own.width,
        height=wish.height or own.height,
        steps=wish.steps or own.steps,
        guidance=own.guidance if wish.guidance == OWN_GUIDANCE else float(wish.guidance),
        scheduler=wish.scheduler or own.scheduler,
    )
    _within(l10n("number of steps"), full.steps, STEPS)
    _within(l10n("guidance"), full.guidance, GUIDANCE)
    _within(l10n("number of pictures"), full.count, COUNT)
    _within(l10n("seed"), full.seed, (SEEDS[0], SEEDS[1] - full.count))
    if (full.width, full.height) != (own.width, own.height):  # its own size is right, however small
        _size(full.width, full.height)
    if full.scheduler not in own.schedulers:
        raise BadInput(
            l10n(
                "This model has no scheduler {scheduler!r}. It has: {schedulers}.",
                scheduler=full.scheduler,
                schedulers=listed(own.schedulers),
            )
        )
    return full


def _within(what: L10n, value: float, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if not low <= value <= high:  # also when it is no number at all
        raise BadInput(
            l10n(
                "The {what} cannot be {value}: it has to be from {low} to {high}.",
                what=what,
                value=value,
                low=low,
                high=high,
            )
        )


def _size(width: int, height: int) -> None:
    if all(side % GRID == 0 and SIDES[0] <= side <= SIDES[1] for side in (width, height)):
        return
    near = "x".join(str(min(max(round(side / GRID) * GRID, SIDES[0]), SIDES[1])) for side in (width, height))
    raise BadInput(
        l10n(
            "A picture cannot be {width}x{height}: each side has to be a multiple of {grid} from {least} to {most} "
            "pixels. The nearest is {near}.",
            width=width,
            height=height,
            grid=GRID,
            least=SIDES[0],
            most=SIDES[1],
            near=near,
        )
    )
