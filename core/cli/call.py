"""The command ``call``: a recording is fed into a call; events, timings and the answers come out."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from core.app.app import App
from core.call.events import CallEvent, CallNotice, Caption, Clause, Drawing, Interrupted, PhaseChanged, Timed, as_json
from core.call.transport import CallOptions
from core.errors import BadInput
from core.host.terminal import language
from core.l10n.tables import languages
from core.l10n.text import l10n
from core.media.audio import open_audio, wav
from core.settings import Settings, load

if TYPE_CHECKING:
    from core.call.file_transport import FileClock
    from core.call.session import Call
    from core.types.messages import Audio

QUIET = (PhaseChanged, Clause)  # events that only --json tells


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--audio", required=True, metavar="FILE", help="what the microphone hears")
    parser.add_argument("--out", metavar="REPLY.wav", help="write what is said back, in its time")
    parser.add_argument("--json", action="store_true", help="one JSON object per event, with its time")
    parser.add_argument("--fast", action="store_true", help="wait for the models only, not for the recording")
    parser.add_argument("--image", action="append", default=[], metavar="FILE", help="show a picture at the beginning")
    parser.add_argument("--conversation", metavar="ID", default="", help="go on with a conversation, or begin it")
    parser.add_argument("--echo", type=float, default=0.0, metavar="GAIN", help="the microphone hears the answers, too")
    parser.add_argument("--lang", choices=languages(), default="", help="language of messages")
    for name, what in (("chat", "answers"), ("hear", "hears"), ("voice", "speaks"), ("painter", "draws")):
        parser.add_argument(f"--{name}", metavar="ID", default="", help=f"the model that {what}")


def call(options: argparse.Namespace) -> int:
    """Hold the call. Returns the exit status; raises ParlorError before it begins."""
    from core.call.file_transport import FileClock

    audio = open_audio(_read(options.audio), options.audio)
    if options.out and not Path(options.out).absolute().parent.is_dir():
        raise BadInput(
            l10n("{out} cannot be written: its folder does not exist. Choose another place.", out=options.out)
        )
    app = App(load())
    try:
        app.settings = _settings(options, app.settings)
        app.pool.change(app.settings)
        clock = FileClock(options.fast)
        conversation = app.store.begin(options.conversation) if options.conversation else ""
        held = app.calls.start(conversation, CallOptions(), clock)
        for file in options.image:
            held.show(_read(file), file)
        return _follow(held, clock, audio, options)
    finally:
        app.close()


def _settings(options: argparse.Namespace, settings: Settings) -> Settings:
    given = {"chat": options.chat, "see": options.chat, "hear": options.hear, "speak": options.voice}
    chosen = {name: model for name, model in (given | {"paint": options.painter}).items() if model}
    return replace(settings, **chosen)


def _follow(held: Call, clock: FileClock, audio: Audio, options: argparse.Namespace) -> int:
    from core.call.file_transport import hold, pieces

    seen, totals, status = 0, [], 0
    transport = None
    for transport in hold(held, clock, pieces(audio), options.echo):  # noqa: B007 — its last value is wanted
        events, seen = held.after(seen)
        for event in events:
            totals += [event.total] if isinstance(event, Timed) and event.words is None else []
            _print(event, clock(), options)
    events, seen = held.after(seen)
    for event in events:
        _print(event, clock(), options)
        if isinstance(event, PhaseChanged) and event.why:
            status = 1
    if options.out and transport:
        Path(options.out).write_bytes(wav(transport.reply))
    _sum_up(held, totals, transport.starved if transport else 0, options)
    return status


def _sum_up(held: Call, totals: list[float], starved: int, options: argparse.Namespace) -> None:
    middle = round(median(totals), 3) if totals else None
    if options.json:
        told = {"event": "call", "conversation": held.conversation, "answers": len(totals), "starved": starved}
        print(json.dumps(told | {"median_seconds": middle}, ensure_ascii=False), flush=True)
    elif totals:
        print(f"{len(totals)} answers; voice to voice {middle:.2f} s in the middle", file=sys.stderr)


def _print(event: CallEvent, at: float, options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps({"at": round(at, 3)} | as_json(event), ensure_ascii=False), flush=True)
        return
    match event:
        case Caption(_, "you", text, final=True) if text:
            print(f"{at:8.2f}  > {text}", flush=True)
        case Caption(_, "parlor", text, final=True):
            print(f"{at:8.2f}    {text}", flush=True)
        case Timed(total=total, words=None):
            print(f"{at:8.2f}    ({total:.2f} s)", file=sys.stderr, flush=True)
        case Interrupted():
            print(f"{at:8.2f}    --", file=sys.stderr, flush=True)
        case Drawing(image=image, prompt=prompt) if image:
            print(f"{at:8.2f}    [{prompt}]", flush=True)
        case CallNotice(text):
            print(f"{at:8.2f}  ! {text.into(options.lang or language())}", file=sys.stderr, flush=True)


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise BadInput(
            l10n("{file} cannot be read: {error}. Check its name.", file=file, error=error.strerror)
        ) from error
