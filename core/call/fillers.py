"""Fillers: the word that a person begins with while they think, said when a turn is over before its answer is audible.

``Fillers.next`` is the next one. On two cores without AVX-512 Kokoro takes 0.4 to 0.6 s for the shortest clause; where
the answer's first clause is there in time, as on a GPU, none of these is heard.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from itertools import count

from core.catalogue.spec import ModelSpec
from core.errors import EngineFailed, ParlorError
from core.host.background import Background
from core.l10n.text import l10n
from core.pipeline.speech import SpeakingVoice, speaking_voice
from core.pipeline.turn_context import TurnContext
from core.runtime.lease import acquire
from core.runtime.pool import Pool
from core.types.messages import Audio, Message, Transcript, concatenate

WORDS = {"en": ("Well...", "Okay.", "Right."), "zh": ("嗯……", "好的。", "是这样的。")}
Filler = tuple[str, Audio]
Speaker = tuple[ModelSpec, SpeakingVoice]


class Fillers:
    """Their sounds, in the voice that answers; none until they have been ``prepare``d, or while that fails.

    ``failed`` gets what went wrong beside the call.
    """

    def __init__(self, failed: Callable[[ParlorError], None]) -> None:
        self._failed = failed
        self._speaker: Speaker | None = None
        self._sounds: dict[str, list[Filler]] = {}
        self._turns = count()

    def prepare(self, context: TurnContext) -> None:
        """Have them spoken in the voice of ``context``, if they are wanted and are not in it yet.

        One lease each, so that an answer need not wait for all. Raises what speaking raises.
        """
        if self._changes(context):
            self._speak(context.pool, self._speaker, self._sounds)

    def follow(self, context: TurnContext) -> None:
        """The voice of ``context`` answers from now on: when it is another one, fall silent and prepare beside."""
        if self._changes(context):
            work = partial(self._speak, context.pool, self._speaker, self._sounds)
            Background("call fillers", _broke()).run(work, self._spoken)

    def next(self, language: str) -> Filler | None:
        """The next one in turn, and its sound."""
        sounds = self._sounds.get("zh" if language == "zh" else "en")
        return sounds[next(self._turns) % len(sounds)] if sounds else None

    def _changes(self, context: TurnContext) -> bool:
        """Whether another voice than theirs speaks in ``context``; theirs falls silent then."""
        speaker = _speaker(context)
        changes = speaker != self._speaker
        if changes:
            self._speaker, self._sounds = speaker, {}
        return changes

    def _speak(self, pool: Pool, speaker: Speaker | None, sounds: dict[str, list[Filler]]) -> None:
        for language, words in WORDS.items():
            if speaker is None:
                return
            spoken = [(word, _said(pool, *speaker, word, language)) for word in words]
            sounds[language] = [(word, sound) for word, sound in spoken if sound]

    def _spoken(self, error: ParlorError | None) -> None:
        if error:
            self._failed(error)


def without_filler(message: Message) -> Message:
    """An answer as a model should read it again: it would begin every next one with the same word."""
    parts = tuple(_without(part) if isinstance(part, Transcript) else part for part in message.parts)
    return Message(message.role, parts, message.made_by, message.figures, message.cut)


def _speaker(context: TurnContext) -> Speaker | None:
    """Who says them, and how; None where they are not wanted or nobody can."""
    spec = context.choice.speak
    if spec and context.settings.call.fillers and context.choice.has(spec):
        with contextlib.suppress(ParlorError):  # a recording that is gone: the answer says so
            return spec, speaking_voice(spec, context.settings)
    return None


def _said(pool: Pool, spec: ModelSpec, voice: SpeakingVoice, word: str, language: str) -> Audio | None:
    with acquire(pool, spec) as worker, voice.speak(worker, word, language) as call:
        sounds = [item for item in call if isinstance(item, Audio)]
    return concatenate(sounds) if sounds else None


def _without(part: Transcript) -> Transcript:
    for word in (*WORDS["en"], *WORDS["zh"]):
        rest = part.text.removeprefix(word).lstrip()
        if rest and rest != part.text:
            return Transcript(rest, part.language)
    return part


def _broke() -> EngineFailed:
    return EngineFailed(
        l10n("The words that answers begin with failed; parlor.log in the data folder says why. The call goes on.")
    )
