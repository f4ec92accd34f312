"""What a call answers: the scene of a spoken turn, the words said before a picture, and the models made ready."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

from core.call.transport import CallOptions
from core.catalogue.spec import ModelSpec, installed, not_installed
from core.errors import NotInstalled, ParlorError
from core.pipeline.instructions import instructions
from core.pipeline.route import Plan, route
from core.pipeline.speech import SpeechStream
from core.pipeline.turn_context import TurnContext
from core.runtime.lease import acquire
from core.runtime.pool import Pool
from core.settings import Settings
from core.types.events import Complete, Delta, Event
from core.types.generation import Sampling
from core.types.messages import Audio, Message, Part, Text, Turn

if TYPE_CHECKING:
    from core.app.app import App

INSTRUCTIONS = (
    "You are Parlor, talking with a person on a call; you run on their own computer. Answer in the language of what "
    "they said last, English or simplified Chinese, as one speaks: one to three short sentences, no lists, no "
    "Markdown, no emoji. Begin with a short sentence that answers."
)
LONGEST = 320  # tokens: two minutes of talk; more can be asked for
DRAWING = {"en": "All right, I am drawing it now.", "zh": "好的，我现在就画。"}
NO_PAINTER = {
    "en": "I cannot draw yet, because no model for drawing is installed.",
    "zh": "我还不能画画，因为还没有安装画图模型。",
}


def scene_of(
    app: App, parts: tuple[Part, ...], history: tuple[Message, ...], options: CallOptions, id: str
) -> TurnContext:
    """A spoken turn, with everything that it is answered with."""
    choice, settings = app.services.choice(), voiced(app.settings, options)
    if not settings.instructions and choice.chat and len(choice.chat.languages) > 1:
        settings = replace(settings, instructions=INSTRUCTIONS)
    sampling = app.services.sampling()
    sampling = replace(sampling, max_tokens=min(sampling.max_tokens, LONGEST))
    return TurnContext(Turn(parts, speak=True), history, choice, app.pool, settings, sampling, id, live=True)


def voiced(settings: Settings, options: CallOptions) -> Settings:
    """The settings with the voices that were chosen for the call."""
    return replace(
        settings,
        speech=replace(
            settings.speech,
            voice_en=options.voice_en or settings.speech.voice_en,
            voice_zh=options.voice_zh or settings.speech.voice_zh,
        ),
    )


def plan_of(scene: TurnContext) -> Plan:
    return route(scene.turn, scene.history, scene.choice)


def before_drawing(scene: TurnContext, plan: Plan, language: str) -> tuple[str, NotInstalled | None]:
    """What is said at once to a wish for a picture; and why there will be none, when there is no painter."""
    said = "zh" if language == "zh" else "en"
    if plan.paint and installed(plan.paint, scene.settings.models):
        return DRAWING[said], None
    missing = not_installed(plan.paint) if plan.paint else NotInstalled(NO_PAINTER["en"], NO_PAINTER["zh"])
    return NO_PAINTER[said], missing


def saying(text: str, scene: TurnContext) -> Generator[Event, None, None]:
    """``text`` as an answer: its words, then its sound."""
    yield Delta(text)
    if scene.choice.speak:
        voice = SpeechStream(scene.choice.speak, scene.pool, scene.settings, live=True)
        try:
            voice.write(text)
            yield from voice.finish()
        finally:
            voice.close()
    yield Complete()


def made_ready(app: App, options: CallOptions, specs: list[ModelSpec], history: tuple[Message, ...], id: str) -> None:
    """Load what fits and put each through its work once, so that the first turn is not the slow one.

    Raises what keeps a call from being held: the first model, which hears, is needed.
    """
    scene = scene_of(app, (Text("Hello."),), history, options, id)
    for number, spec in enumerate(specs):
        try:
            if number == 0 or app.pool.fits(spec):
                _warm(app.pool, spec, scene)
        except ParlorError:
            if number == 0:
                raise


def _warm(pool: Pool, spec: ModelSpec, scene: TurnContext) -> None:
    silence = Audio(bytes(2 * 16_000), 16_000)
    work: dict[str, tuple[str, tuple[object, ...]]] = {
        "turn": ("judge", (silence,)),
        "hear": ("hear", (silence,)),
        "speak": ("speak", ("OK.", (scene.settings.speech.voice_en, scene.settings.speech.voice_zh))),
        "chat": (
            "reply",
            ((instructions(scene, spec), *scene.history, _hello()), _one_token(scene), scene.conversation),
        ),
    }
    method, arguments = work[spec.task]
    with acquire(pool, spec) as worker, worker.call(method, *arguments) as call:
        for _ in call:
            pass


def _hello() -> Message:
    return Message("user", (Text("Hello."),))


def _one_token(scene: TurnContext) -> Sampling:
    return replace(scene.sampling, max_tokens=1)
