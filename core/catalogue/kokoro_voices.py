"""The voices of Kokoro 82M v1.0, as its model card lists them (VOICES.md, hexgrad/Kokoro-82M, Apache-2.0).

An id begins with its language and gender: ``af_heart`` is American and female, ``zm_yunxi`` Chinese and male.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from core.errors import BadInput
from core.l10n.text import l10n, listed

Gender = Literal["female", "male"]


@dataclass(frozen=True, slots=True)
class KokoroVoice:
    """``language`` is an ISO 639-1 code, ``accent`` its BCP 47 tag, ``name`` what a person chooses by."""

    id: str
    language: str
    accent: str
    gender: Gender
    name: str


_ACCENTS = {
    "a": ("en-US", "American"),
    "b": ("en-GB", "British"),
    "e": ("es-ES", ""),
    "f": ("fr-FR", ""),
    "h": ("hi-IN", ""),
    "i": ("it-IT", ""),
    "j": ("ja-JP", ""),
    "p": ("pt-BR", ""),
    "z": ("zh-CN", ""),
}
_IDS = """
af_heart af_alloy af_aoede af_bella af_jessica af_kore af_nicole af_nova af_river af_sarah af_sky
am_michael am_adam am_echo am_eric am_fenrir am_liam am_onyx am_puck am_santa
bf_emma bf_alice bf_isabella bf_lily bm_george bm_daniel bm_fable bm_lewis
zf_xiaoxiao zf_xiaoyi zf_xiaobei zf_xiaoni zm_yunxi zm_yunjian zm_yunyang zm_yunxia
ef_dora em_alex em_santa ff_siwis hf_alpha hf_beta hm_omega hm_psi if_sara im_nicola
jf_alpha jf_gongitsune jf_nezumi jf_tebukuro jm_kumo pf_dora pm_alex pm_santa
"""


def _voice(name: str) -> KokoroVoice:
    accent, region = _ACCENTS[name[0]]
    title = name[3:].capitalize()
    return KokoroVoice(
        id=name,
        language=accent[:2],
        accent=accent,
        gender="female" if name[1] == "f" else "male",
        name=f"{title} ({region})" if region else title,
    )


VOICES: tuple[KokoroVoice, ...] = tuple(map(_voice, _IDS.split()))
_BY_ID = {voice.id: voice for voice in VOICES}
_DEFAULTS: dict[tuple[str, Gender], str] = {
    ("en", "female"): "af_heart",
    ("en", "male"): "am_michael",
    ("zh", "female"): "zf_xiaoxiao",
    ("zh", "male"): "zm_yunxi",
}


def voices_for(language: str) -> tuple[KokoroVoice, ...]:
    """The voices of an ISO 639-1 language, in the order to offer them."""
    return tuple(voice for voice in VOICES if voice.language == language)


def default_voice(language: str, gender: Gender | None = None) -> KokoroVoice:
    """The clearest voice of ``language`` (``zh``, else English), of ``gender`` if that is given."""
    spoken = "zh" if language == "zh" else "en"
    return _BY_ID[_DEFAULTS[spoken, gender or ("male" if spoken == "zh" else "female")]]


def find(name: str) -> KokoroVoice:
    """The voice with this id. Raises BadInput, which names those that look alike."""
    if name in _BY_ID:
        return _BY_ID[name]
    near = difflib.get_close_matches(name, _BY_ID, n=3, cutoff=0.5) or [default_voice("en").id, default_voice("zh").id]
    raise BadInput(
        l10n(
            "There is no voice {name!r}. Did you mean {near}? Choose one in Settings.",
            name=name,
            near=listed(near, l10n(" or ")),
        )
    )


def fitting(names: tuple[str, ...], language: str) -> KokoroVoice:
    """The first of ``names`` that speaks ``language``, or else its default voice of the gender of the first one.

    Raises BadInput for an id that is no voice's.
    """
    chosen = [find(name) for name in names if name]
    fits = (voice for voice in chosen if voice.language == language)
    return next(fits, None) or default_voice(language, chosen[0].gender if chosen else None)
