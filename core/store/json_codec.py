"""Serialisation: messages as JSON values, and back exactly. Media are named by sha256; their bytes lie elsewhere.

A part is an object with a ``type``: text, image, audio, transcript or reading. A word is ``[text, start, end,
probability]`` and a line of a reading ``[text, [left, top, right, bottom], score]``, for recordings have thousands.
Decoding checks every type, for the value may come from a file that a stranger made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args

from core.errors import BadInput
from core.l10n.text import l10n
from core.types.messages import Audio, Image, Message, Part, Reading, Role, Text, TextLine, Transcript, Word
from core.types.provenance import Metrics, Provenance, Scalar

T = TypeVar("T")
Put = Callable[[bytes], str]  # keeps the bytes and returns their sha256
Get = Callable[[str], bytes]  # the bytes of a sha256

MAX_RATE = 384_000


def dumps(value: object) -> str:
    """JSON text, readable in any script; a lone surrogate, which UTF-8 cannot hold, makes it ASCII."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def encode(message: Message, put: Put) -> dict[str, Any]:
    """``message`` as a JSON object; ``put`` is called with the bytes of every picture and recording."""
    value: dict[str, Any] = {"role": message.role, "parts": [_encode_part(part, put) for part in message.parts]}
    if message.made_by:
        value["made_by"] = [_encode_provenance(item) for item in message.made_by]
    if message.figures is not None:
        value["figures"] = _encode_figures(message.figures)
    if message.cut:
        value["cut"] = True
    return value


def decode(value: object, get: Get, sound: bool = True) -> Message:
    """The message that ``encode`` was given. Raises BadInput for anything else, such as parts of a later version."""
    fields = as_object(value, "message")
    role = take(fields, "role", str)
    if role not in get_args(Role):
        raise wrong("role", "system, user or assistant")
    figures = fields.get("figures")
    return Message(
        role=role,  # type: ignore[arg-type]
        parts=tuple(_decode_part(as_object(item, "part"), get, sound) for item in take(fields, "parts", list)),
        made_by=tuple(_decode_provenance(as_object(item, "made_by")) for item in take(fields, "made_by", list, [])),
        figures=None if figures is None else _decode_figures(as_object(figures, "figures")),
        cut=take(fields, "cut", bool, False),
    )


def take(fields: Mapping[str, object], name: str, kind: type[T], default: T | None = None) -> T:
    """``fields[name]``, which must be a ``kind``: a bool is no int, an int will do as a float. Raises BadInput."""
    return as_kind(fields.get(name, default), name, kind)


def as_kind(value: object, name: str, kind: type[T]) -> T:
    """``value``, which must be a ``kind``. Raises BadInput naming ``name``."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return value  # type: ignore[return-value]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise wrong(name, kind.__name__)
    return value


def as_object(value: object, name: str) -> dict[str, object]:
    return as_kind(value, name, dict)


def wrong(name: str, wanted: str) -> BadInput:
    """A value of the wrong kind in a file."""
    return BadInput(
        l10n(
            "This is not a conversation Parlor can read: “{name}” should be {wanted}. Nothing was added. Export it "
            "again.",
            name=name,
            wanted=wanted,
        )
    )


def _encode_part(part: Part, put: Put) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image(data, mime):
            return {"type": "image", "sha256": put(data), "mime": mime}
        case Audio(pcm, rate):
            return {"type": "audio", "sha256": put(pcm), "rate": rate}
        case Transcript(text, language, words):
            spoken = [[word.text, word.start, word.end, word.probability] for word in words]
            return {"type": "transcript", "text": text, "language": language, "words": spoken}
        case Reading(lines, width, height):
            printed = [[line.text, list(line.box), line.score] for line in lines]
            return {"type": "reading", "lines": printed, "width": width, "height": height}


def _decode_part(fields: dict[str, object], get: Get, sound: bool) -> Part:
    kind = take(fields, "type", str)
    match kind:
        case "text":
            return Text(take(fields, "text", str))
        case "image":
            return Image(get(take(fields, "sha256", str)), take(fields, "mime", str))
        case "audio":
            name = take(fields, "sha256", str)
            return _audio(get(name) if sound else b"", take(fields, "rate", int))
        case "transcript":
            words = tuple(_word(item) for item in take(fields, "words", list, []))
            return Transcript(take(fields, "text", str), take(fields, "language", str, ""), words)
        case "reading":
            lines = tuple(_line(item) for item in take(fields, "lines", list))
            return Reading(lines, take(fields, "width", int), take(fields, "height", int))
    raise BadInput(
        l10n(
            "This conversation holds something this Parlor does not know (“{kind}”). Update Parlor to open it.",
            kind=kind[:40],
        )
    )


def _audio(pcm: bytes, rate: int) -> Audio:
    if not 0 < rate <= MAX_RATE:
        raise wrong("rate", f"1 to {MAX_RATE}")
    return Audio(pcm, rate)


def _word(value: object) -> Word:
    text, *numbers = _row(value, "word", 4)
    start, end, probability = (as_kind(number, "word", float) for number in numbers)
    return Word(as_kind(text, "word", str), start, end, probability)


def _line(value: object) -> TextLine:
    text, box, score = _row(value, "line", 3)
    left, top, right, bottom = (as_kind(number, "box", int) for number in _row(box, "box", 4))
    return TextLine(as_kind(text, "line", str), (left, top, right, bottom), as_kind(score, "score", float))


def _row(value: object, name: str, length: int) -> list[object]:
    row = as_kind(value, name, list)
    if len(row) != length:
        raise wrong(name, f"a list of {length}")
    return row


def _encode_provenance(made_by: Provenance) -> dict[str, Any]:
    return {
        "stage": made_by.stage,
        "model": made_by.model,
        "revision": made_by.revision,
        "sha256": made_by.sha256,
        "settings": [[name, setting] for name, setting in made_by.settings],
        "seed": made_by.seed,
    }


def _decode_provenance(fields: dict[str, object]) -> Provenance:
    seed = fields.get("seed")
    return Provenance(
        stage=take(fields, "stage", str),
        model=take(fields, "model", str),
        revision=take(fields, "revision", str),
        sha256=take(fields, "sha256", str),
        settings=tuple(_setting(item) for item in take(fields, "settings", list, [])),
        seed=None if seed is None else as_kind(seed, "seed", int),
    )


def _setting(value: object) -> tuple[str, Scalar]:
    name, setting = _row(value, "settings", 2)
    if not isinstance(setting, Scalar):
        raise wrong("settings", "text, a number or true or false")
    return as_kind(name, "settings", str), setting


def _encode_figures(figures: Metrics) -> dict[str, Any]:
    return {
        "seconds": [[stage, seconds] for stage, seconds in figures.seconds],
        "first_token_seconds": figures.first_token_seconds,
        "tokens": figures.tokens,
        "tokens_per_second": figures.tokens_per_second,
        "prompt_tokens": figures.prompt_tokens,
        "reused_tokens": figures.reused_tokens,
    }


def _decode_figures(fields: dict[str, object]) -> Metrics:
    rows = (_row(item, "seconds", 2) for item in take(fields, "seconds", list, []))
    return Metrics(
        seconds=tuple((as_kind(stage, "seconds", str), as_kind(time, "seconds", float)) for stage, time in rows),
        first_token_seconds=_optional_float(fields, "first_token_seconds"),
        tokens=take(fields, "tokens", int, 0),
        tokens_per_second=_optional_float(fields, "tokens_per_second"),
        prompt_tokens=take(fields, "prompt_tokens", int, 0),
        reused_tokens=take(fields, "reused_tokens", int, 0),
    )


def _optional_float(fields: dict[str, object], name: str) -> float | None:
    value = fields.get(name)
    return None if value is None else as_kind(value, name, float)
