"""One picture from noise: the denoising steps of Stable Diffusion's kin, one call each, and the VAE at their end.

The same computation as in the diffusers pipelines (``tests/models/diffusion/test_engine.py`` compares them bit for
bit), but a loop that its caller turns, so that a picture can be looked at, stopped or dropped between any two steps.
Noise, latents and the scheduler's arithmetic are in float32 and the noise comes from the CPU: a seed gives the same
beginning everywhere.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from typing import Any

import diffusers
import PIL.Image
import torch
from torch import Tensor

from core.errors import BadInput
from core.l10n.text import l10n
from core.types.image_request import ImageRequest
from core.types.messages import Image
from models.diffusion.prompt import Words

Predict = Callable[..., Tensor]  # (sample, timestep, embeds, conditions) -> the UNet's output, of the sample's shape


class Denoising:
    """A picture under way. ``latents``: (1, channels, height / 8, width / 8), float32, on the computing device."""

    def __init__(self, pipe: Any, predict: Predict, words: Words, painting: ImageRequest) -> None:
        self._pipe = pipe
        self._predict = predict
        self._words = words
        self._guidance = painting.guidance
        self._guided = guided(pipe, painting.guidance)
        self._scheduler = scheduler(pipe, painting.scheduler)
        _time(self._scheduler, painting)
        self._timesteps = self._scheduler.timesteps
        generator = torch.Generator("cpu").manual_seed(painting.seed)
        channels = pipe.unet.config.in_channels
        shape = (1, channels, painting.height // scale(pipe), painting.width // scale(pipe))
        noise = torch.randn(shape, generator=generator) * self._scheduler.init_noise_sigma
        self.latents: Tensor = noise.to(words.embeds.device)
        taken = inspect.signature(self._scheduler.step).parameters
        self._random = {"generator": generator} if "generator" in taken else {}
        self._conditions = _conditions(pipe, words, painting, self._guided)
        self._last: tuple[Tensor, Tensor, Tensor] | None = None
        self._done: torch.Event | None = None

    def __len__(self) -> int:
        """Calls of ``step`` to the end: the steps asked for, or nearly twice as many with a scheduler of order 2."""
        return len(self._timesteps)

    @torch.no_grad()
    def step(self, number: int) -> None:
        """Take step ``number``, counted from 0; every step once, in order.

        A GPU works on its own: it may still be at this step when the call comes back, but no longer at the one before,
        so that it never waits for Python, nor a person for more than two steps.
        """
        before = self._done
        time = self._timesteps[number]
        sample = self._scheduler.scale_model_input(self.latents, time)
        batch = torch.cat([sample, sample]) if self._guided else sample
        dtype = self._words.embeds.dtype
        output = self._predict(batch.to(dtype), time, self._words.embeds, self._conditions).float()
        if self._guided:
            negative, positive = output.chunk(2)
            output = negative + self._guidance * (positive - negative)
        self._last = (sample, time, output)
        self.latents = self._scheduler.step(output, time, self.latents, **self._random, return_dict=False)[0]
        if self.latents.is_cuda:
            self._done = torch.Event("cuda")
            self._done.record()
        if before:
            before.synchronize()

    def wait(self) -> None:
        """Until the last step is computed."""
        if self._done:
            self._done.synchronize()

    @torch.no_grad()
    def estimate(self) -> Tensor:
        """The latents of the picture as the last step saw it, without the noise that is still in ``latents``.

        Solves ``sample = sqrt(a) x + sqrt(1 - a) noise`` for x, with a the product of alphas at the step's time (eq. 4
        of DDPM, arXiv:2006.11239); a model of velocities gives x directly (arXiv:2202.00512).
        """
        if self._last is None:
            return self.latents
        sample, time, output = self._last
        alphas = self._scheduler.alphas_cumprod
        kept = float(alphas[min(int(time), len(alphas) - 1)])
        signal, noise = kept**0.5, (1 - kept) ** 0.5
        kind = self._scheduler.config.get("prediction_type", "epsilon")
        clean: Tensor = (sample - noise * output) / max(signal, 1e-3)
        if kind == "v_prediction":
            clean = signal * sample - noise * output
        return output if kind == "sample" else clean


def guided(pipe: Any, guidance: float) -> bool:
    """Whether the UNet is asked twice, with and without the words; not by models that take guidance as an input."""
    return guidance > 1 and pipe.unet.config.time_cond_proj_dim is None


def scale(pipe: Any) -> int:
    """Pixels to a latent."""
    return int(2 ** (len(pipe.vae.config.block_out_channels) - 1))


def scheduler(pipe: Any, name: str) -> Any:
    """A fresh scheduler of class ``name`` with the noise schedule that the model was trained with."""
    return getattr(diffusers, name).from_config(pipe.scheduler.config)


def _time(scheduler: Any, painting: ImageRequest) -> None:
    """Choose the timesteps. Raises BadInput when the scheduler has no way to take so many steps, or so few."""
    try:
        scheduler.set_timesteps(painting.steps, device="cpu")  # on a GPU, every step would wait for its number
    except ValueError as error:
        raise BadInput(
            l10n(
                "This model's scheduler {scheduler} cannot work in {steps} steps. "
                "Choose another number of steps (4 to 50 suits most), or another scheduler.",
                scheduler=painting.scheduler,
                steps=painting.steps,
            )
        ) from error


def _conditions(pipe: Any, words: Words, painting: ImageRequest, guided: bool) -> dict[str, Tensor]:
    """What the UNet takes beside the words: SDXL's sizes (arXiv:2307.01952, 2.2), an LCM's guidance, or both."""
    device, dtype = words.embeds.device, words.embeds.dtype
    conditions: dict[str, Tensor] = {}
    if pipe.unet.config.time_cond_proj_dim is not None:
        weight = torch.tensor([painting.guidance - 1])
        embedding = pipe.get_guidance_scale_embedding(weight, embedding_dim=pipe.unet.config.time_cond_proj_dim)
        conditions["timestep_cond"] = embedding.to(device, dtype)
    if words.pooled is not None:
        size = (painting.height, painting.width)
        sizes = torch.tensor([[*size, 0, 0, *size]] * (2 if guided else 1), dtype=dtype, device=device)
        conditions |= {"text_embeds": words.pooled, "time_ids": sizes}
    return conditions


def eager(unet: Any) -> Predict:
    """The UNet, called as it is."""

    def predict(sample: Tensor, time: Tensor, embeds: Tensor, conditions: dict[str, Tensor]) -> Tensor:
        return call(unet, sample, time.to(sample.device), embeds, conditions)

    return predict


def call(unet: Any, sample: Tensor, time: Tensor, embeds: Tensor, conditions: dict[str, Tensor]) -> Tensor:
    """The UNet's output for ``sample`` (batch, channels, height, width) at ``time`` (a scalar on its device)."""
    added = {name: value for name, value in conditions.items() if name != "timestep_cond"}
    output: Tensor = unet(
        sample,
        time,
        encoder_hidden_states=embeds,
        timestep_cond=conditions.get("timestep_cond"),
        added_cond_kwargs=added or None,
        return_dict=False,
    )[0]
    return output


@torch.no_grad()
def decode(pipe: Any, latents: Tensor) -> Tensor:
    """The VAE's picture of finished latents, (1, 3, height, width) from -1 to 1, on the CPU in float32.

    Some VAEs overflow in float16: then the VAE is put in float32 for good, and the picture decoded again. What comes
    back is not finite when that did not help.
    """
    config = pipe.vae.config
    latents = latents / config.scaling_factor
    if config.get("latents_mean") and config.get("latents_std"):
        mean, deviation = (
            torch.tensor(config[name], device=latents.device).view(1, -1, 1, 1)
            for name in ("latents_mean", "latents_std")
        )
        latents = latents * deviation + mean
    image: Tensor = pipe.vae.decode(latents.to(pipe.vae.dtype), return_dict=False)[0].float().cpu()
    if not image.isfinite().all() and pipe.vae.dtype == torch.float16:
        pipe.vae.to(torch.float32)
        image = pipe.vae.decode(latents.float(), return_dict=False)[0].float().cpu()
    return image


def png(pipe: Any, image: Tensor) -> Image:
    """The picture as a PNG file without text chunks."""
    picture: PIL.Image.Image = pipe.image_processor.postprocess(image, output_type="pil")[0]
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Image(file.getvalue(), "image/png")
