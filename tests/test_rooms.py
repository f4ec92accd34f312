"""The rooms and the doors between them: which room may import which.

``CORE``, ``MODELS`` and ``UI`` are the tables that docs/ARCHITECTURE.md shows: a room may import itself, the rooms
named beside it, and what everybody may. They stand from top to bottom, so that nothing can point back up.
"""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

from tests.support.house import ROOT, TOPS, circles, folders, import_graph, listed, parsed, sources, wrong_doors

EVERYBODY = {"types", "errors", "l10n"}  # of core: values, errors and texts, which import nothing else
MOST, LEAST = 16, 2  # files in a room

CORE = {
    "cli": "server app call manage importer pipeline runtime download catalogue media host settings text",
    "server": "app call",
    "app": "call manage pipeline runtime store catalogue host settings",
    "call": "turn_taking pipeline runtime store catalogue media host settings",
    "turn_taking": "media text",
    "manage": "importer download catalogue host settings text",
    "pipeline": "runtime catalogue media settings text",
    "importer": "download catalogue formats host settings text",
    "runtime": "catalogue host settings",
    "download": "catalogue host settings text",
    "catalogue": "settings text",
    "store": "media host text",
    "settings": "host",
    "media": "text",
    "host": "text",
    "formats": "",
    "text": "",
    "types": "",
    "errors": "",
    "l10n": "",
}
OF_CORE = {"catalogue", "formats", "host", "media", "settings", "text"}  # what an engine may import of core
MODELS = {
    **dict.fromkeys(
        ("clip", "coqui", "diffusion", "kokoro", "llama", "llava", "ocr", "smart_turn", "vad", "whisper"), "common"
    ),
    "common": "",
    "starter.train": "starter.data",
    "starter.data": "",
}
UI = {
    "serve": "",
    "shell": "chat playback transport common i18n",
    "call": "transport common i18n",
    "chat": "playback common i18n",
    "models": "common i18n",
    "settings": "common i18n",
    "playback": "common i18n",
    "transport": "common i18n",
    "common": "i18n",
    "i18n": "",
}
TABLES = {"core": CORE, "models": MODELS, "ui": UI}


def wrong(root: Path) -> list[str]:
    return wrong_doors(root, TABLES, {"models": OF_CORE}, EVERYBODY)


def test_a_file_imports_only_what_its_room_may() -> None:
    assert not wrong(ROOT)


def test_no_files_import_each_other_in_a_circle() -> None:
    assert not circles(import_graph(ROOT))


@pytest.mark.parametrize("table", [CORE, MODELS, UI], ids=["core", "models", "ui"])
def test_a_room_may_import_only_rooms_below_it(table: dict[str, str]) -> None:
    order = list(table)
    for room, allowed in table.items():
        assert all(order.index(other) > order.index(room) for other in allowed.split()), room


def test_no_room_is_crowded_and_none_is_empty() -> None:
    code = (".py", ".js", ".css")
    counts = {str(each.relative_to(ROOT)): sum(path.suffix in code for path in each.iterdir()) for each in folders()}
    lonely = {"models", "models/starter", "tests/models"}  # an __init__ above rooms
    assert {name: count for name, count in counts.items() if count > MOST} == {}
    assert {name for name, count in counts.items() if count < LEAST} <= lonely


def test_no_room_stands_in_a_table_that_is_not_there() -> None:
    for top, table in TABLES.items():
        for room in table:
            place = ROOT / top / room.replace(".", "/")
            assert place.is_dir() or place.with_suffix(".py").is_file(), f"{top}.{room}"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the sources to plant something in."""
    for top in TOPS:
        shutil.copytree(ROOT / top, tmp_path / top, ignore=shutil.ignore_patterns("weights", "__pycache__"))
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        ("core/text/width.py", "from core.app.app import parlor", "core.text.width must not import core.app.app"),
        ("core/store/store.py", "from core.runtime.pool import Pool", "core.store.store must not import core.runtime"),
        ("models/clip/engine.py", "from models.llava.load import load", "models.clip.engine must not import models.ll"),
        ("models/vad/engine.py", "import core.pipeline.route", "models.vad.engine must not import core.pipeline.route"),
        ("ui/common/component.py", "from ui.chat import message", "ui.common.component must not import ui.chat.mess"),
        (
            "core/attic/chest.py",
            "from core.errors import BadInput",
            "core.attic.chest: no table knows the room",
        ),
    ],
)
def test_a_planted_import_is_found(house: Path, file: str, line: str, found: str) -> None:
    (house / file).parent.mkdir(exist_ok=True)
    with (house / file).open("a", encoding="utf-8") as planted:
        planted.write(f"\nif TYPE_CHECKING:\n    {line}\n")
    (told,) = wrong(house)
    assert told.startswith(found)


def test_a_planted_circle_is_found(house: Path) -> None:
    with (house / "core" / "types" / "provenance.py").open("a", encoding="utf-8") as planted:
        planted.write("\ndef late() -> None:\n    from core.types import messages\n")
    (circle,) = circles(import_graph(house))
    assert {"core.types.messages", "core.types.provenance"} <= set(circle)


def test_no_two_classes_share_a_name() -> None:
    names: dict[str, list[str]] = {}
    for path in sources():
        if path.relative_to(ROOT).parts[0] != "tests":
            for node in ast.walk(parsed(path)):
                if isinstance(node, ast.ClassDef):
                    names.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: places for name, places in names.items() if len(places) > 1} == {}


def drawn(table: dict[str, str]) -> str:
    """A table of rooms as docs/ARCHITECTURE.md shows it."""
    rows = [
        f"| `{room}` | {' '.join(f'`{other}`' for other in allowed.split()) or '·'} |"
        for room, allowed in table.items()
    ]
    return "\n".join(["| room | may import |", "|---|---|", *rows])


@pytest.mark.parametrize("table", [CORE, MODELS, UI], ids=["core", "models", "ui"])
def test_the_architecture_page_shows_these_tables(table: dict[str, str]) -> None:
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8")
    assert drawn(table) in page, f"put this into docs/ARCHITECTURE.md:\n{drawn(table)}"


@pytest.mark.parametrize("page", ["README.md", "docs/ARCHITECTURE.md"])
def test_the_pages_name_every_file_of_the_house(page: str) -> None:
    """The tree of both pages has a line a file, and no line of a file that is not there."""
    text = (ROOT / page).read_text("utf-8")
    tree = re.search(r"```\nParlor/\n(.*?)```", text, re.DOTALL)
    assert tree, "a block that begins with Parlor/"
    told = set(listed(tree[1]))
    there = {str(path.relative_to(ROOT)) for top in TOPS for path in (ROOT / top).rglob("*.py")}
    there = {path for path in there if not path.endswith("__init__.py")}
    assert there - told == set()
    assert {path for path in told if path.endswith(".py") and path.split("/")[0] in TOPS} - there == set()
