"""The word that a person begins with while they think: said when a turn is over before its answer can be heard.

On two cores without AVX-512 Kokoro takes 0.4 to 0.6 s for the shortest clause; where the answer's first clause is there
in time, as on a GPU, none of these is heard.
"""

from __future__ import annotations

from itertools import count

from core.catalogue.spec import ModelSpec
from core.runtime.engines import RemoteTTS
from core.runtime.lease import acquire
from core.runtime.pool import Pool
from core.settings import Settings
from core.types.messages import Audio, Message, Transcript, concatenate

WORDS = {"en": ("Well...", "Okay.", "Right."), "zh": ("嗯……", "好的。", "是这样的。")}


class Fillers:
    """Their sounds, in the voices of the call; none until they have been ``prepare``d."""

    def __init__(self) -> None:
        self._sounds: dict[str, list[tuple[str, Audio]]] = {"en": [], "zh": []}
        self._turns = count()

    def prepare(self, pool: Pool, spec: ModelSpec, settings: Settings) -> None:
        """Have them spoken, one lease each, so that an answer need not wait for all. Raises what speaking raises."""
        for language, words in WORDS.items():
            made = []
            for word in words:
                with acquire(pool, spec) as worker:
                    voices = (settings.voice_en, settings.voice_zh)
                    with RemoteTTS(worker).speak(word, voices, language, settings.speed) as call:
                        sounds = [item for item in call if isinstance(item, Audio)]
                made += [(word, concatenate(sounds))] if sounds else []
            self._sounds[language] = made

    def next(self, language: str) -> tuple[str, Audio] | None:
        """The next one in turn, and its sound."""
        sounds = self._sounds["zh" if language == "zh" else "en"]
        return sounds[next(self._turns) % len(sounds)] if sounds else None


def without_filler(message: Message) -> Message:
    """An answer as a model should read it again: it would begin every next one with the same word."""
    parts = tuple(_without(part) if isinstance(part, Transcript) else part for part in message.parts)
    return Message(message.role, parts, message.made_by, message.figures, message.cut)


def _without(part: Transcript) -> Transcript:
    for word in (*WORDS["en"], *WORDS["zh"]):
        rest = part.text.removeprefix(word).lstrip()
        if rest and rest != part.text:
            return Transcript(rest, part.language)
    return part
