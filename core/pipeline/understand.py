"""The first half of a turn: what the person handed over, with recordings heard and pictures read."""

from __future__ import annotations

import time
from collections.abc import Generator

from core.catalogue.spec import ModelSpec, installed
from core.errors import BadInput
from core.pipeline.route import Plan
from core.pipeline.turn_context import TurnContext, leased
from core.runtime.lease import needed
from core.types.events import Event, Heard, Progress, Tick
from core.types.messages import Audio, Image, Message, Part, Reading, Transcript, Word


def understand(scene: TurnContext, plan: Plan) -> Generator[Event, None, Message]:
    """The person's message, with a Transcript after every Audio and a Reading after every Image.

    Raises BadInput when there is nothing to answer, NotInstalled when a recording cannot be heard.
    """
    parts: list[Part] = []
    for position, part in enumerate(scene.turn.parts):
        parts.append(part)
        if any(
            isinstance(following, Transcript | Reading) for following in scene.turn.parts[position + 1 : position + 2]
        ):
            continue  # understood before: the message is being answered again
        if isinstance(part, Audio):
            parts.append((yield from _listen(scene, needed(plan.listen, "hear speech", "听写语音"), part)))
        elif isinstance(part, Image):
            if (
                not (plan.read and installed(plan.read, scene.settings.models))
                and scene.choice.see
                and scene.choice.see.task == "see"
            ):
                continue  # whoever sees can do without the reader
            parts.append((yield from _read(scene, needed(plan.read, "read pictures", "阅读图片"), part)))
    question = Message("user", tuple(parts))
    if not question.text.strip() and not any(question.images):
        raise BadInput(
            "No speech was heard in the recording, so there is nothing to answer. Speak a little closer, or type.",
            "录音中没有听到说话声，因此无法回答。请靠近麦克风再说一次，或直接输入文字。",
        )
    return question


def _listen(scene: TurnContext, spec: ModelSpec, audio: Audio) -> Generator[Event, None, Transcript]:
    text, language = "", ""
    words: list[Word] = []
    with (yield from leased(scene.ledger, scene.pool, spec)) as worker:
        began = time.monotonic()
        yield Progress("listen", 0.0, "Listening", "正在聆听")
        with worker.call("transcribe", audio, "", scene.settings.script) as call:
            for item in call:
                if isinstance(item, Tick | Progress):
                    yield item
                    continue
                text, language = text + item.text, language or item.language
                words.extend(item.words)
                yield Progress("listen", min(1.0, item.end / audio.seconds), "Listening", "正在聆听")
        scene.ledger.spent("listen", began)
    scene.ledger.made("listen", spec, script=scene.settings.script)
    heard = Transcript(text.strip(), language, tuple(words))
    yield Heard(heard.text, heard.language, heard.words)
    return heard


def _read(scene: TurnContext, spec: ModelSpec, image: Image) -> Generator[Event, None, Reading]:
    reading = Reading((), 0, 0)
    with (yield from leased(scene.ledger, scene.pool, spec)) as worker:
        began = time.monotonic()
        yield Progress("read", None, "Reading the words in the picture", "正在阅读图片中的文字")
        with worker.call("read", image) as call:
            for item in call:
                if isinstance(item, Reading):
                    reading = item
                else:
                    yield item
        scene.ledger.spent("read", began)
    scene.ledger.made("read", spec)
    return reading
