"""Markdown export: ``to_markdown`` writes the selected branch, zipped when there are media; ``from_markdown`` reads it.

Our own files carry a mark in HTML comments, which no reader shows: ``<!-- parlor 1 5f0e1c2a -->`` after the title, and
``<!-- 5f0e1c2a ... -->`` at every message and part. The mark is chosen so that it occurs nowhere in the text, so a
message may hold any Markdown, headings like ours included. Files from elsewhere are cut at headings such as
``## User`` and ``## 助手`` outside code. Times, figures, provenance and the boxes
of readings are not kept: JSON has them.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
import wave
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from core.errors import BadInput
from core.l10n.text import NOTHING, L10n, l10n
from core.media.audio import wav
from core.store import json_codec as codec
from core.store.export_json import MAX_MESSAGES, MAX_TITLE, check_media, check_size, gone
from core.store.store import Node, Store
from core.text.width import one_line
from core.types.messages import Audio, Image, Message, Part, Reading, Text, TextLine, Transcript

MAX_TEXT_BYTES = 64 * 2**20
MAX_MEDIA_BYTES = 512 * 2**20
MAX_MEMBERS = 10_000
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif"}

HEADINGS = {"system": l10n("System"), "user": l10n("User"), "assistant": l10n("Assistant")}
ROLES = {
    "system": "system, system prompt, instructions, 系统, 系统提示, 指令",
    "user": "user, you, human, me, prompt, question, 用户, 我, 你, 问, 提问, 问题",
    "assistant": "assistant, ai, bot, model, answer, response, chatgpt, claude, gemini, parlor, "
    "助手, 助理, 模型, 答, 回答, 回复",
}
_ROLE = {word: role for role, words in ROLES.items() for word in words.split(", ")}
_PLAIN_HEADING = re.compile(r"#{1,6}\s+(?:\*\*|__)?(?P<who>[^*_:：#]{1,20}?)\s*[:：]?(?:\*\*|__)?\s*[:：]?\s*#*\s*")
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})(?P<info>.*)")
_FIRST_LINE = re.compile(r"# (?:(?P<title>[^\n]*) )?<!-- parlor (?P<version>\d{1,9}) (?P<mark>[0-9a-f]{8,64}) -->\n+")
_MEDIA_LINK = re.compile(r"!?\[[^\]\n]*\]\((?P<name>media/(?P<sha256>[0-9a-f]{64})\.\w{1,8})\)\s*")
_QUOTE = re.compile(r"^> ?", re.MULTILINE)


def to_markdown(store: Store, conversation: str, language: str = "en") -> bytes:
    """The selected branch: UTF-8 Markdown, or a zip of ``conversation.md`` and ``media/``. Raises BadInput."""
    about = store.conversation(conversation)
    if about is None:
        raise gone()
    messages = [node.message for node in store.path(conversation)]
    files: dict[str, bytes] = {}
    headings = {role: text.into(language) for role, text in HEADINGS.items()}
    text = "".join(_written(about.title, messages, headings, files)).encode("utf-8", "replace")
    if not files:
        return text
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversation.md", text)
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def from_markdown(store: Store, data: bytes, name: str) -> str:
    """Add a conversation from Markdown, or from a zip as we export it; returns its id. ``name`` is the file's.

    In a file from elsewhere the first heading may be the title, and text before the first message is left out.
    Raises BadInput, and then nothing was added.
    """
    check_size(data)
    archive = _Archive(data) if data.startswith(b"PK") else None
    raw = archive.read("conversation.md", MAX_TEXT_BYTES) if archive else data
    try:
        text = raw[: MAX_TEXT_BYTES + 1].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(l10n("it is not UTF-8 text")) from error
    if len(raw) > MAX_TEXT_BYTES:
        raise _unreadable(l10n("it is too long"))
    first = _FIRST_LINE.match(text)
    if first and int(first["version"]) > 1:
        raise _unreadable(l10n("it was made by a newer Parlor"))
    title, messages = _marked(text, first, archive) if first else _plain(text.replace("\r\n", "\n"))
    if not messages or len(messages) > MAX_MESSAGES:
        raise _unreadable(l10n("it has no headings like “## User” and “## Assistant”"))
    now = time.time()
    fallback = re.sub(r"^.*[/\\]|\.(?:md|markdown|txt|zip)$", "", name, flags=re.IGNORECASE) if first is None else ""
    nodes = [_node(number, message, now) for number, message in enumerate(messages)]
    return store.insert(one_line(title or fallback)[:MAX_TITLE], now, now, nodes, len(nodes) - 1)


@dataclass
class _Archive:
    """A zip whose members are read by name into memory, a bounded amount in all; nothing of it reaches the disk."""

    data: bytes
    room: int = field(default=MAX_MEDIA_BYTES)

    def __post_init__(self) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(self.data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise _unreadable(l10n("the zip is damaged")) from error
        if len(self._zip.infolist()) > MAX_MEMBERS:
            raise _unreadable(l10n("the zip has too many files"))

    def read(self, name: str, limit: int) -> bytes:
        """The member's bytes. What its header claims is not believed."""
        try:
            info = self._zip.getinfo(name)
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _unreadable(l10n("{name} is packed in an unknown way", name=name))
            with self._zip.open(info) as member:
                data = member.read(min(limit, self.room) + 1)
        except KeyError as error:
            raise _unreadable(l10n("the zip lacks {name}", name=name)) from error
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
            raise _unreadable(l10n("{name} in the zip is damaged", name=name)) from error
        self.room -= len(data)
        if len(data) > limit or self.room < 0:
            raise _unreadable(l10n("the zip unpacks to too much"))
        return data


def _written(title: str, messages: list[Message], headings: dict[str, str], files: dict[str, bytes]) -> Iterator[str]:
    mark = _unused_mark(title, messages)
    yield f"# {one_line(title)} <!-- parlor 1 {mark} -->\n\n"
    for message in messages:
        yield f"## {headings[message.role]} <!-- {mark} {message.role}{' cut' if message.cut else ''} -->\n\n"
        for number, part in enumerate(message.parts):
            if number or not isinstance(part, Text):
                yield f"<!-- {mark} {_label(part)} -->\n"
            yield f"{_body(part, files)}\n\n"


def _unused_mark(title: str, messages: list[Message]) -> str:
    texts = [
        title,
        *(part.text for message in messages for part in message.parts if not isinstance(part, Image | Audio)),
    ]
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()
    lengths = range(8, len(digest) + 1)
    return next((digest[:size] for size in lengths if not any(digest[:size] in text for text in texts)), digest)


def _label(part: Part) -> str:
    match part:
        case Text():
            return "text"
        case Image():
            return f"image {part.mime}"
        case Audio():
            return "audio"
        case Transcript():
            return f"transcript {part.language}".rstrip()
        case Reading():
            return f"reading {part.width} {part.height}"


def _body(part: Part, files: dict[str, bytes]) -> str:
    match part:
        case Text():
            return part.text
        case Image():
            return f"![]({_file(files, part.data, SUFFIXES.get(part.mime, '.bin'))})"
        case Audio():
            return f"[{part.seconds:.1f} s]({_file(files, wav(part), '.wav')})"
        case Transcript() | Reading():
            return "\n".join(f"> {line}" for line in part.text.split("\n"))


def _file(files: dict[str, bytes], data: bytes, suffix: str) -> str:
    name = f"media/{hashlib.sha256(data).hexdigest()}{suffix}"
    files[name] = data
    return name


def _marked(text: str, first: re.Match[str], archive: _Archive | None) -> tuple[str, list[Message]]:
    """Our own file, cut at its marks: the title and the messages."""
    pattern = rf"^(?:## [^\n]*? )?<!-- {first['mark']} (?P<label>[^\n>]*) -->\n"
    pieces = re.split(pattern, text[first.end() :], flags=re.MULTILINE)
    messages: list[tuple[str, bool, list[Part]]] = []
    for label, body in zip(pieces[1::2], pieces[2::2], strict=True):
        kind, *rest = label.split(" ")
        if kind in HEADINGS:
            messages.append((kind, "cut" in rest, []))
            if body in ("", "\n"):
                continue
            kind, rest, body = "text", [], body.removeprefix("\n")
        if not messages:
            raise _unreadable(l10n("its first message has no heading"))
        body = body.removesuffix("\n\n") if body.endswith("\n\n") else body.removesuffix("\n")
        messages[-1][2].append(_part(kind, rest, body, archive))
    title = first["title"] or ""
    return title, [check_media(Message(role, tuple(parts), cut=cut)) for role, cut, parts in messages]  # type: ignore[arg-type]


def _part(kind: str, rest: list[str], body: str, archive: _Archive | None) -> Part:
    """One part from its label and what stands below it."""
    match kind, rest:
        case "text", []:
            return Text(body)
        case "image", [mime]:
            return Image(_linked(body, archive), mime)
        case "audio", []:
            return _audio(_linked(body, archive))
        case "transcript", [*language]:
            return Transcript(_QUOTE.sub("", body), " ".join(language))
        case "reading", [width, height] if width.isdecimal() and height.isdecimal():
            lines = _QUOTE.sub("", body).split("\n")
            return Reading(tuple(TextLine(line, (0, 0, 0, 0), 1.0) for line in lines if line), int(width), int(height))
    raise _unreadable(l10n("it holds “{kind}”, which this version does not know", kind=kind[:40]))


def _linked(body: str, archive: _Archive | None) -> bytes:
    """The bytes of the media file that ``body`` links to."""
    link = _MEDIA_LINK.fullmatch(body)
    if link is None:
        raise _unreadable(l10n("a link to a picture or recording is broken"))
    if archive is None:
        raise _unreadable(l10n("its pictures and recordings are not with it; choose the zip file it came in"))
    data = archive.read(link["name"], MAX_MEDIA_BYTES)
    if hashlib.sha256(data).hexdigest() != link["sha256"]:
        raise _unreadable(l10n("{name} was changed", name=link["name"]))
    return data


def _audio(data: bytes) -> Audio:
    try:
        with wave.open(io.BytesIO(data)) as file:
            if file.getsampwidth() == 2 and file.getnchannels() == 1 and 0 < file.getframerate() <= codec.MAX_RATE:
                return Audio(file.readframes(file.getnframes()), file.getframerate())
    except (wave.Error, EOFError) as error:
        raise _unreadable(l10n("a recording is damaged")) from error
    raise _unreadable(l10n("a recording is not 16-bit mono"))


def _plain(text: str) -> tuple[str, list[Message]]:
    """A file from elsewhere, cut at headings that name who speaks, outside fenced code: the title and the messages."""
    title, messages = "", list[tuple[str, list[str]]]()
    fence = ""
    for line in text.split("\n"):
        fence = _inside(fence, line)
        heading = None if fence else _PLAIN_HEADING.fullmatch(line)
        role = _ROLE.get(heading["who"].strip().lower()) if heading else None
        if role:
            messages.append((role, []))
        elif messages:
            messages[-1][1].append(line)
        elif not title and line.startswith("# "):
            title = line[2:].strip()
    return title, [Message(role, (Text("\n".join(lines).strip("\n")),)) for role, lines in messages]  # type: ignore[arg-type]


def _inside(fence: str, line: str) -> str:
    """The code fence that is open after ``line``, empty for none (CommonMark 0.31, 4.5)."""
    found = _FENCE.fullmatch(line)
    if found is None:
        return fence
    marks, info = found["fence"], found["info"]
    if not fence:
        return "" if marks[0] == "`" and "`" in info else marks
    closes = marks[0] == fence[0] and len(marks) >= len(fence) and not info.strip()
    return "" if closes else fence


def _node(number: int, message: Message, now: float) -> Node:
    return Node(number, "", number - 1 if number else None, message, "done", NOTHING, None, now, ())


def _unreadable(reason: L10n) -> BadInput:
    return BadInput(
        l10n(
            "This Markdown cannot be imported: {reason}. Nothing was added. Export it again, or use a JSON export.",
            reason=reason,
        )
    )
