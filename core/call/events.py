"""Events of a call, as transports, pages and ``--json`` get them: ``as_json`` writes one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from core.errors import ParlorError
from core.l10n.text import NOTHING, L10n
from core.types.messages import Audio, Image

Phase = Literal["opening", "listening", "hearing", "thinking", "speaking", "held", "ended"]


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """What the call is doing: ``hearing`` while the person speaks, ``thinking`` until the answer is heard.

    ``held`` means that no transport is connected; ``why`` says why a call is held or has ended.
    """

    phase: Phase
    why: L10n = NOTHING


@dataclass(frozen=True, slots=True)
class Caption:
    """Words of one side. It replaces what was told of the same ``who`` and ``turn``; an empty one takes it back.

    Turns are numbered from 1; an answer has the number of the turn that it answers.
    """

    turn: int
    who: Literal["you", "parlor"]
    text: str
    final: bool
    language: str = ""


@dataclass(frozen=True, slots=True)
class Clause:
    """One spoken clause of the answer to ``turn``, ``index`` counted from 0. It begins where the last one ends.

    ``sound`` is there where it is to be played; the log of a call keeps its length, ``seconds``, only.
    """

    turn: int
    index: int
    text: str
    seconds: float
    sound: Audio | None = None


@dataclass(frozen=True, slots=True)
class TimedStage:
    """One bar of the waterfall: ``name`` from ``start`` to ``end``, seconds after the last voiced sample of the turn.

    Names are ``silence`` (until the end was noticed), ``judge``, ``hear``, ``write`` (to the answer's first word),
    ``speak`` (to its first sound), ``wait`` (until the turn was believed to be over), ``carry`` (until it was audible).
    """

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Timed:
    """Where the time of a turn went; ``total`` is from the last voiced sample to the first audible one.

    Where that was an opening word ("Well..."), a second Timed of the turn tells when the answer itself followed:
    ``words``, seconds from the last voiced sample, too.
    """

    turn: int
    total: float
    stages: tuple[TimedStage, ...]
    words: float | None = None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The answer to ``turn`` was broken off; ``heard`` is what of it had been audible, and what the history keeps."""

    turn: int
    heard: str


@dataclass(frozen=True, slots=True)
class PicturesWaiting:
    """So many pictures wait for the next thing that the person says."""

    waiting: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture is taking shape beside the talk: ``fraction`` 0 to 1 or None, ``preview`` or the finished ``image``.

    ``dropped``: the speaker went on before the answer was heard, and nothing comes of it.
    """

    turn: int
    fraction: float | None = None
    preview: Image | None = None
    image: Image | None = None
    prompt: str = ""
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class CallNotice:
    """Something to know, or (``trouble``) something that went wrong and what to do about it; the call goes on."""

    text: L10n
    trouble: bool = False

    @classmethod
    def of(cls, error: ParlorError) -> CallNotice:
        return cls(error.text, trouble=True)


CallEvent = PhaseChanged | Caption | Clause | Timed | Interrupted | PicturesWaiting | Drawing | CallNotice


_WIRE_NAMES: dict[type, str] = {
    PhaseChanged: "phased",
    CallNotice: "told",
    PicturesWaiting: "shown",
}  # what pages and scripts know them by


def as_json(event: CallEvent) -> dict[str, Any]:
    """An event as the page and ``--json`` get it; pictures and sound are told by their size, not sent."""
    told: dict[str, Any] = {"event": _WIRE_NAMES.get(type(event)) or type(event).__name__.lower()}
    match event:
        case PhaseChanged(phase, why):
            return told | {"phase": phase} | why.by_language()
        case CallNotice(text, trouble):
            return told | text.by_language() | {"trouble": trouble}
        case Clause(turn, index, text, seconds):
            return told | {"turn": turn, "index": index, "text": text, "audio_seconds": round(seconds, 3)}
        case Drawing(turn, fraction, preview, image, prompt, dropped):
            shown = image or preview
            told |= {"turn": turn, "fraction": fraction, "prompt": prompt, "done": dropped or image is not None}
            return told | ({"mime": shown.mime, "bytes": len(shown.data)} if shown else {})
    return told | asdict(event)
