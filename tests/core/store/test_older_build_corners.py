"""The corners of an older build's data: branches go on, what it deleted is purged, and its exports are ours."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.store.export import from_json, from_markdown, to_json, to_markdown
from core.store.store import Store
from core.types.messages import Image, Message, Text
from tests.support.older_build import told
from tests.support.older_build_corners import EXPECTED, FOLDER, IDS, LISTED, VISIBLE, copied, export

STAGES = {"listen", "read", "look", "chat", "prompt", "paint", "speak"}  # every one that build notes


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return copied(tmp_path / "home")


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    store = Store(home / "parlor.db", home / "media")
    assert store.trouble is None
    yield store
    store.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "empty" / "parlor.db", tmp_path / "empty" / "media")
    yield store
    store.close()


# What is in it


@pytest.mark.parametrize("name", IDS)
def test_every_branch_part_maker_and_figure_is_there(store: Store, name: str) -> None:
    assert told(store, IDS[name]) == EXPECTED[name]


def test_its_conversations_are_listed_in_their_order_without_the_deleted_and_the_unused_one(store: Store) -> None:
    assert [each.id for each in store.conversations()] == LISTED
    assert set(LISTED) == {IDS[name] for name in VISIBLE}


def test_every_stage_that_it_notes_and_the_times_of_a_call_are_read(store: Store) -> None:
    messages = [node.message for id in IDS.values() for node in store.nodes(id)]
    assert {made.stage for message in messages for made in message.made_by} == STAGES
    timed = {name for message in messages if message.figures for name, _ in message.figures.seconds}
    waterfall = {"silence", "judge", "hear", "write", "speak", "wait", "carry", "total", "words"}
    assert timed == {*STAGES, "load"} | {f"call {name}" for name in waterfall}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("tomatoes greenh", {"garden"}),  # the last word unfinished; in a branch that is not selected
        ("next year", {"garden"}),  # a title that a person gave
        ("beans", {"garden"}),  # heard
        ("黄瓜", {"garden"}),
        ("宫保鸡丁", {"menu"}),  # read in a picture, and written
        ("mapo", {"menu"}),
        ("豆腐辣嗎", {"menu"}),
        ("灯塔", {"imported"}),
        ("森林公园", {"call"}),
        ("lighthouse", {"lighthouse", "imported"}),
        ("quince", set()),  # only in the deleted one
        ("windowsill", set()),  # only in the answer that is not settled
    ],
)
def test_its_words_are_found_as_it_found_them(store: Store, words: str, found: set[str]) -> None:
    assert {hit.conversation.id for hit in store.search(words)} == {IDS[name] for name in found}


# It goes on


def test_another_branch_can_be_selected_and_gone_on_with(store: Store) -> None:
    edited = next(node for node in store.nodes(IDS["garden"]) if "greenhouse" in node.message.text)
    assert edited.id not in {node.id for node in store.path(IDS["garden"])}
    store.select(edited.id)
    (root, *_, leaf) = store.path(IDS["garden"])
    assert root.id == edited.id
    new = store.add(IDS["garden"], Message("assistant", (Text("Noted: 温室."),)), leaf.id)
    assert [node.id for node in store.path(IDS["garden"])][-2:] == [leaf.id, new]
    assert [hit.node for hit in store.search("温室")] == [new]


def test_an_answer_that_was_running_is_kept_marked_as_cut_and_found(store: Store) -> None:
    before = EXPECTED["trouble"]["nodes"]
    assert store.recover() == 1
    after = told(store, IDS["trouble"])["nodes"]
    assert after == [*before[:-1], before[-1] | {"state": "done", "cut": True}]
    assert [hit.conversation.id for hit in store.search("windowsill 窗台")] == [IDS["trouble"]]
    assert store.recover() == 0


def test_the_deleted_conversation_comes_back_with_its_picture(store: Store) -> None:
    store.restore(IDS["deleted"])
    back = told(store, IDS["deleted"])
    assert back == EXPECTED["deleted"] | {"title": "What is in this picture of a quince?"}
    assert [hit.conversation.id for hit in store.search("quince")] == [IDS["deleted"]] * 2


def test_purging_removes_the_deleted_conversation_with_its_picture_and_nothing_else(store: Store, home: Path) -> None:
    (node, _) = store.nodes(IDS["deleted"])
    (picture,) = node.message.images
    before = media(home)
    assert store.purge(0) == 1
    assert store.nodes(IDS["deleted"]) == []
    assert before - media(home) == {picture.data}
    assert all(told(store, IDS[name]) == EXPECTED[name] for name in VISIBLE)


def media(home: Path) -> set[bytes]:
    return {file.read_bytes() for file in (home / "media").rglob("*") if file.is_file()}


# In and out


@pytest.mark.parametrize("name", VISIBLE)
def test_todays_json_export_is_its_own_byte_for_byte(store: Store, name: str) -> None:
    assert to_json(store, IDS[name]) == export(f"{name}.json")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", VISIBLE)
def test_todays_markdown_export_is_its_own_but_for_the_times_in_the_zip(store: Store, name: str, language: str) -> None:
    assert unzipped(to_markdown(store, IDS[name], language)) == unzipped(markdown(name, language))


@pytest.mark.parametrize("name", VISIBLE)
def test_its_json_export_comes_in_whole_and_nothing_is_running_any_more(empty: Store, name: str) -> None:
    new = from_json(empty, export(f"{name}.json"))
    nodes = [node | {"state": node["state"].replace("running", "done")} for node in EXPECTED[name]["nodes"]]
    assert told(empty, new) == EXPECTED[name] | {"nodes": nodes}
    theirs, ours = json.loads(export(f"{name}.json")), json.loads(to_json(empty, new))
    assert (ours["created"], ours["updated"], ours["media"]) == (theirs["created"], theirs["updated"], theirs["media"])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", VISIBLE)
def test_its_markdown_export_comes_in_as_the_selected_branch(empty: Store, name: str, language: str) -> None:
    new = from_markdown(empty, markdown(name, language), f"{name}.md")
    selected = [EXPECTED[name]["nodes"][number] for number in EXPECTED[name]["path"]]
    read = told(empty, new)
    assert read["title"] == EXPECTED[name]["title"]
    assert [in_markdown(node) for node in read["nodes"]] == [in_markdown(node) for node in selected]


def markdown(name: str, language: str) -> bytes:
    (file,) = (FOLDER / "exports").glob(f"{name}.{language}.*")
    return export(file.name)


def unzipped(data: bytes) -> bytes | list[tuple[str, bytes]]:
    """The members of a zip in their order, or the text itself where there are no media."""
    if not data.startswith(b"PK"):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def in_markdown(node: dict[str, Any]) -> list[Any]:
    """A message without what Markdown does not say: times of words, boxes of lines, makers, figures, errors."""
    cut = {"transcript": lambda part: part[:3], "reading": lambda part: [[line[0] for line in part[1]], *part[2:]]}
    return [node["role"], node["cut"], [cut.get(part[0], list)(part) for part in node["parts"]]]


def test_its_pictures_still_open(store: Store) -> None:
    pictures = [part for id in IDS.values() for node in store.nodes(id) for part in node.message.images]
    kinds = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff"}
    assert len(pictures) == 7
    assert all(isinstance(part, Image) and part.data.startswith(kinds[part.mime]) for part in pictures)
