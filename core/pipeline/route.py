"""Which models a turn needs. Pure: the same turn and the same choice of models always give the same plan."""

from __future__ import annotations

from dataclasses import dataclass

from core.catalogue.spec import ModelSpec
from core.pipeline.draw_intent import wants_picture as wants_picture
from core.pipeline.starter_vision import can_answer, should_describe, stands_in
from core.types.messages import Audio, Image, Message, Part, Reading, Text, Transcript, Turn


@dataclass(frozen=True, slots=True)
class Choice:
    """The model for each stage; None where the catalogue has none or none is wanted.

    ``writer`` writes painters' prompts where ``chat`` knows one language only. ``installed`` are the ids of those that
    are on the disk.
    """

    listen: ModelSpec | None = None
    read: ModelSpec | None = None
    chat: ModelSpec | None = None
    see: ModelSpec | None = None
    paint: ModelSpec | None = None
    speak: ModelSpec | None = None
    writer: ModelSpec | None = None
    installed: frozenset[str] = frozenset()

    def has(self, spec: ModelSpec | None) -> bool:
        """Whether ``spec``, one of these, is there and installed."""
        return spec is not None and spec.id in self.installed


@dataclass(frozen=True, slots=True)
class Plan:
    """The models of one turn, in the order they work. ``chat`` sees, where pictures were shown and a model can.

    ``look`` is the starter model that first describes the picture to ``chat``.
    With ``draw``, ``prompt`` says what, ``chat`` may write the painter's prompt from it, and ``paint`` may still be
    None: the catalogue has no painter, and whoever runs the plan has to say so.
    """

    listen: ModelSpec | None = None
    read: ModelSpec | None = None
    look: ModelSpec | None = None
    chat: ModelSpec | None = None
    paint: ModelSpec | None = None
    speak: ModelSpec | None = None
    draw: bool = False
    prompt: str = ""


def route(turn: Turn, history: tuple[Message, ...], choice: Choice) -> Plan:
    """The plan for ``turn``: a picture when it asks for one, words otherwise.

    Recordings and pictures not yet understood are listened to and read first. Ask again once they are: the words in a
    Transcript may ask for a picture.
    """
    text = "\n".join(part.text for part in turn.parts if isinstance(part, Text | Transcript) and part.text)
    wanted = None if turn.draw is False else wants_picture(text)
    draw = bool(turn.draw) or wanted is not None
    return Plan(
        listen=choice.listen if _pending(turn.parts, Audio, Transcript) else None,
        read=choice.read if _pending(turn.parts, Image, Reading) else None,
        look=choice.see if not draw and stands_in(choice.see, choice.chat) and should_describe(turn) else None,
        chat=(choice.writer or choice.chat) if draw else _answering(turn, history, choice),
        paint=choice.paint if draw else None,
        speak=choice.speak if turn.speak else None,
        draw=draw,
        prompt=(wanted or text.strip()) if draw else "",
    )


def _answering(turn: Turn, history: tuple[Message, ...], choice: Choice) -> ModelSpec | None:
    if stands_in(choice.see, choice.chat):
        return choice.see if can_answer(turn, history) else choice.chat
    return choice.see if choice.see and _shown(turn, history) else choice.chat


def _shown(turn: Turn, history: tuple[Message, ...]) -> bool:
    """Whether the person has shown a picture, now or earlier: later questions may be about it."""
    earlier = (part for message in history if message.role == "user" for part in message.parts)
    return any(isinstance(part, Image) for part in (*turn.parts, *earlier))


def _pending(parts: tuple[Part, ...], given: type[Part], understood: type[Part]) -> bool:
    """Whether any ``given`` part still lacks what is ``understood`` from it, which stands right after it."""
    following = (*parts[1:], None)
    return any(
        isinstance(part, given) and not isinstance(after, understood)
        for part, after in zip(parts, following, strict=True)
    )
