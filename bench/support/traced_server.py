"""The app's own server with one thing added, for ``bench.ui``: it writes down when the engine gave each piece of text.

``python -m bench.support.traced_server TRACE --port N``: a line of JSON a piece, ``[time.time(), letters so far]``.
"""

from __future__ import annotations

import json
import runpy
import sys
import time

from core.app.runs import Run
from core.types.events import Delta, Event


def main() -> None:
    trace = open(sys.argv.pop(1), "a", buffering=1, encoding="utf-8")  # noqa: SIM115 — as long as the process
    letters: dict[str, int] = {}
    keep = Run.keep

    def noted(run: Run, event: Event) -> None:
        if isinstance(event, Delta):
            letters[run.id] = letters.get(run.id, 0) + sum(map(str.isalnum, event.text))
            trace.write(json.dumps([time.time(), letters[run.id], event.text]) + "\n")
        keep(run, event)

    Run.keep = noted  # type: ignore[assignment,method-assign]
    runpy.run_module("ui.serve", run_name="__main__")


if __name__ == "__main__":
    main()
