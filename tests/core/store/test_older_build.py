"""A data folder of an older build opens: every conversation, branch, recording and export is what that build wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.call.recorder import recover
from core.store.export import from_json, from_markdown, to_json
from core.store.store import Store
from core.types.messages import Audio
from tests.support.older_build import EXPECTED, FOLDER, IDS, copied, told


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return copied(tmp_path / "home")


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    store = Store(home / "parlor.db", home / "media")
    yield store
    store.close()


@pytest.mark.parametrize("name", ["signs", "apple", "call", "killed"])
def test_every_branch_part_maker_and_figure_is_there(store: Store, name: str) -> None:
    assert told(store, IDS[name]) == EXPECTED[name]


def test_its_conversations_are_listed_and_the_deleted_one_comes_back(store: Store) -> None:
    assert {each.id for each in store.conversations()} == set(IDS.values()) - {IDS["old"]}
    store.restore(IDS["old"])
    assert told(store, IDS["old"])["nodes"] == EXPECTED["old"]["nodes"]


@pytest.mark.parametrize(
    ("words", "name"), [("two languages", "signs"), ("出口", "signs"), ("红苹果", "apple"), ("story", "call")]
)
def test_its_words_are_found_in_both_languages(store: Store, words: str, name: str) -> None:
    assert IDS[name] in {hit.conversation.id for hit in store.search(words)}


def test_an_answer_whose_app_was_killed_is_kept_and_marked_as_cut(store: Store) -> None:
    assert store.recover() == 1
    answer = store.path(IDS["killed"])[-1]
    assert (answer.state, answer.message.cut, answer.message.text) == ("done", True, "One, two, three")


def test_what_was_being_said_when_the_app_was_killed_joins_its_call(store: Store, home: Path) -> None:
    before = store.path(IDS["call"])
    assert recover(store, home / "calls") == 1
    after = store.path(IDS["call"])
    assert [node.id for node in after[:-1]] == [node.id for node in before]
    (sound,) = after[-1].message.parts
    assert isinstance(sound, Audio)
    assert sound.seconds == pytest.approx(0.6)


@pytest.mark.parametrize("name", ["signs", "apple", "call"])
def test_its_json_export_comes_in_whole(elsewhere: Store, name: str) -> None:
    copy = from_json(elsewhere, (FOLDER / "exports" / f"{name}.json").read_bytes())
    assert told(elsewhere, copy) == EXPECTED[name]


@pytest.mark.parametrize("name", ["signs", "apple", "call"])
def test_todays_json_export_is_the_one_it_wrote(store: Store, name: str) -> None:
    ours, theirs = json.loads(to_json(store, IDS[name])), json.loads((FOLDER / "exports" / f"{name}.json").read_bytes())
    assert ours == theirs


@pytest.mark.parametrize("name", ["signs", "apple", "call"])
def test_its_markdown_export_comes_in_as_the_selected_branch(elsewhere: Store, name: str) -> None:
    copy = from_markdown(elsewhere, (FOLDER / "exports" / f"{name}.zip").read_bytes(), f"{name}.zip")
    selected = [EXPECTED[name]["nodes"][number] for number in EXPECTED[name]["path"]]
    assert [read_in_markdown(node) for node in told(elsewhere, copy)["nodes"]] == [
        read_in_markdown(n) for n in selected
    ]


def read_in_markdown(node: dict[str, Any]) -> list[Any]:
    """The parts of a message without what Markdown does not say: the times of words, the boxes of lines."""
    cut = {"transcript": lambda part: part[:3], "reading": lambda part: [line[0] for line in part[1]]}
    return [cut.get(part[0], list)(part) for part in node["parts"]]
