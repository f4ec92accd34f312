"""A turn that is answered with pictures: the prompt, then the painting of it."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import asdict, replace

from core.catalogue.spec import ModelSpec, not_installed
from core.errors import BadInput
from core.media.png_metadata import written
from core.pipeline.model_choice import fresh_seed
from core.pipeline.prompt_enhancer import enhanced, foreign, wants_words
from core.pipeline.route import Plan
from core.pipeline.styles import find, styled
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

NOTE = Notice(
    "The starter brush drew this. It knows 160 everyday things, colours, places and small numbers, and draws them "
    "small and like emoji. For more, get Stable Diffusion, on the page Models or with: "
    "python start.py models get sd-turbo",
    "由入门画笔绘制：它只认识 160 种日常事物、颜色、位置和小数目，画得很小，像表情符号。"
    "如需更多，请在“模型”页面或用此命令获取 Stable Diffusion：python start.py models get sd-turbo",
)


def draw(context: TurnContext, plan: Plan) -> Generator[Event, None, None]:
    """Prompt once, then Progress and a Picture for each that is finished, then Complete.

    Raises NotInstalled when there is no painter, BadInput for settings it cannot follow, and what painting raises.
    """
    painter = needed(plan.paint, "draw", "画图")
    if not context.choice.has(painter):
        raise not_installed(painter)
    painting = yield from _composed(context, plan, painter)
    if painter.miniature:
        yield NOTE
    yield Prompt(painting)
    with (yield from leased(context.pool, painter)) as worker:
        yield from timed("paint", _pictures(worker, painter, painting))
    yield Complete()


def chosen(settings: Settings, wanted: ImageRequest | None, seed: int) -> ImageRequest:
    """How pictures are made: what this turn asks for, and what the settings say of the rest.

    A ``wanted`` with a prompt says everything itself. Raises BadInput for a size that is none.
    """
    wanted = wanted or ImageRequest()
    if wanted.prompt:
        return wanted
    width, height = size(settings.paint_size)
    return ImageRequest(
        negative=wanted.negative or settings.paint_negative,
        width=wanted.width or width,
        height=wanted.height or height,
        steps=wanted.steps or settings.paint_steps,
        guidance=wanted.guidance if wanted.guidance >= 0 else settings.paint_guidance,
        scheduler=wanted.scheduler or settings.paint_scheduler,
        seed=seed,
        count=wanted.count,
    )


def size(text: str) -> tuple[int, int]:
    """``768x512`` as width and height in pixels, (0, 0) for an empty text. Raises BadInput."""
    if not text:
        return 0, 0
    found = re.fullmatch(r"\s*(\d{1,5})\s*[x×X*]\s*(\d{1,5})\s*", text)
    if not found:
        raise BadInput(
            f"{text!r} is no picture size: write width and height in pixels, like 768x512.",
            f"{text!r} 不是有效的图片尺寸：请写成“宽x高”（像素），例如 768x512。",
        )
    return int(found[1]), int(found[2])


def _composed(context: TurnContext, plan: Plan, painter: ModelSpec) -> Generator[Event, None, ImageRequest]:
    """The painting with its final prompt: the wish as it stands, or what the chat model makes of it, in a style."""
    painting = chosen(context.settings, context.turn.painting, context.sampling.seed)
    if painting.prompt:
        return painting
    prompt = plan.prompt
    if not prompt:
        raise BadInput(
            "Say what to draw: there are no words to paint from.", "请说明要画什么：没有可以用来作画的文字。"
        )
    if painter.miniature:
        return replace(context.turn.painting or ImageRequest(), prompt=prompt, seed=painting.seed)
    style = find(context.settings.paint_style)
    if context.settings.enhance and wants_words(prompt, painter):
        writer = plan.chat
        if writer and context.choice.has(writer) and _understands(writer, prompt):
            prompt = (yield from enhanced(context, writer, prompt)) or prompt
    if foreign(prompt, painter):
        yield Notice(
            f"{painter.name} understands only English and the prompt is Chinese: the picture may show something else.",
            f"{painter.name} 只懂英语，而提示词是中文：画面可能与要求不符。可打开提示词助手，或用英语描述。",
        )
    prompt, negative = styled(prompt, painting.negative, style)
    return replace(painting, prompt=prompt, negative=negative)


def _understands(writer: ModelSpec, prompt: str) -> bool:
    """Small models of one language make nonsense of the other, and a poor prompt of a short wish."""
    return len(writer.languages) > 1 or not has_han(prompt)


def _pictures(worker: Worker, painter: ModelSpec, painting: ImageRequest) -> Generator[Event, None, None]:
    with RemoteImageGenerator(worker).paint(painting) as call:
        for item in call:
            yield _picture(painter, item) if isinstance(item, ImageResult) else item


def _picture(painter: ModelSpec, result: ImageResult) -> Picture:
    """The picture, with how it was made in its file and beside it."""
    settings = {name: value for name, value in asdict(result.painting).items() if name not in {"seed", "count"}}
    image = written(result.image, result.painting, provenance("paint", painter))
    return Picture(image, provenance("paint", painter, result.painting.seed, means=result.means, **settings))


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
