"""The first half of a turn: what the person handed over, with recordings heard and pictures read."""

from __future__ import annotations

from collections.abc import Generator

from core.catalogue.spec import ModelSpec
from core.errors import BadInput
from core.l10n.text import l10n
from core.pipeline.route import Plan
from core.pipeline.turn_context import TurnContext, timed
from core.pipeline.turn_record import provenance
from core.runtime.engines import RemoteOCR, RemoteTranscriber
from core.runtime.lease import leased, needed
from core.runtime.worker import Worker
from core.types.events import Event, Heard, ModelUsed, Progress, Tick
from core.types.messages import Audio, Image, Message, Part, Reading, Transcript, Word


def understand(context: TurnContext, plan: Plan) -> Generator[Event, None, Message]:
    """The person's message, with a Transcript after every Audio and a Reading after every Image.

    Raises BadInput when there is nothing to answer, NotInstalled when a recording cannot be heard.
    """
    parts: list[Part] = []
    for position, part in enumerate(context.turn.parts):
        parts.append(part)
        if any(
            isinstance(following, Transcript | Reading) for following in context.turn.parts[position + 1 : position + 2]
        ):
            continue  # understood before: the message is being answered again
        if isinstance(part, Audio):
            parts.append((yield from _listen(context, needed(plan.listen, l10n("hear speech")), part)))
        elif isinstance(part, Image):
            see = context.choice.see
            if not context.choice.has(plan.read) and see and see.task == "see":
                continue  # whoever sees can do without the reader
            parts.append((yield from _read(context, needed(plan.read, l10n("read pictures")), part)))
    question = Message("user", tuple(parts))
    if not question.text.strip() and not any(question.images):
        raise BadInput(
            l10n("No speech was heard in the recording, so there is nothing to answer. Speak a little closer, or type.")
        )
    return question


def _listen(context: TurnContext, spec: ModelSpec, audio: Audio) -> Generator[Event, None, Transcript]:
    with (yield from leased(context.pool, spec)) as worker:
        heard = yield from timed("listen", _transcript(worker, audio, context.settings.script))
    yield ModelUsed(provenance("listen", spec, script=context.settings.script))
    yield Heard(heard.text, heard.language, heard.words)
    return heard


def _transcript(worker: Worker, audio: Audio, script: str) -> Generator[Event, None, Transcript]:
    text, language = "", ""
    words: list[Word] = []
    yield Progress("listen", 0.0, l10n("Listening"))
    with RemoteTranscriber(worker).transcribe(audio, "", script) as call:
        for item in call:
            if isinstance(item, Tick):
                yield item
                continue
            text, language = text + item.text, language or item.language
            words.extend(item.words)
            yield Progress("listen", min(1.0, item.end / audio.seconds), l10n("Listening"))
    return Transcript(text.strip(), language, tuple(words))


def _read(context: TurnContext, spec: ModelSpec, image: Image) -> Generator[Event, None, Reading]:
    with (yield from leased(context.pool, spec)) as worker:
        reading = yield from timed("read", _reading(worker, image))
    yield ModelUsed(provenance("read", spec))
    return reading


def _reading(worker: Worker, image: Image) -> Generator[Event, None, Reading]:
    reading = Reading((), 0, 0)
    yield Progress("read", None, l10n("Reading the words in the picture"))
    with RemoteOCR(worker).read(image) as call:
        for item in call:
            if isinstance(item, Reading):
                reading = item
            else:
                yield item
    return reading
