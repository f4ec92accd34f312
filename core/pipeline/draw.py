"""A turn that is answered with pictures: the prompt, then the painting of it."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, replace

from core.catalogue.spec import ModelSpec, installed, not_installed
from core.errors import BadInput
from core.media.png_metadata import written
from core.pipeline.model_choice import fresh_seed
from core.pipeline.prompt_enhancer import enhanced, foreign, wants_words
from core.pipeline.route import Plan
from core.pipeline.styles import find, styled
from core.pipeline.turn_context import TurnContext, leased
from core.runtime.lease import needed
from core.settings import Settings
from core.text.script import chinese
from core.types.events import Event, Picture, Progress, Prompt
from core.types.generation import ImageResult
from core.types.image_request import ImageRequest, from_values
from core.types.messages import Message
from core.types.provenance import Provenance

NOTE = Progress(
    "note",
    None,
    "The starter brush drew this. It knows 160 everyday things, colours, places and small numbers, and draws them "
    "small and like emoji. For more, get Stable Diffusion, on the page Models or with: "
    "python start.py models get sd-turbo",
    "由入门画笔绘制：它只认识 160 种日常事物、颜色、位置和小数目，画得很小，像表情符号。"
    "如需更多，请在“模型”页面或用此命令获取 Stable Diffusion：python start.py models get sd-turbo",
)


def draw(scene: TurnContext, plan: Plan) -> Generator[Event, None, None]:
    """Prompt once, then Progress and a Picture for each that is finished. ``scene.ledger`` holds what there is so far.

    Raises NotInstalled when there is no painter, BadInput for settings it cannot follow, and what painting raises.
    """
    painter = needed(plan.paint, "draw", "画图")
    if not installed(painter, scene.settings.models):
        raise not_installed(painter)
    painting = yield from _composed(scene, plan, painter)
    if painter.miniature:
        yield NOTE
    yield Prompt(painting)
    with (yield from leased(scene.ledger, scene.pool, painter)) as worker:
        began = time.monotonic()
        try:
            with worker.call("paint", painting) as call:
                for item in call:
                    yield from _item(scene, painter, item)
        finally:
            scene.ledger.spent("paint", began)
    scene.ledger.complete = True


def chosen(settings: Settings, wanted: ImageRequest | None, seed: int) -> ImageRequest:
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


def _composed(scene: TurnContext, plan: Plan, painter: ModelSpec) -> Generator[Event, None, ImageRequest]:
    """The painting with its final prompt: the wish as it stands, or what the chat model makes of it, in a style."""
    painting = chosen(scene.settings, scene.turn.painting, scene.sampling.seed)
    if painting.prompt:
        return painting
    prompt = plan.prompt
    if not prompt:
        raise BadInput(
            "Say what to draw: there are no words to paint from.", "请说明要画什么：没有可以用来作画的文字。"
        )
    if painter.miniature:
        return replace(scene.turn.painting or ImageRequest(), prompt=prompt, seed=painting.seed)
    style = find(scene.settings.image.style)
    if scene.settings.image.enhance and wants_words(prompt, painter):
        writer = plan.chat
        if writer and installed(writer, scene.settings.models) and _understands(writer, prompt):
            prompt = (yield from enhanced(scene, writer, prompt)) or prompt
    if foreign(prompt, painter):
        yield Progress(
            "note",
            None,
            f"{painter.name} understands only English and the prompt is Chinese: the picture may show something else.",
            f"{painter.name} 只懂英语，而提示词是中文：画面可能与要求不符。可打开提示词助手，或用英语描述。",
        )
    prompt, negative = styled(prompt, painting.negative, style)
    return replace(painting, prompt=prompt, negative=negative)


def _understands(writer: ModelSpec, prompt: str) -> bool:
    """Small models of one language make nonsense of the other, and a poor prompt of a short wish."""
    return len(writer.languages) > 1 or not chinese(prompt)


def _item(scene: TurnContext, painter: ModelSpec, item: object) -> Iterator[Event]:
    if not isinstance(item, ImageResult):
        yield item  # type: ignore[misc]  # Progress or Tick
        return
    painting = item.painting
    settings = {name: value for name, value in asdict(painting).items() if name not in {"seed", "count"}}
    scene.ledger.made("paint", painter, painting.seed, means=item.means, **settings)
    made_by = Provenance("paint", painter.id, painter.revision, painter.sha256)
    image = written(item.image, painting, made_by)
    scene.ledger.pictures.append(image)
    yield Picture(image)


def painting_of(made_by: Provenance) -> ImageRequest:
    """The painting that a picture's provenance tells of."""
    return replace(from_values(dict(made_by.settings)), seed=made_by.seed or 0, count=1)


def other(message: Message, painter: ModelSpec | None, count: int = 0) -> ImageRequest | None:
    """The painting of a drawn answer with a fresh seed, and as many pictures or ``count``; None for one in words.

    Steps, guidance, scheduler and size are of the model that painted it: another ``painter`` takes its own.
    """
    made = [entry for entry in message.made_by if entry.stage == "paint"]
    if not made:
        return None
    known = painting_of(made[0])
    if painter is None or painter.id != made[0].model:
        known = ImageRequest(prompt=known.prompt, negative=known.negative)
    return replace(known, seed=fresh_seed(), count=count or len(made))
