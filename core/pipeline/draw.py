"""A turn that is answered with pictures: the prompt, then the picture."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, replace

from core.catalogue.spec import ModelSpec, not_installed
from core.errors import BadInput
from core.l10n.text import l10n
from core.media.png_metadata import write_png_metadata
from core.pipeline.model_choice import new_seed
from core.pipeline.prompt_enhancer import enhance_prompt, is_foreign, needs_enhancing
from core.pipeline.route import Plan
from core.pipeline.styles import apply_style, find_style
from core.pipeline.turn_context import TurnContext, timed
from core.pipeline.turn_record import provenance
from core.runtime.engines import RemoteImageGenerator
from core.runtime.lease import leased, needed
from core.runtime.worker import Worker
from core.settings import Settings
from core.text.script import has_han
from core.types.events import Complete, Event, Notice, Picture, Prompt
from core.types.generation import ImageResult
from core.types.image_request import ImageRequest, from_values
from core.types.messages import Message
from core.types.provenance import Provenance

STARTER_NOTICE = Notice(
    l10n(
        "The starter brush drew this. It knows 160 everyday things, colours, places and small numbers, and draws them "
        "small and like emoji. For more, get Stable Diffusion, on the page Models or with: "
        "python start.py models get sd-turbo"
    )
)


def draw(context: TurnContext, plan: Plan) -> Generator[Event, None, None]:
    """Prompt once, then Progress and a Picture for each that is finished, then Complete.

    Raises NotInstalled when there is no painter, BadInput for settings it cannot follow, and what the engine raises.
    """
    painter = needed(plan.paint, l10n("draw"))
    if not context.choice.has(painter):
        raise not_installed(painter)
    request = yield from _compose(context, plan, painter)
    if painter.miniature:
        yield STARTER_NOTICE
    yield Prompt(request)
    with (yield from leased(context.pool, painter)) as worker:
        yield from timed("paint", _pictures(worker, painter, request))
    yield Complete()


def resolve_request(settings: Settings, wanted: ImageRequest | None, seed: int) -> ImageRequest:
    """How pictures are made: what this turn asks for, and what the settings say of the rest.

    A ``wanted`` with a prompt says everything itself.
    """
    wanted = wanted or ImageRequest()
    if wanted.prompt:
        return wanted
    width, height = settings.image.size or (0, 0)
    return ImageRequest(
        negative=wanted.negative or settings.image.negative,
        width=wanted.width or width,
        height=wanted.height or height,
        steps=wanted.steps or settings.image.steps,
        guidance=wanted.guidance if wanted.guidance >= 0 else settings.image.guidance,
        scheduler=wanted.scheduler or settings.image.scheduler,
        seed=seed,
        count=wanted.count,
    )


def _compose(context: TurnContext, plan: Plan, painter: ModelSpec) -> Generator[Event, None, ImageRequest]:
    """The request with its final prompt: the words as they stand, or what the chat model makes of it, in a style."""
    request = resolve_request(context.settings, context.turn.image_request, context.sampling.seed)
    if request.prompt:
        return request
    prompt = plan.prompt
    if not prompt:
        raise BadInput(l10n("Say what to draw: there are no words to paint from."))
    if painter.miniature:
        return replace(context.turn.image_request or ImageRequest(), prompt=prompt, seed=request.seed)
    style = find_style(context.settings.image.style)
    if context.settings.image.enhance and needs_enhancing(prompt, painter):
        writer = plan.chat
        if writer and context.choice.has(writer) and _understands(writer, prompt):
            prompt = (yield from enhance_prompt(context, writer, prompt)) or prompt
    if is_foreign(prompt, painter):
        yield Notice(
            l10n(
                "{name} understands only English and the prompt is Chinese: the picture may show something else.",
                name=painter.name,
            )
        )
    prompt, negative = apply_style(prompt, request.negative, style)
    return replace(request, prompt=prompt, negative=negative)


def _understands(writer: ModelSpec, prompt: str) -> bool:
    """Small models of one language make nonsense of the other, and a poor prompt of a short request."""
    return len(writer.languages) > 1 or not has_han(prompt)


def _pictures(worker: Worker, painter: ModelSpec, request: ImageRequest) -> Generator[Event, None, None]:
    with RemoteImageGenerator(worker).paint(request) as call:
        for item in call:
            yield _picture(painter, item) if isinstance(item, ImageResult) else item


def _picture(painter: ModelSpec, result: ImageResult) -> Picture:
    """The picture, with how it was made in its file and beside it."""
    settings = {name: value for name, value in asdict(result.painting).items() if name not in {"seed", "count"}}
    image = write_png_metadata(result.image, result.painting, provenance("paint", painter))
    return Picture(image, provenance("paint", painter, result.painting.seed, means=result.means, **settings))


def request_of(made_by: Provenance) -> ImageRequest:
    """The request that a picture's provenance tells of."""
    return replace(from_values(dict(made_by.settings)), seed=made_by.seed or 0, count=1)


def repaint_request(message: Message, painter: ModelSpec | None, count: int = 0) -> ImageRequest | None:
    """The request of a drawn answer with a new seed, and as many pictures or ``count``; None for one in words.

    Steps, guidance, scheduler and size are of the model that painted it: another ``painter`` takes its own.
    """
    made = [entry for entry in message.made_by if entry.stage == "paint"]
    if not made:
        return None
    known = request_of(made[0])
    if painter is None or painter.id != made[0].model:
        known = ImageRequest(prompt=known.prompt, negative=known.negative)
    return replace(known, seed=new_seed(), count=count or len(made))
