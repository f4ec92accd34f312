"""``models``: what there is, and getting, adding, checking, removing and moving it."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from core.catalogue import licences as terms
from core.catalogue import user_file as usercatalogue
from core.catalogue.load import load as load_catalogue
from core.catalogue.spec import Catalogue, ModelSpec, installed
from core.errors import BadInput
from core.host import terminal
from core.host.disk import absolute
from core.l10n.text import L10n, l10n
from core.settings import Settings, keep, load
from core.text.sizes import size_text
from core.types.events import Progress

TASKS = ("chat", "see", "hear", "speak", "paint", "embed")
DONE = {
    "get": l10n("installed"),
    "add": l10n("added"),
    "note": l10n("added, not fetched yet"),
    "verify": l10n("intact"),
    "remove": l10n("removed"),
    "move": l10n("moved"),
}

T = TypeVar("T")


def add_arguments(models: argparse.ArgumentParser, kind: type[argparse.ArgumentParser]) -> None:
    """Describe the commands on ``models``; each sets ``run``. ``kind`` is the class of their parsers."""
    models.add_argument("--json", action="store_true", help="one JSON object per line")
    models.set_defaults(run=_list)
    actions = models.add_subparsers(metavar="ACTION", parser_class=kind)
    again = argparse.ArgumentParser(add_help=False)
    again.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object per line")

    actions.add_parser("list", parents=[again], help="every known model").set_defaults(run=_list)
    get = actions.add_parser("get", parents=[again], help="fetch models; without any the starter set")
    get.add_argument("ids", nargs="*", metavar="ID")
    get.add_argument("--accept", action="store_true", help="agree to the models' licences where they ask for it")
    get.set_defaults(run=_get)
    add = actions.add_parser("add", parents=[again], help="add a model of yours, or one from the hub")
    add.add_argument("what", metavar="PATH_OR_HUB_ID", help="a file, a folder, or owner/name[@revision][:file]")
    add.add_argument("--task", default="", choices=TASKS, help="what it is to be used for")
    add.add_argument("--id", default="", help="what it is to be called")
    add.add_argument("--file", default="", metavar="NAME", help="which GGUF file, or its quantisation, of several")
    add.add_argument("--for", default="", dest="base", metavar="ID", help="the model that a LoRA adapter joins")
    add.add_argument("--no-get", action="store_true", help="note a model of the hub without fetching it")
    add.add_argument("--accept", action="store_true", help="agree to its licence where it asks for it")
    add.set_defaults(run=_add)
    verify = actions.add_parser("verify", parents=[again], help="check every file; without an id all installed models")
    verify.add_argument("ids", nargs="*", metavar="ID")
    verify.set_defaults(run=_verify)
    remove = actions.add_parser("remove", parents=[again], help="delete models; your own leave the catalogue too")
    remove.add_argument("ids", nargs="+", metavar="ID")
    remove.set_defaults(run=_remove)
    move = actions.add_parser("move", parents=[again], help="move the folder of all models")
    move.add_argument("folder", metavar="FOLDER")
    move.set_defaults(run=_move)


def _known(settings: Settings) -> Catalogue:
    return load_catalogue(usercatalogue.file_of(settings))


def _list(options: argparse.Namespace) -> int:
    settings = load()
    mine = usercatalogue.ids(settings) - {spec.id for spec in load_catalogue().models}
    for spec in _known(settings).models:
        there, own = installed(spec, settings.models), spec.id in mine
        if options.json:
            row = {"id": spec.id, "name": spec.name, "task": spec.task, "installed": there, "starter": spec.starter}
            row |= {"own": own, "engine": spec.engine, "bytes": spec.bytes, "memory": spec.memory, "terms": spec.terms}
            row |= {"languages": spec.languages, "licence": spec.licence, "revision": spec.revision}
            print(json.dumps(row, ensure_ascii=False))
        else:
            mark, more = "✓" if there else "·", len(spec.languages) - 2
            languages = " ".join(spec.languages[:2]) + (f" +{more}" if more > 0 else "")
            kept = "starter" if spec.starter else "own" if own else ""
            size = size_text(spec.bytes) if spec.bytes else "?"
            line = f"{mark} {spec.id:30} {spec.task:6} {size:>7}  {languages:10} {kept:8} {spec.licence}"
            print(line.rstrip())
    return 0


def _get(options: argparse.Namespace) -> int:
    from core.manage.get import get

    settings = load()
    known = _known(settings)
    for spec in [known.find(id) for id in options.ids] or known.starter():
        _agree(spec, settings, options.accept)
        _follow(spec.id, get(spec, settings), options.json)
        _done("get", spec.id, options.json)
    return 0


def _add(options: argparse.Namespace) -> int:
    settings, path = load(), absolute(options.what)
    if os.path.exists(path):  # False also for a name too long for the disk
        from core.importer.add_local import adopt

        steps = adopt(path, settings, options.task, options.id, options.base, options.file)
        spec = _follow(path.name, steps, options.json)
        _done("add", spec.id, options.json)
        return 0
    from core.importer.add_hub import look_up, named
    from core.manage.get import get

    if named(options.what) is None or options.what.startswith(("/", ".", "~")):
        raise BadInput(
            l10n("There is no file or folder {what}, and it is no hub id like owner/name.", what=options.what)
        )
    wanted = (options.task, options.id, options.file)
    spec = _follow(options.what, look_up(options.what, settings, *wanted), options.json)
    if not options.no_get:
        _agree(spec, settings, options.accept)
        _follow(spec.id, get(spec, settings), options.json)
    _done("note" if options.no_get else "add", spec.id, options.json)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from core.download.fetch import verify

    settings = load()
    known = _known(settings)
    here = (spec for spec in known.models if installed(spec, settings.models))
    for spec in [known.find(id) for id in options.ids] or here:
        _follow(spec.id, verify(spec, settings.models), options.json)
        _done("verify", spec.id, options.json)
    return 0


def _remove(options: argparse.Namespace) -> int:
    from core.manage.remove import remove

    settings = load()
    with _closed(settings, l10n("Remove models")):
        for spec in [_known(settings).find(id) for id in options.ids]:
            if changes := remove(spec, load()):  # what the one before has changed is read again
                keep(settings.home, changes)
            _done("remove", spec.id, options.json)
    return 0


def _move(options: argparse.Namespace) -> int:
    from core.manage.move import move

    settings = load()
    with _closed(settings, l10n("Move the folder")):
        home = settings.home
        steps = move(Path(options.folder), settings, lambda: None, lambda to: keep(home, {"models_folder": str(to)}))
        _follow("models", steps, options.json)
    _done("move", "models", options.json)
    return 0


@contextmanager
def _closed(settings: Settings, do: L10n) -> Iterator[None]:
    """Keep the app from being opened. Raises BadInput, saying where to ``do`` it instead, when it is open."""
    from core.server.launch import claim

    lock = claim(settings.home)
    if lock is None:
        raise BadInput(l10n("Parlor is open. {do} on its Models page, or close it first.", do=do))
    try:
        yield
    finally:
        lock.release()


def _agree(spec: ModelSpec, settings: Settings, yes: bool) -> None:
    if yes:
        terms.accept(spec, settings)
    terms.must_accept(spec, settings)


def _follow(id: str, steps: Generator[Progress, None, T], as_json: bool) -> T:
    """Show the steps; what they return."""
    line, language = terminal.StatusLine(), terminal.language()
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                line.clear()
                result: T = end.value
                return result
            if as_json:
                told: dict[str, Any] = {"event": "progress", "id": id, "stage": step.stage, "fraction": step.fraction}
                print(json.dumps(told | {"text": str(step.note)}, ensure_ascii=False), flush=True)
            else:
                line.show(f"{id}: {step.note.into(language)}")


def _done(action: str, id: str, as_json: bool) -> None:
    text = DONE[action]
    if as_json:
        print(json.dumps({"event": "done", "id": id, "text": str(text)}, ensure_ascii=False), flush=True)
    else:
        print(f"{id}: {text.into(terminal.language())}", flush=True)
