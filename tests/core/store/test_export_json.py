"""Conversations as JSON: every branch comes back exactly, and what was changed is refused."""

import base64
import dataclasses
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from core.errors import BadInput
from core.l10n.text import both
from core.store.export import from_json, from_markdown, to_json
from core.store.store import Node, Store
from core.types.messages import Image, Message, Reading, Text, TextLine, Transcript, Word
from core.types.provenance import Metrics, Provenance
from tests.core.store.exported import PHOTO, RECORDING, SCREEN, TRICKY, answer, messages, say, user

HEARD = Transcript("今天天气\n怎么样？", "zh", (Word("今天", 0.0, 0.4, 0.9),))
READ = Reading((TextLine("设置", (1, 2, 30, 12), 0.98), TextLine("## User", (1, 14, 30, 24), 0.5)), 12, 8)


def rich(store: Store) -> str:
    """Two branches, every kind of part, feedback, a failed and a cut answer."""
    made = (Provenance("chat", "m", "1", "ab", (("temperature", 0.7), ("top_p", 1.0), ("deep", True)), 7),)
    figures = Metrics((("listen", 0.5), ("chat", 2.0)), 0.2, 40, 33.25, 100, 90)
    conversation = store.create("天气 & “quotes”")
    question = store.add(conversation, user(Text("Look: 看"), PHOTO, READ, RECORDING, HEARD), None)
    first = store.add(conversation, answer(Text(TRICKY), RECORDING), question)
    store.feedback(first, 0)
    store.add(conversation, Message("assistant", (Text("partly"),), made, figures, cut=True), question)
    lost = store.add(conversation, answer(), question, "running")
    store.finish(lost, answer(Text("half")), BadInput(both("It broke.", "坏了。")))
    store.add(conversation, user(Text("第二个问题"), SCREEN), first)
    return conversation


def without_ids(nodes: list[Node]) -> list[object]:
    order = {node.id: number for number, node in enumerate(nodes)}
    return [
        dataclasses.replace(
            node,
            id=order[node.id],
            parent=None if node.parent is None else order[node.parent],
            conversation="",
            siblings=tuple(order[sibling] for sibling in node.siblings),
        )
        for node in nodes
    ]


def test_json_keeps_every_branch_exactly(store: Store, elsewhere: Store) -> None:
    conversation = rich(store)
    copy = from_json(elsewhere, to_json(store, conversation))
    assert without_ids(elsewhere.nodes(copy)) == without_ids(store.nodes(conversation))
    assert messages(elsewhere, copy) == messages(store, conversation)
    before, after = store.conversation(conversation), elsewhere.conversation(copy)
    assert before is not None
    assert after == dataclasses.replace(before, id=copy)


def test_a_second_export_is_the_same_file_but_for_ids(store: Store, elsewhere: Store) -> None:
    once = to_json(store, rich(store))
    assert to_json(elsewhere, from_json(elsewhere, once)) == once


def test_json_can_be_imported_twice_beside_the_original(store: Store) -> None:
    conversation = rich(store)
    data = to_json(store, conversation)
    assert len({conversation, from_json(store, data), from_json(store, data)}) == 3
    assert len(store.conversations()) == 3


def test_a_running_answer_is_exported_and_comes_back_done(store: Store) -> None:
    conversation = say(store, user(Text("hello")))
    store.add(conversation, answer(Text("so far")), store.path(conversation)[-1].id, "running")
    copy = from_json(store, to_json(store, conversation))
    assert [node.state for node in store.path(copy)] == ["done", "done"]


def test_a_picture_whose_file_was_lost_still_travels(store: Store, elsewhere: Store, tmp_path: Path) -> None:
    conversation = say(store, user(Text("see"), SCREEN))
    digest = hashlib.sha256(SCREEN.data).hexdigest()
    (tmp_path / "media" / digest[:2] / digest[2:4] / digest).unlink()
    copy = from_json(elsewhere, to_json(store, conversation))
    assert messages(elsewhere, copy) == [user(Text("see"), Image(b"", "image/png"))]


def change(value: dict[str, Any], path: str, new: object) -> None:
    *steps, last = (int(step) if step.isdecimal() else step for step in path.split("."))
    for step in steps:
        value = value[step]  # type: ignore[index]
    value[last] = new  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("format", "something-else"),
        ("version", 2),
        ("version", "1"),
        ("version", True),
        ("title", 3),
        ("created", -1.0),
        ("created", 1e300),
        ("updated", "now"),
        ("selected", 99),
        ("selected", None),
        ("selected", True),
        ("messages", {}),
        ("messages.0", None),
        ("messages.0.id", 2**80),
        ("messages.1.id", 1),
        ("messages.0.parent", 2),
        ("messages.1.parent", 1.0),
        ("messages.0.state", "lurking"),
        ("messages.0.feedback", 7),
        ("messages.0.feedback", True),
        ("messages.0.trouble_en", []),
        ("messages.0.message.role", "root"),
        ("messages.0.message.cut", 1),
        ("messages.0.message.parts", "text"),
        ("messages.0.message.parts.0", {"type": "hologram", "text": "x"}),
        ("messages.0.message.parts.0.text", None),
        ("messages.0.message.parts.1.sha256", "0" * 64),
        ("messages.0.message.parts.1.sha256", "../../etc/passwd"),
        ("messages.0.message.parts.1.mime", "image/svg+xml"),
        ("messages.0.message.parts.1.mime", "text/html"),
        ("messages.0.message.parts.1.mime", "image/png"),
        ("messages.0.message.parts.2.lines", [["x", [1, 2, 3], 0.5]]),
        ("messages.0.message.parts.3.rate", 0),
        ("messages.0.message.parts.3.rate", 10**9),
        ("messages.0.message.parts.4.words", [["x", 1]]),
        ("messages.2.message.figures", 3),
        ("messages.2.message.made_by", [{}]),
        ("media", []),
        ("media", {"0" * 64: "AAAA"}),
        ("media", {hashlib.sha256(b"a").hexdigest(): "not base64!"}),
        ("media", {hashlib.sha256(b"a").hexdigest(): 5}),
    ],
)
def test_a_changed_json_is_refused_and_adds_nothing(store: Store, elsewhere: Store, path: str, new: object) -> None:
    value = json.loads(to_json(store, rich(store)))
    change(value, path, new)
    with pytest.raises(BadInput) as told:
        from_json(elsewhere, json.dumps(value).encode())
    assert told.value.said("zh") != str(told.value)
    assert elsewhere.conversations() == []


@pytest.mark.parametrize("seconds", [b"NaN", b"Infinity", b"1e999"])
def test_numbers_that_are_none_are_refused(store: Store, seconds: bytes) -> None:
    data = to_json(store, say(store, user(Text("hi"))))
    created = json.dumps(json.loads(data)["created"]).encode()
    with pytest.raises(BadInput):
        from_json(store, data.replace(created, seconds))


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000, b"PK\x03\x04", b"{}"]
)
def test_what_is_no_export_is_refused(store: Store, data: bytes) -> None:
    with pytest.raises(BadInput):
        from_json(store, data)
    with pytest.raises(BadInput):
        from_markdown(store, data, "x.md")


def smuggled(store: Store, data: bytes, mime: str) -> bytes:
    """An export whose picture is ``data``."""
    value = json.loads(to_json(store, say(store, user(SCREEN))))
    name = hashlib.sha256(data).hexdigest()
    value["media"] = {name: base64.b64encode(data).decode()}
    value["messages"][0]["message"]["parts"][0] = {"type": "image", "sha256": name, "mime": mime}
    return json.dumps(value).encode()


def test_a_picture_that_does_not_open_is_refused(store: Store) -> None:
    large = io.BytesIO()
    Pillow.new("1", (11_000, 11_000)).save(large, "PNG")
    for data in (b"\x89PNG and nothing more", large.getvalue(), b"<svg onload='alert(1)'/>"):
        with pytest.raises(BadInput):
            from_json(store, smuggled(store, data, "image/png"))
