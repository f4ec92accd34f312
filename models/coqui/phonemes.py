"""What Coqui's phoneme models read: espeak-ng's phonemes, by the library inside a Python package.

Coqui itself runs an ``espeak-ng`` program that has to be installed on the machine. The same library comes with
espeakng-loader, so nobody needs to install anything; the words pass through memory, not through a temporary file.
"""

from __future__ import annotations

import functools
import logging
import re
from typing import Any

from core.errors import EngineFailed
from core.l10n.text import l10n

_FLAG = re.compile(r"\([a-z-]{2,}\)")  # espeak-ng marks a word of another language: (fr)ʃato(en)
_NAMES = {"en": "en-us", "zh-cn": "cmn", "zh": "cmn", "fr": "fr-fr"}  # Coqui's for espeak-ng's


class Espeak:
    """Phonemes of one language, or of the language of each text where a model has several.

    It stands where Coqui's ``TTSTokenizer`` expects a phonemizer. Marks stay where they are in the text.
    """

    def __init__(self, language: str, several: tuple[str, ...] = ()) -> None:
        from TTS.tts.utils.text.punctuation import Punctuation

        self._language, self._several, self._marks = language, several, Punctuation()
        for each in several or (language,):
            _backend(each)

    def phonemize(self, text: str, separator: str = "", language: str | None = None) -> str:
        """``text`` as IPA with stress, ``separator`` between phonemes, and a space between words."""
        from phonemizer.separator import Separator

        backend = _backend(language if language in self._several else self._language)
        parts, marks = self._marks.strip_to_restore(text.strip())
        between = Separator(phone=separator, word=" ")
        said = [_FLAG.sub("", part) for part in backend.phonemize(parts, separator=between, strip=True)]
        restored: list[str] = self._marks.restore(said, marks)
        return restored[0] if restored else ""


@functools.cache
def _backend(language: str) -> Any:
    """espeak-ng speaking ``language``, a code of Coqui's or its own. Raises EngineFailed when it has no such voice."""
    import espeakng_loader
    from phonemizer.backend import EspeakBackend
    from phonemizer.backend.espeak.wrapper import EspeakWrapper

    log = logging.getLogger("phonemizer")
    log.setLevel(logging.ERROR)
    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    try:
        return EspeakBackend(_NAMES.get(language, language), with_stress=True, logger=log)
    except RuntimeError as error:
        raise EngineFailed(
            l10n(
                "espeak-ng does not know the language {language!r} that this voice is written for: {error}. "
                "Choose another voice.",
                language=language,
                error=error,
            )
        ) from error
