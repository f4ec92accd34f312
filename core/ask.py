"""``ask``: one turn without a browser. The answer streams to standard output, all else goes to standard error."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.catalogue import installed, not_installed
from core.errors import BadInput
from core.events import Delta, Done, Event, Heard, Picture, Progress, Sound
from core.ledger import needed
from core.media import open_audio, open_image, open_text, wav
from core.messages import Audio, Message, Part, Text, Turn
from core.parlor import Parlor
from core.runs import Run
from core.settings import load
from core.terminal import StatusLine, language

INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", default="", help="what to say; - reads standard input")
    parser.add_argument("--image", action="append", default=[], metavar="FILE", help="show a picture (may be repeated)")
    parser.add_argument("--audio", action="append", default=[], metavar="FILE", help="play a recording")
    parser.add_argument("--draw", action="store_true", help="answer with a picture")
    parser.add_argument("--speak", metavar="OUT.wav", help="say the answer into this file")
    parser.add_argument("--out", metavar="OUT.png", help="where a drawn picture goes")
    parser.add_argument("--chat", metavar="ID", default="", help="the model that answers")
    parser.add_argument("--seed", type=int, help="the same seed gives the same answer")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="longest answer")
    parser.add_argument("--lang", choices=["en", "zh"], default="", help="language of the answer and of messages")
    parser.add_argument("--conversation", metavar="ID", default="", help="go on with a conversation, or begin it")
    parser.add_argument("--json", action="store_true", help="one JSON object per event")


def ask(options: argparse.Namespace) -> int:
    """Run one turn as ``options`` say. Returns the exit status; raises ParlorError before the turn begins."""
    turn = Turn(tuple(_parts(options)), options.draw or None, bool(options.speak), options.lang)
    if not turn.parts:
        raise BadInput(
            'Nothing was asked. Write it in quotes: ask "Hello"', '没有输入内容。请用引号写出问题：ask "你好"'
        )
    for target in filter(None, (options.speak, options.out)):
        _check_target(Path(target))
    app = Parlor(_settings(options))
    try:
        if options.speak:
            voice = needed(app.runs.choice().speak, "speak", "朗读")
            if not installed(voice, app.settings.models):
                raise not_installed(voice)
        sampling = app.runs.sampling()
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
        case Progress():
            made |= {"stage": event.stage, "fraction": event.fraction, "text": event.note}
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


def _parts(options: argparse.Namespace) -> Iterator[Part]:
    for name in options.image:
        yield open_image(_bytes(name), Path(name).name)
    for name in options.audio:
        yield open_audio(_bytes(name), Path(name).name)
    text = open_text(sys.stdin.buffer.read(), "standard input").text if options.text == "-" else options.text
    if text.strip():
        yield Text(text)


def _bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise BadInput(
            f"{name} cannot be read: {error.strerror}. Check the path.",
            f"无法读取 {name}：{error.strerror}。请检查路径。",
        ) from error


def _check_target(target: Path) -> None:
    if target.is_dir() or not target.parent.is_dir():
        raise BadInput(
            f"{target} cannot be written: its folder does not exist, or it is a folder itself. Choose another place.",
            f"无法写入 {target}：所在文件夹不存在，或它本身是文件夹。请换一个位置。",
        )


def _settings(options: argparse.Namespace) -> Any:
    settings = load()
    if options.chat:
        settings = replace(settings, chat=options.chat)
    if options.max_tokens is not None:
        if options.max_tokens < 1:
            raise BadInput("--max-tokens must be at least 1.", "--max-tokens 至少为 1。")
        settings = replace(settings, max_tokens=options.max_tokens)
    return settings


def _show(run: Run, options: argparse.Namespace) -> int:
    """Print events as they come; Ctrl-C stops the turn, keeps what was said, and says 130."""
    sounds: list[Audio] = []
    status = StatusLine()
    index, interrupted = 0, False
    while True:
        try:
            run.wait(index, 1.0)
            events, index = run.after(index)
            for event in events:
                if isinstance(event, Sound):
                    sounds.append(event.audio)
                _print(event, run, options, status)
            if run.finished and not run.after(index)[0]:
                break
        except KeyboardInterrupt:
            interrupted = True
            run.stop()
    status.clear()
    if not options.json and any(isinstance(event, Delta) for event in run.after(0)[0]):
        print(flush=True)
    if options.speak and sounds:
        Path(options.speak).write_bytes(wav(Audio(b"".join(sound.pcm for sound in sounds), sounds[0].rate)))
    unspoken = bool(options.speak) and not sounds  # a note on standard error has said why
    return INTERRUPTED if interrupted else int(unspoken)


def _print(event: Event, run: Run, options: argparse.Namespace, status: StatusLine) -> None:
    if options.json:
        made = as_json(event)
        if isinstance(event, Done):
            made["conversation"] = run.conversation
        if made["event"] != "understood":
            print(json.dumps(made, ensure_ascii=False), flush=True)
    elif isinstance(event, Delta):
        status.clear()
        print(event.text, end="", flush=True)
    elif isinstance(event, Progress) and event.stage == "note":
        status.clear()
        print(_note(event, options), file=sys.stderr, flush=True)
    elif isinstance(event, Progress):
        done = "" if event.fraction is None else f" {event.fraction:.0%}"
        status.show(_note(event, options) + done)
    elif isinstance(event, Heard):
        status.clear()
        print(f"> {event.text}", file=sys.stderr, flush=True)
    elif isinstance(event, Picture) and options.out:
        Path(options.out).write_bytes(event.image.data)


def _note(event: Progress, options: argparse.Namespace) -> str:
    return event.note_zh if (options.lang or language()) == "zh" else event.note
