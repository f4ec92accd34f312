"""Messages as JSON: any message survives, and what a newer build wrote is refused by name."""

import json
import random

import pytest

from core.errors import BadInput
from core.store import json_codec as codec
from core.store.store import Store
from core.types.messages import Audio, Image, Message, Part, Reading, Text, TextLine, Transcript, Word
from core.types.provenance import Metrics, Provenance


def any_message(chance: random.Random) -> Message:
    def word() -> str:
        return "".join(
            chance.choices(
                ["a", "天", "\n", '"', "\\", "🤖", "\x00", "\ud800", " ", "é", "</script>"], k=chance.randrange(9)
            )
        )

    def number() -> float:
        return chance.choice([0.0, 1.0, -1.5, 1e-9, 1e12, chance.random()])

    def part() -> Part:
        kinds: list[Part] = [
            Text(word()),
            Image(chance.randbytes(chance.randrange(9)), word()),
            Audio(chance.randbytes(chance.randrange(9)), chance.randrange(1, 384_001)),
            Transcript(
                word(), word(), tuple(Word(word(), number(), number(), number()) for _ in range(chance.randrange(3)))
            ),
            Reading(
                tuple(
                    TextLine(word(), (chance.randrange(-9, 9), 2, 3, 4), number()) for _ in range(chance.randrange(3))
                ),
                5,
                6,
            ),
        ]
        return chance.choice(kinds)

    settings = tuple((word(), value) for value in (True, 1, 1.0, word()))
    made = Provenance(word(), word(), word(), word(), settings, chance.choice([None, 0, 2**63]))
    figures = Metrics(((word(), number()),), chance.choice([None, number()]), 3, chance.choice([None, number()]), 4, 5)
    return Message(
        chance.choice(["system", "user", "assistant"]),
        tuple(part() for _ in range(chance.randrange(6))),
        (made,) * chance.randrange(3),
        chance.choice([None, figures]),
        chance.choice([True, False]),
    )


def test_any_message_survives_as_json_exactly() -> None:
    chance = random.Random(11)
    for _ in range(500):
        message, kept = any_message(chance), dict[str, bytes]()

        def put(data: bytes, kept: dict[str, bytes] = kept) -> str:
            kept[data.hex()] = data
            return data.hex()

        again = codec.decode(json.loads(codec.dumps(codec.encode(message, put)).encode()), kept.__getitem__)
        assert again == message
        assert repr(again) == repr(message)


def test_any_message_survives_in_the_store(store: Store) -> None:
    chance = random.Random(13)
    conversation = store.create()
    said = [any_message(chance) for _ in range(40)]
    ids = [store.add(conversation, message, None) for message in said]
    nodes = [store.node(id) for id in ids]
    assert [node.message for node in nodes if node] == said


def test_a_part_from_the_future_is_refused_by_name() -> None:
    value = {"role": "user", "parts": [{"type": "hologram", "sha256": "x"}]}
    with pytest.raises(BadInput, match="hologram") as told:
        codec.decode(value, lambda name: b"")
    assert "升级" in told.value.said("zh")
