"""Painting from words: Stable Diffusion 1 and 2 (arXiv:2112.10752), SDXL, their Turbo and LCM kin, through diffusers.

What a model is and how it likes to be asked is read from its folder (``diffusion_files``, ``diffusion_wish``), how it
is computed is chosen by what the machine has (``diffusion_means``), and the steps are turned one by one here
(``diffusion_steps``), so that closing ``paint`` ends the work at the next step. The same settings give the same bytes.
"""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import psutil

from core.catalogue.spec import ModelSpec
from core.errors import EngineFailed
from core.l10n.text import l10n
from core.types.events import Progress
from core.types.generation import ImageResult
from core.types.image_request import ImageRequest
from models.common.torch_memory import gpu_bytes, out_of_memory, release_memory
from models.diffusion.folder import contents
from models.diffusion.memory_plan import OFFLOADS, DiffusionFacts, DiffusionPlan, choose_plan, leaner, place, tile
from models.diffusion.preview import SHARE, Allowance, preview
from models.diffusion.prompt import Words, encode
from models.diffusion.settings import Native, native, resolved

if TYPE_CHECKING:
    from models.diffusion.cuda_graph import Graphed
    from models.diffusion.denoise import Denoising


def build() -> dict[str, str]:
    """What this engine computes with, for ``doctor``; loads no model."""
    import torch

    found = {name: importlib.metadata.version(name) for name in ("diffusers", "transformers", "torch")}
    return found | {"GPU": torch.cuda.get_device_name() if torch.cuda.is_available() else "no"}


def load(spec: ModelSpec, folder: Path) -> Diffusion:
    """Open the diffusers pipeline in ``folder``; weights in safetensors only, no code of the folder's own, no network.

    ``spec.defaults`` may hold ``steps``, ``guidance``, ``width``, ``height`` and ``scheduler`` of a picture that is not
    told otherwise; ``device``, ``gpu_bytes``, ``threads``; ``dtype`` (float32, float16, bfloat16) and ``bits`` (8 for
    8-bit weights in the UNet, on a GPU) where the choice is not left to the machine; and ``preview_share``, the part of
    the time that previews may take (0.02). The hub's safety checker is left out: it judges pictures that are the
    person's own, and is a model more to hold. Raises EngineFailed and NotEnoughMemory.
    """
    defaults = dict(spec.defaults)
    found = contents(folder)
    own = native(found, defaults)
    import models.common.torch_import  # noqa: F401  before whatever imports torchaudio

    # isort: split
    import torch

    from models.diffusion.pipeline import look, opened

    torch.set_num_threads(int(defaults.get("threads", 0)) or psutil.cpu_count(logical=False) or 1)
    facts = look(found, defaults)
    plan = choose_plan(facts, own.width, own.height)
    pipe = opened(spec.name, folder, found, plan)
    engine = Diffusion(spec.name, pipe, facts, plan, own, float(defaults.get("preview_share", SHARE)))
    engine.make_room(own.width, own.height)
    return engine


class Diffusion:
    """A ``core.runtime.protocols.ImageGenerator``.

    One call at a time; a call closed half-way leaves the engine ready for the next.
    """

    def __init__(
        self, name: str, pipe: Any, facts: DiffusionFacts, plan: DiffusionPlan, own: Native, share: float
    ) -> None:
        """``pipe`` lies in RAM in the precision of ``plan``; ``share`` of the time is for previews."""
        self.plan = plan
        self.own = own
        self._name = name
        self._pipe = pipe
        self._facts = facts
        self._share = share
        self._placed: DiffusionPlan | None = None
        self._graphed: Graphed | None = None

    def paint(self, painting: ImageRequest) -> Iterator[Progress | ImageResult]:
        """``painting.count`` pictures, each a Painted; before it Progress for every step, some with a preview.

        Picture ``n`` is what its own ``ImageResult.painting``, with the seed ``seed + n``, gives when it is painted
        alone. Raises BadInput for settings that the model does not have, NotEnoughMemory, EngineFailed.
        """
        full = resolved(painting, self.own)
        allowance = Allowance(perf_counter(), self._share)
        for number in range(full.count):
            one = replace(full, seed=full.seed + number, count=1)
            for item in self._painted(one, allowance):
                yield _of_several(item, number, full.count) if isinstance(item, Progress) else item

    def close(self) -> None:
        """Give the memory back; the engine is of no use afterwards."""
        self._pipe, self._graphed = None, None
        release_memory()

    def gpu_bytes(self) -> int:
        """The most memory that was held on the GPU so far, in bytes; 0 on a CPU."""
        return gpu_bytes(self._facts.device)

    def make_room(self, width: int, height: int) -> None:
        """Place the weights so that a picture of this size has room; once they gave way, they do not come back."""
        plan = choose_plan(self._facts, width, height)
        held = self._placed or self.plan
        offload = max(plan.offload, held.offload, key=OFFLOADS.index)
        self._use(replace(plan, dtype=held.dtype, bits=held.bits, offload=offload), width, height)

    def _use(self, plan: DiffusionPlan, width: int, height: int) -> None:
        """Paint by ``plan`` from now on, or by the first leaner ones whose weights find a place."""
        try:
            if self._placed is None or self._placed.offload != plan.offload:
                self._graphed = None
                release_memory()
                place(self._pipe, plan)
                self._graphed = _graphed(self._pipe, plan)
            tile(self._pipe.vae, plan.vae_tiling)
            self._placed = self.plan = plan
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            self._use(self._leaner(plan, width, height, error), width, height)

    def _leaner(self, plan: DiffusionPlan, width: int, height: int, error: RuntimeError) -> DiffusionPlan:
        from models.diffusion.pipeline import too_big

        below = leaner(self._facts, plan, width, height)
        kept = below and replace(below, dtype=plan.dtype, bits=plan.bits)
        if kept is None or kept == plan:  # the last rung of a CPU differs in its precision alone
            raise too_big(self._name) from error
        return kept

    def _painted(self, one: ImageRequest, allowance: Allowance) -> Iterator[Progress | ImageResult]:
        """One picture; where memory runs out, begun again by leaner means."""
        self.make_room(one.width, one.height)
        while True:
            try:
                yield from self._attempt(one, allowance)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                plan = self._leaner(self.plan, one.width, one.height, error)
            else:
                return
            if self._graphed:
                self._graphed.drop()
            self._use(plan, one.width, one.height)
            yield Progress("paint", 0.0, l10n("Memory ran out: once more with {plan}", plan=plan))

    def _attempt(self, one: ImageRequest, allowance: Allowance) -> Iterator[Progress | ImageResult]:
        from models.diffusion.denoise import Denoising, decode, eager, png

        yield Progress("paint", 0.0, l10n("Reading the prompt"))
        try:
            predict = self._graphed or eager(self._pipe.unet)
            denoising = Denoising(self._pipe, predict, self._words(one), one)
            yield from self._steps(denoising, one, allowance)
            image = decode(self._pipe, denoising.latents)
        finally:
            if self.plan.offload == "model":
                self._pipe.maybe_free_model_hooks()
        if not image.isfinite().all():
            raise EngineFailed(
                l10n(
                    "{name} computed invalid numbers and no picture. Try other settings; if it stays so, check its "
                    "files with `python start.py models verify`.",
                    name=self._name,
                )
            )
        recorded = self._graphed is not None and self._graphed.recorded
        yield ImageResult(png(self._pipe, image), one, f"{self.plan}{', CUDA graph' if recorded else ''}")

    def _words(self, one: ImageRequest) -> Words:
        import torch

        from models.diffusion.denoise import guided

        negative = one.negative if guided(self._pipe, one.guidance) else None
        device, dtype = torch.device(self.plan.device), getattr(torch, self.plan.dtype)
        with torch.no_grad():
            return encode(self._pipe, one.prompt, negative, device, dtype)

    def _steps(self, denoising: Denoising, one: ImageRequest, allowance: Allowance) -> Iterator[Progress]:
        """All steps, a Progress after each. The VAE's work counts as one step more."""
        for number in range(len(denoising)):
            denoising.step(number)
            shown = None
            if allowance.allows(perf_counter()):
                denoising.wait()
                began = perf_counter()
                shown = preview(self._pipe, denoising.estimate())
                allowance.spend(perf_counter() - began)
            step = math.ceil((number + 1) * one.steps / len(denoising))
            said = l10n("Step {step} of {steps}", step=step, steps=one.steps)
            yield Progress("paint", (number + 1) / (len(denoising) + 1), said, shown)


def _graphed(pipe: Any, plan: DiffusionPlan) -> Graphed | None:
    """On a GPU with the weights there for good, the UNet is recorded; elsewhere it is called as it is."""
    if plan.device != "cuda" or plan.offload != "none" or plan.bits:
        return None
    from models.diffusion.cuda_graph import Graphed

    return Graphed(pipe.unet)


def _of_several(item: Progress, number: int, count: int) -> Progress:
    """A picture's progress as part of ``count`` pictures'."""
    if count == 1:
        return item
    return replace(
        item,
        fraction=(number + (item.fraction or 0.0)) / count,
        note=l10n("Picture {number} of {count}: {note}", number=number + 1, count=count, note=item.note),
    )
