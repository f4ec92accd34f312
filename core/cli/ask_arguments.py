"""What ``ask`` was told on the command line: the turn, and the settings it is run with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from core.catalogue.spec import Catalogue, installed, not_installed
from core.errors import BadInput
from core.l10n.tables import languages
from core.l10n.text import l10n, listed
from core.media.audio import open_audio
from core.media.files import open_text
from core.media.images import open_image
from core.media.png_metadata import read_png_metadata
from core.pipeline.model_choice import choose
from core.settings import Settings, image_size
from core.types.image_request import MOST_PICTURES, ImageRequest
from core.types.messages import Part, Text, Turn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", default="", help="what to say; - reads standard input")
    parser.add_argument("--image", action="append", default=[], metavar="FILE", help="show a picture (may be repeated)")
    parser.add_argument("--audio", action="append", default=[], metavar="FILE", help="play a recording")
    parser.add_argument("--speak", metavar="OUT.wav", help="say the answer into this file")
    parser.add_argument("--seed", type=int, help="the same seed gives the same answer")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="longest answer")
    parser.add_argument("--lang", choices=languages(), default="", help="language of the answer and of messages")
    parser.add_argument("--conversation", metavar="ID", default="", help="go on with a conversation, or begin it")
    parser.add_argument("--json", action="store_true", help="one JSON object per event")
    models = parser.add_argument_group("models, for this turn")
    models.add_argument("--chat", metavar="ID", default="", help="the model that answers")
    models.add_argument("--adapter", metavar="NAME", help="LoRA adapter of the model that sees")
    models.add_argument("--hear", metavar="ID", default="", help="the model that hears")
    models.add_argument("--voice", metavar="ID", default="", help="the model that speaks")
    models.add_argument("--speaker", metavar="NAME", help="a speaker inside that model")
    models.add_argument("--painter", metavar="ID", default="", help="the model that draws")
    draw = parser.add_argument_group("pictures")
    draw.add_argument("--draw", action="store_true", help="answer with a picture")
    draw.add_argument("--out", metavar="OUT.png", help="where it goes; more than one: OUT.png, OUT-2.png, ...")
    draw.add_argument("--like", metavar="FILE.png", help="draw again what this picture's own text says")
    draw.add_argument("--exact", action="store_true", help="the words are the prompt: nothing is added to them")
    draw.add_argument("--negative", metavar="TEXT", help="what it should not show")
    draw.add_argument("--style", metavar="NAME", help="photo, watercolour, ink, ...")
    draw.add_argument("--size", metavar="WxH", default="", help="in pixels, like 768x512")
    draw.add_argument("--steps", type=int, metavar="N", help="denoising steps")
    draw.add_argument("--guidance", type=float, metavar="G", help="how closely it follows the prompt")
    draw.add_argument("--scheduler", metavar="NAME", default="", help="a diffusers scheduler")
    draw.add_argument("--count", type=int, metavar="N", default=1, help="how many pictures")


def turn_of(options: argparse.Namespace) -> Turn:
    """The turn. Raises BadInput for files and numbers that cannot be used, and when nothing was asked."""
    text = _text(options)
    request, draw = _request(options, text), bool(options.draw or options.like or options.out) or None
    parts = tuple(_parts(options, text))
    if request.prompt and not parts:
        parts = (Text(request.prompt),)
    if not parts:
        raise BadInput(l10n('Nothing was asked. Write it in quotes: ask "Hello"'))
    return Turn(parts, draw, bool(options.speak), options.lang, request)


def settings_of(options: argparse.Namespace, settings: Settings, catalogue: Catalogue) -> Settings:
    """``settings`` with what this turn asks to be different. ``--chat`` names who answers, pictures shown or not."""
    given = {
        "chat": options.chat,
        "see": options.chat,
        "hear": options.hear,
        "speak": options.voice,
        "paint": options.painter or _same_painter(options, settings, catalogue),
    }
    changed: dict[str, object] = {name: value for name, value in given.items() if value}
    changed |= {
        name: value
        for name, value in {
            "adapter": options.adapter,
            "speech.speaker": options.speaker,
            "image.style": options.style,
            "sampling.max_tokens": options.max_tokens,
        }.items()
        if value is not None
    }
    if options.max_tokens is not None and options.max_tokens < 1:
        raise BadInput(l10n("--max-tokens must be at least 1."))
    if options.exact:
        changed |= {"image.enhance": False, "image.style": ""}
    settings = settings.changed(changed)
    if options.adapter:
        _check_adapter(options.adapter, settings, catalogue)
    return settings


def _check_adapter(name: str, settings: Settings, catalogue: Catalogue) -> None:
    choice = choose(catalogue, settings)
    spec = choice.see if choice.see and not choice.see.miniature else choice.chat
    folder = settings.models / spec.id / "adapters" if spec else settings.models
    known = sorted(file.parent.name for file in folder.glob("*/adapter_model.safetensors"))
    if name not in known:
        raise BadInput(
            l10n(
                "There is no adapter called {name!r} here. There are: {known}. Add one with: "
                "python start.py models add FOLDER --for MODEL",
                name=name,
                known=listed(known) if known else l10n("none"),
            )
        )


def _text(options: argparse.Namespace) -> str:
    text = open_text(sys.stdin.buffer.read(), "standard input").text if options.text == "-" else options.text
    return text.strip() if options.like else text


def _request(options: argparse.Namespace, text: str) -> ImageRequest:
    """What was said of the picture; with ``--like``, everything its file says but what is said differently here."""
    request = read_png_metadata(_bytes(options.like), Path(options.like).name)[0] if options.like else ImageRequest()
    width, height = image_size(options.size) or (0, 0)
    if options.steps is not None and options.steps < 1:
        raise BadInput(l10n("--steps must be at least 1."))
    if not 1 <= options.count <= MOST_PICTURES:
        raise BadInput(l10n("--count must be 1 to {most_pictures}.", most_pictures=MOST_PICTURES))
    if options.negative is not None:
        request = replace(request, negative=options.negative)
    given = {"scheduler": options.scheduler, "width": width, "height": height}
    request = replace(request, count=options.count, **{name: value for name, value in given.items() if value})
    if options.steps is not None:
        request = replace(request, steps=options.steps)
    if options.guidance is not None:
        request = replace(request, guidance=max(0.0, options.guidance))
    if options.like and options.seed is not None:
        request = replace(request, seed=options.seed)
    if options.like and text:
        request = replace(request, prompt=text)
    return request


def _same_painter(options: argparse.Namespace, settings: Settings, catalogue: Catalogue) -> str:
    """The model that made the picture of ``--like``, if this catalogue knows it: another would draw another picture.

    Raises NotInstalled when it has to be fetched first.
    """
    if not options.like:
        return ""
    made = read_png_metadata(_bytes(options.like), Path(options.like).name)[1]
    spec = next((spec for spec in catalogue.models if spec.id == made), None)
    if spec and not installed(spec, settings.models):
        raise not_installed(spec)
    return spec.id if spec else ""


def _parts(options: argparse.Namespace, text: str) -> Iterator[Part]:
    for name in options.image:
        yield open_image(_bytes(name), Path(name).name)
    for name in options.audio:
        yield open_audio(_bytes(name), Path(name).name)
    if text.strip():
        yield Text(text)


def _bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise BadInput(
            l10n("{name} cannot be read: {error}. Check the path.", name=name, error=error.strerror)
        ) from error
