"""The sources of the house as values: its files, what each imports, which doors are wrong, which circles there are."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("core", "models", "ui", "pages")

Tables = Mapping[str, Mapping[str, str]]  # top folder -> room -> the rooms that it may import, with spaces between


def sources() -> list[Path]:
    tops = [ROOT / name for name in ("start.py", "Home.py")]
    return tops + sorted(path for top in (*TOPS, "bench", "tests") for path in (ROOT / top).rglob("*.py"))


def parsed(path: Path) -> ast.Module:
    return _tree(path.read_text("utf-8"))


@cache
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


def imports(tree: ast.AST) -> set[str]:
    """The dotted names that ``tree`` imports, wherever they stand in it; ``from a import b`` counts as ``a.b``."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written whole"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@cache
def _imports(source: str) -> frozenset[str]:
    return frozenset(imports(_tree(source)))


def dotted(path: Path) -> str:
    """``core/call/session.py`` -> ``core.call.session``."""
    return ".".join(path.parent.parts if path.stem == "__init__" else path.with_suffix("").parts)


def import_graph(root: Path) -> dict[str, set[str]]:
    """Module -> the modules of the house that it imports, those that only the type checker reads among them."""
    paths = [path for top in TOPS for path in (root / top).rglob("*.py")]
    names = {dotted(path.relative_to(root)): path for path in paths}
    edges = {}
    for name, path in names.items():
        targets = {_known(each, names) for each in _imports(path.read_text("utf-8"))}
        edges[name] = targets - {name, ""}
    return edges


def _known(name: str, names: Mapping[str, Path]) -> str:
    """The module that the import ``name`` is of: ``name`` itself, or the longest beginning of it that there is."""
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name


def room_of(module: str, root: Path) -> tuple[str, str]:
    """``core.call.session`` -> (core, call). A file beside the rooms, like core.errors, is a room of its own."""
    top, *inner = module.split(".")
    if len(inner) > 1 and not (root / Path(*module.split("."))).is_dir():
        inner = inner[:-1]
    return top, ".".join(inner)


def wrong_doors(root: Path, tables: Tables, across: Mapping[str, set[str]], everybody: set[str]) -> list[str]:
    """Every import that the tables do not allow, and every file whose room no table knows.

    ``across`` names the rooms of core that another top folder may import; ``everybody`` those that any room of core
    may.
    """
    found = []
    for module, targets in sorted(import_graph(root).items()):
        top, room = room_of(module, root)
        if top not in tables or not room or (root / Path(*module.split("."))).is_dir():
            continue  # a page, or an __init__
        if room not in tables[top]:
            found.append(f"{module}: no table knows the room {top}.{room}")
            continue
        for target in sorted(targets):
            to_top, to_room = room_of(target, root)
            may = {room, *tables[top][room].split()} if to_top == top else across.get(top, set(tables["core"]))
            if to_room and to_room not in may and not (to_top == "core" and to_room in everybody):
                found.append(f"{module} must not import {target}")
    return found


def circles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules each of which can reach the others: strongly connected components (Tarjan, 1972)."""
    found: list[list[str]] = []
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(name: str) -> int:
        number = low[name] = len(low)
        stack.append(name)
        for target in sorted(edges[name]):
            if target not in low:
                low[name] = min(low[name], visit(target))
            elif target in stack:
                low[name] = min(low[name], low[target])
        if low[name] == number:
            at = stack.index(name)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]
        return low[name]

    for name in edges:
        if name not in low:
            visit(name)
    return found


def folders() -> Iterator[Path]:
    """Every folder of the house, its benches and its tests that holds Python files."""
    for top in (*TOPS, "bench", "tests"):
        for folder in (ROOT / top, *(path for path in (ROOT / top).rglob("*") if path.is_dir())):
            if any(folder.glob("*.py")):
                yield folder


def listed(tree: str) -> Iterator[str]:
    """The paths of a drawn tree: a folder ends with a slash, each step in is two spaces, words follow the name."""
    above: list[str] = []
    for line in tree.splitlines():
        if name := line.split()[0] if line.strip() else "":
            above = above[: (len(line) - len(line.lstrip())) // 2]
            if name.endswith("/"):
                above.append(name.rstrip("/"))
            else:
                yield "/".join([*above, name])
