"""Parlor without a browser (``python -m core.cli``): ``ask``, ``models``, ``doctor``, ``bench``."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from core import terminal
from core.catalogue import Catalogue, ModelSpec, installed, size_text
from core.catalogue import load as load_catalogue
from core.errors import BadInput, ParlorError
from core.events import Progress
from core.settings import Settings, load

INTERRUPTED = 130


class OneLine(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}. See: {self.prog} --help", f"参数有误：{message}。用法：{self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. A ParlorError is one line on standard error."""
    terminal.prepare_streams()
    language: str = terminal.language()
    arguments = list(sys.argv[1:] if argv is None else argv)
    for flag, value in zip(arguments, [*arguments[1:], ""], strict=True):
        if flag.startswith("--lang"):
            language = flag.partition("=")[2] or value
    try:
        options = _parser().parse_args(arguments)
        return int(options.run(options))
    except ParlorError as error:
        print(error.said(language), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away
        sys.stderr.close()
        return 1


def _parser() -> OneLine:
    parser = OneLine(prog="start.py", description="Parlor without a browser")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=OneLine)

    from core import ask

    one_turn = commands.add_parser("ask", help="one turn: text, pictures or a recording in, an answer out")
    ask.add_arguments(one_turn)
    one_turn.set_defaults(run=ask.ask)

    models = commands.add_parser("models", help="list, get, verify or remove models")
    models.add_argument("action", nargs="?", default="list", choices=["list", "get", "verify", "remove"])
    models.add_argument("ids", nargs="*", metavar="ID", help="models; get and verify without any mean the starter set")
    models.add_argument("--json", action="store_true", help="one JSON object per line")
    models.set_defaults(run=_models)

    doctor = commands.add_parser("doctor", help="this machine, its accelerators, and what each engine was built with")
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(run=_doctor)

    bench = commands.add_parser("bench", help="measure", add_help=False)
    bench.add_argument("name", choices=["chat"])
    bench.add_argument("rest", nargs=argparse.REMAINDER)
    bench.set_defaults(run=lambda options: importlib.import_module(f"bench.{options.name}").main(options.rest))
    return parser


def _models(options: argparse.Namespace) -> int:
    settings = load()
    catalogue = load_catalogue(settings.home / "catalogue.toml")
    if options.action == "list":
        return _list(catalogue, settings, options.json)
    specs = [catalogue.find(name) for name in options.ids] or list(_default(options.action, catalogue, settings))
    for spec in specs:
        _carry_out(options.action, spec, settings, options.json)
    return 0


def _default(action: str, catalogue: Catalogue, settings: Settings) -> Iterator[ModelSpec]:
    """Without an id: get fetches the starter set, verify checks what is installed, remove wants a name."""
    if action == "get":
        yield from catalogue.starter()
    elif action == "verify":
        yield from (spec for spec in catalogue.models if installed(spec, settings.models))
    else:
        raise BadInput("Name the model to remove: models remove ID", "请指定要删除的模型：models remove ID")


def _list(catalogue: Catalogue, settings: Settings, as_json: bool) -> int:
    for spec in catalogue.models:
        there = installed(spec, settings.models)
        if as_json:
            row = {"id": spec.id, "name": spec.name, "task": spec.task, "installed": there, "starter": spec.starter}
            row |= {"bytes": spec.bytes, "memory": spec.memory, "languages": spec.languages}
            print(json.dumps(row | {"licence": spec.licence, "revision": spec.revision}, ensure_ascii=False))
        else:
            mark, more = "✓" if there else "·", len(spec.languages) - 2
            languages = " ".join(spec.languages[:2]) + (f" +{more}" if more > 0 else "")
            print(f"{mark} {spec.id:30} {spec.task:6} {size_text(spec.bytes):>7}  {languages:10} {spec.licence}")
    return 0


def _carry_out(action: str, spec: ModelSpec, settings: Settings, as_json: bool) -> None:
    from core import downloads

    line = terminal.StatusLine()
    steps: Iterator[Progress] = iter(())
    if action == "get":
        steps = downloads.fetch(spec, settings)
    elif action == "verify":
        steps = downloads.verify(spec, settings.models)
    else:
        downloads.remove(spec, settings.models)
    chinese = terminal.language() == "zh"
    for step in steps:
        if as_json:
            print(json.dumps(_step(spec, step), ensure_ascii=False), flush=True)
        else:
            line.show(f"{spec.id}: {step.note_zh if chinese else step.note}")
    line.clear()
    done = {"get": ("installed", "已安装"), "verify": ("intact", "完好"), "remove": ("removed", "已删除")}[action]
    if as_json:
        print(json.dumps({"event": "done", "id": spec.id, "text": done[0]}), flush=True)
    else:
        print(f"{spec.id}: {done[1] if chinese else done[0]}", flush=True)


def _step(spec: ModelSpec, step: Progress) -> dict[str, Any]:
    return {"event": "progress", "id": spec.id, "stage": step.stage, "fraction": step.fraction, "text": step.note}


def _doctor(options: argparse.Namespace) -> int:
    from core import doctor

    found = doctor.examine(load())
    print(
        json.dumps(found, ensure_ascii=False, indent=2) if options.json else doctor.render(found, terminal.language())
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
