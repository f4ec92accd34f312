"""JSON export: ``to_json`` writes a conversation whole and exact, every branch with its media; ``from_json`` reads it.

A file that comes in was made by a stranger: sizes, types, digests and pictures are checked before anything is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Iterator

from core.errors import BadInput
from core.l10n.text import both, l10n
from core.media.images import open_image
from core.store import json_codec as codec
from core.store.store import Node, Store
from core.types.messages import Audio, Image, Message

FORMAT, VERSION = "parlor-conversation", 1
MAX_BYTES = 512 * 2**20
MAX_MESSAGES = 20_000
MAX_TITLE = 500
KINDS = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF", "image/gif": b"GIF8"}


def to_json(store: Store, conversation: str) -> bytes:
    """The conversation with all branches and media, as UTF-8 JSON. Raises BadInput when there is none."""
    about = store.conversation(conversation)
    if about is None:
        raise gone()
    media: dict[str, str] = {}

    def put(data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        if name not in media:
            media[name] = base64.b64encode(data).decode()
        return name

    path = store.path(conversation)
    value = {
        "format": FORMAT,
        "version": VERSION,
        "title": about.title,
        "created": about.created,
        "updated": about.updated,
        "selected": path[-1].id if path else None,
        "messages": [_encode_node(node, put) for node in store.nodes(conversation)],
        "media": media,
    }
    return codec.dumps(value).encode()


def from_json(store: Store, data: bytes) -> str:
    """Add the conversation in ``data`` as a new one; returns its id. Raises BadInput, and then nothing was added."""
    check_size(data)
    fields = codec.as_object(_parse(data), "conversation")
    if fields.get("format") != FORMAT:
        raise codec.wrong("format", FORMAT)
    if codec.take(fields, "version", int) > VERSION:
        raise BadInput(l10n("This conversation was exported by a newer Parlor. Update Parlor to import it."))
    media = _media(codec.take(fields, "media", dict))
    items = codec.take(fields, "messages", list)
    if len(items) > MAX_MESSAGES:
        raise codec.wrong("messages", f"at most {MAX_MESSAGES}")
    nodes = _nodes(items, media)
    selected = fields.get("selected")
    if nodes and codec.as_kind(selected, "selected", int) not in nodes:
        raise codec.wrong("selected", "the id of a message")
    title = codec.take(fields, "title", str)[:MAX_TITLE]
    created, updated = _moment(fields, "created"), _moment(fields, "updated")
    return store.insert(title, created, updated, list(nodes.values()), selected if nodes else None)  # type: ignore[arg-type]


def check_size(data: bytes) -> None:
    """Raises BadInput for a file too large to be a conversation."""
    if len(data) > MAX_BYTES:
        raise BadInput(
            l10n(
                "This file has {megabytes:.0f} MB, and {most} MB is the most. Nothing was added. "
                "Export the conversation without its largest recordings.",
                megabytes=len(data) / 2**20,
                most=MAX_BYTES // 2**20,
            )
        )


def check_media(message: Message) -> Message:
    """``message``, when its pictures open, are of the kind they claim, and its recordings are whole samples."""
    for part in message.parts:
        if isinstance(part, Image):
            _check_picture(part)
        elif isinstance(part, Audio) and len(part.pcm) % 2:
            raise codec.wrong("audio", "16-bit samples")
    return message


def gone() -> BadInput:
    return BadInput(l10n("This conversation is no longer there, so it cannot be exported. Reload the page."))


def _check_picture(image: Image) -> None:
    """Raises BadInput unless the picture opens and is what it claims; an empty one lost its file before, and passes."""
    claimed = KINDS.get(image.mime)
    if claimed is None or (image.data and not image.data.startswith(claimed)):
        raise codec.wrong("mime", f"{', '.join(KINDS)}, as the picture's bytes are")
    if image.data:
        open_image(image.data, image.mime)


def _nodes(items: list[object], media: dict[str, bytes]) -> dict[int, Node]:
    nodes: dict[int, Node] = {}
    for item in items:
        node = _decode_node(codec.as_object(item, "message"), media, nodes)
        nodes[node.id] = node
    return nodes


def _encode_node(node: Node, put: codec.Put) -> dict[str, object]:
    return {
        "id": node.id,
        "parent": node.parent,
        "created": node.created,
        "state": node.state,
        "trouble_en": str(node.trouble),
        "trouble_zh": node.trouble.into("zh"),
        "feedback": node.feedback,
        "message": codec.encode(node.message, put),
    }


def _decode_node(fields: dict[str, object], media: dict[str, bytes], earlier: dict[int, Node]) -> Node:
    def get(name: str) -> bytes:
        if name not in media:
            raise codec.wrong("sha256", "named under media")
        return media[name]

    id, parent, feedback = codec.take(fields, "id", int), fields.get("parent"), fields.get("feedback")
    if id in earlier or (parent is not None and codec.as_kind(parent, "parent", int) not in earlier):
        raise codec.wrong("parent", "an earlier message")
    if feedback is not None and codec.as_kind(feedback, "feedback", int) not in (0, 1):
        raise codec.wrong("feedback", "0, 1 or null")
    state = codec.take(fields, "state", str)
    if state not in ("running", "done", "failed"):
        raise codec.wrong("state", "done or failed")
    return Node(
        id=id,
        conversation="",
        parent=parent,  # type: ignore[arg-type]
        message=check_media(codec.decode(fields.get("message"), get)),
        state=state,
        trouble=both(codec.take(fields, "trouble_en", str, ""), codec.take(fields, "trouble_zh", str, "")),
        feedback=feedback,  # type: ignore[arg-type]
        created=_moment(fields, "created"),
        siblings=(),
    )


def _parse(data: bytes) -> object:
    def refuse(name: str) -> float:
        raise ValueError(name)

    try:
        return json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise codec.wrong("file", "JSON that Parlor has exported") from error


def _media(found: dict[str, object]) -> dict[str, bytes]:
    return dict(_files(found))


def _files(found: dict[str, object]) -> Iterator[tuple[str, bytes]]:
    for name, text in found.items():
        try:
            data = base64.b64decode(codec.as_kind(text, "media", str), validate=True)
        except (binascii.Error, ValueError) as error:
            raise codec.wrong("media", "base64") from error
        if hashlib.sha256(data).hexdigest() != name:
            raise codec.wrong("sha256", "that of its bytes")
        yield name, data


def _moment(fields: dict[str, object], name: str) -> float:
    """Seconds since 1970, before the year 10000."""
    moment = codec.take(fields, name, float)
    if not (math.isfinite(moment) and 0 <= moment < 253_402_300_800):
        raise codec.wrong(name, "seconds since 1970")
    return moment
