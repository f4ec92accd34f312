"""Parlor without a browser (``python -m core.cli``): ``ask``, ``call``, ``models``, ``doctor``, ``bench``."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from typing import NoReturn

from core.errors import BadInput, ParlorError
from core.host import terminal
from core.l10n.text import l10n
from core.settings import load

INTERRUPTED = 130


class OneLine(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(l10n("{message}. See: {prog} --help", message=message, prog=self.prog))


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

    from core.cli import ask

    one_turn = commands.add_parser("ask", help="one turn: text, pictures or a recording in, an answer out")
    ask.add_arguments(one_turn)
    one_turn.set_defaults(run=ask.ask)

    from core.cli import call as cli_call

    call = commands.add_parser("call", help="a call: a recording is the microphone, events and answers come out")
    cli_call.add_arguments(call)
    call.set_defaults(run=cli_call.call)

    from core.cli import models as cli_models

    models = commands.add_parser("models", help="list, get, add, verify, remove or move models")
    cli_models.add_arguments(models, OneLine)

    doctor = commands.add_parser("doctor", help="this machine, its accelerators, and what each engine was built with")
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(run=_doctor)

    bench = commands.add_parser("bench", help="measure", add_help=False)
    bench.add_argument(
        "name", choices=["beside", "chat", "floor", "gpu", "hearing", "hour", "memory", "see", "starter", "ui", "voice"]
    )
    bench.add_argument("rest", nargs=argparse.REMAINDER)
    bench.set_defaults(run=lambda options: importlib.import_module(f"bench.{options.name}").main(options.rest))
    return parser


def _doctor(options: argparse.Namespace) -> int:
    from core.cli import doctor

    found = doctor.examine(load())
    print(
        json.dumps(found, ensure_ascii=False, indent=2) if options.json else doctor.render(found, terminal.language())
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
