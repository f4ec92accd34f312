"""``ask``: one turn without a browser. The answer streams to standard output, all else goes to standard error."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.app.app import App
from core.app.runs import Run
from core.catalogue.spec import not_installed
from core.cli.ask_arguments import add_arguments as add_arguments
from core.cli.ask_arguments import settings_of, turn_of
from core.errors import BadInput
from core.host.terminal import StatusLine, language
from core.l10n.text import L10n, l10n
from core.media.audio import wav
from core.runtime.lease import needed
from core.settings import load
from core.types.events import Delta, Done, Event, Heard, Notice, Picture, Progress, Prompt, Recorded, Sound, Understood
from core.types.messages import Audio, Image, Message, concatenate

INTERRUPTED = 130


def ask(options: argparse.Namespace) -> int:
    """Run one turn as ``options`` say. Returns the exit status; raises ParlorError before the turn begins."""
    turn = turn_of(options)
    for target in filter(None, (options.speak, options.out)):
        _check_target(Path(target))
    app = App(load())
    try:
        app.settings = settings_of(options, app.settings, app.catalogue)
        app.pool.change(app.settings)
        if options.speak:
            choice = app.services.choice()
            voice = needed(choice.speak, l10n("speak"))
            if not choice.has(voice):
                raise not_installed(voice)
        sampling = app.services.sampling()
        if options.seed is not None:
            sampling = replace(sampling, seed=options.seed)
        conversation = app.store.begin(options.conversation) if options.conversation else app.store.create()
        run = app.runs.start(conversation, turn, sampling)
        status = _show(run, options)
        if run.trouble and status != INTERRUPTED:
            raise run.trouble
        return status
    finally:
        app.close()


def as_json(event: Event) -> dict[str, Any]:
    """An event as ``--json`` writes it."""
    made: dict[str, Any] = {"event": type(event).__name__.lower()}
    match event:
        case Heard(text, language, words):
            made |= {"text": text, "language": language}
            made["words"] = [{"text": word.text, "start": word.start, "end": word.end} for word in words]
        case Delta(text):
            made["text"] = text
        case Sound(audio, text):
            made |= {"text": text, "audio_seconds": round(audio.seconds, 3)}
        case Picture(image):
            made |= {"mime": image.mime, "bytes": len(image.data)}
        case Prompt(request):
            made |= asdict(request)
        case Progress():
            made |= {"stage": event.stage, "fraction": event.fraction, "text": str(event.note)}
        case Notice(text):
            made |= {"note": str(text), "note_zh": text.into("zh")}
        case Done(message):
            made |= done_json(message)
    return made


def done_json(message: Message) -> dict[str, Any]:
    """What ``done`` says of an answer: its text, what made it, and what it cost (seconds, tokens per second)."""
    makers = [
        {
            "stage": entry.stage,
            "model": entry.model,
            "revision": entry.revision,
            "sha256": entry.sha256,
            "settings": dict(entry.settings),
            "seed": entry.seed,
        }
        for entry in message.made_by
    ]
    figures = message.figures
    return {
        "text": message.text,
        "cut": message.cut,
        "made_by": (makers[0] | {"with": makers[1:]}) if makers else None,
        "seconds": dict(figures.seconds) if figures else {},
        "tokens_per_second": figures.tokens_per_second if figures else None,
        "first_token_seconds": figures.first_token_seconds if figures else None,
        "prompt_tokens": figures.prompt_tokens if figures else 0,
        "reused_tokens": figures.reused_tokens if figures else 0,
    }


def _check_target(target: Path) -> None:
    if target.is_dir() or not target.parent.is_dir():
        raise BadInput(
            l10n(
                "{target} cannot be written: its folder does not exist, or it is a folder itself. Choose another "
                "place.",
                target=target,
            )
        )


def _show(run: Run, options: argparse.Namespace) -> int:
    """Print events as they come; Ctrl-C stops the turn, keeps what was said, and says 130."""
    sounds: list[Audio] = []
    pictures = 0
    status = StatusLine()
    index, interrupted = 0, False
    while True:
        try:
            run.wait(index, 1.0)
            events, index = run.after(index)
            for event in events:
                if isinstance(event, Sound):
                    sounds.append(event.audio)
                if isinstance(event, Picture):
                    pictures += 1
                    _save(event.image, _place(options, pictures), options)
                _print(event, run, options, status, pictures)
            if run.finished and not run.after(index)[0]:
                break
        except KeyboardInterrupt:
            interrupted = True
            run.stop()
    status.clear()
    if not options.json and any(isinstance(event, Delta) for event in run.after(0)[0]):
        print(flush=True)
    if options.speak and sounds:
        Path(options.speak).write_bytes(wav(concatenate(sounds)))
    unspoken = bool(options.speak) and not (sounds or pictures)  # a note on standard error has said why
    return INTERRUPTED if interrupted else int(unspoken)


def _print(event: Event, run: Run, options: argparse.Namespace, status: StatusLine, pictures: int) -> None:
    if options.json:
        made = as_json(event)
        if isinstance(event, Picture) and options.out:
            made["path"] = str(_place(options, pictures))
        if isinstance(event, Done):
            made["conversation"] = run.conversation
        if not isinstance(event, Understood | Recorded):
            print(json.dumps(made, ensure_ascii=False), flush=True)
    elif isinstance(event, Delta):
        status.clear()
        print(event.text, end="", flush=True)
    elif isinstance(event, Notice):
        status.clear()
        print(_text(event.text, options), file=sys.stderr, flush=True)
    elif isinstance(event, Progress):
        done = "" if event.fraction is None else f" {event.fraction:.0%}"
        status.show(_text(event.note, options) + done)
    elif isinstance(event, Heard):
        status.clear()
        print(f"> {event.text}", file=sys.stderr, flush=True)
    elif isinstance(event, Prompt):
        status.clear()
        print(f"> {event.request.prompt}", file=sys.stderr, flush=True)


def _place(options: argparse.Namespace, number: int) -> Path:
    """Where the picture of this number goes: ``p.png``, ``p-2.png``, ``p-3.png``."""
    out = Path(options.out or "")
    return out if number == 1 else out.with_stem(f"{out.stem}-{number}")


def _save(image: Image, out: Path, options: argparse.Namespace) -> None:
    """Write the picture beside its place and move it there: never half a file."""
    if not options.out:
        return
    partial = out.with_name(out.name + ".part")
    try:
        partial.write_bytes(image.data)
        partial.replace(out)
    except OSError as error:
        raise BadInput(
            l10n(
                "{out} cannot be written: {error}. The picture is kept in the conversation.",
                out=out,
                error=error.strerror,
            )
        ) from error
    if not options.json:
        print(out, flush=True)


def _text(text: L10n, options: argparse.Namespace) -> str:
    return text.into(options.lang or language())
