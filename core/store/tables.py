"""Rows of the conversation database as values, and the statements that write them in the store's transactions."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from core.errors import BadInput, ParlorError
from core.l10n.text import L10n, both, l10n
from core.store import json_codec as codec
from core.store.blobs import MediaFolder
from core.text import search as find
from core.text.width import one_line
from core.types.messages import Message

CLOCK_SECONDS = 2.0  # a process's start time wavers with the system clock when another process asks for it

CONVERSATION = "c.id, c.title, c.created, c.updated, (SELECT count(*) FROM messages WHERE conversation = c.id)"
NODE = "m.id, m.conversation, m.parent, m.body, m.state, m.trouble_en, m.trouble_zh, m.feedback, m.created"
NodeRow = tuple[int, str, int | None, str, str, str, str, int | None, float]


@dataclass(frozen=True, slots=True)
class Conversation:
    """``created`` and ``updated`` in seconds since 1970; ``messages`` counts all branches."""

    id: str
    title: str
    created: float
    updated: float
    messages: int


@dataclass(frozen=True, slots=True)
class Node:
    """A message in its place. ``state`` is running, done or failed; ``trouble`` says why one failed.

    ``feedback`` is 1 (good), 0 (bad) or None; ``siblings`` are the ids of all versions of this message including
    itself, oldest first.
    """

    id: int
    conversation: str
    parent: int | None
    message: Message
    state: str
    trouble: L10n
    feedback: int | None
    created: float
    siblings: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A message in which the words were found, or a title (then ``node`` is the conversation's selected message).

    In ``excerpt`` every found word stands between U+0002 and U+0003.
    """

    conversation: Conversation
    node: int
    excerpt: str


class Tables:
    """Statements over one connection; the caller holds the lock and, to write, the transaction."""

    def __init__(self, sql: sqlite3.Connection, media: MediaFolder) -> None:
        process = psutil.Process()
        self._owner = (process.pid, process.create_time())
        self._sql = sql
        self._media = media
        self._written: dict[int, dict[bytes, str]] = {}

    def insert_conversation(self, id: str, title: str, created: float, updated: float) -> None:
        self._sql.execute(
            "INSERT INTO conversations (id, title, created, updated) VALUES (?, '', ?, ?)", (id, created, updated)
        )
        self.set_title(id, title)

    def set_title(self, id: str, title: str) -> None:
        title = one_line(title)
        self._sql.execute("UPDATE conversations SET title = ? WHERE id = ?", (title, id))
        for (number,) in self._sql.execute("SELECT number FROM conversations WHERE id = ?", (id,)).fetchall():
            self._index(-number, title)

    def title_once(self, id: str, message: Message) -> None:
        """Name a conversation that has no title after ``message``."""
        untitled = self._sql.execute("SELECT 1 FROM conversations WHERE id = ? AND title = ''", (id,)).fetchone()
        if untitled and message.role == "user":
            self.set_title(id, find.title_from(message))

    def require_place(self, conversation: str, parent: int | None) -> None:
        """Raises BadInput unless the conversation exists and ``parent``, where given, is in it."""
        if parent is None:
            found = self._sql.execute("SELECT 1 FROM conversations WHERE id = ?", (conversation,)).fetchone()
        else:
            place = (conversation, parent)
            found = self._sql.execute("SELECT 1 FROM messages WHERE conversation = ? AND id = ?", place).fetchone()
        if not found:
            raise BadInput(
                l10n(
                    "This conversation is no longer there: it was deleted. Start a new one, and send your message "
                    "again."
                )
            )

    def insert_message(
        self, conversation: str, parent: int | None, message: Message, state: str, created: float
    ) -> int:
        id = self._sql.execute(
            "INSERT INTO messages (conversation, parent, body, state, created, owner, owner_started) "
            "VALUES (?, ?, '', 'running', ?, ?, ?)",
            (conversation, parent, created, *self._owner),
        ).lastrowid
        assert id is not None
        if state == "running":
            self._write(id, message)
        else:
            self.settle(id, message, state)
        return id

    def rewrite(self, id: int, message: Message) -> None:
        """New content for a message, which stays in its state; one that is still running is not indexed yet."""
        found = self._sql.execute("SELECT state FROM messages WHERE id = ?", (id,)).fetchone()
        if not found:
            return
        self._write(id, message)
        if found[0] != "running":
            self._written.pop(id)
            self._index(id, find.words_of(message))

    def settle(self, id: int, message: Message, state: str, trouble: ParlorError | None = None) -> None:
        """Write a message as it stays; from now on it is found by its words."""
        en, zh = (trouble.said("en"), trouble.said("zh")) if trouble else ("", "")
        found = self._sql.execute(
            "UPDATE messages SET state = ?, trouble_en = ?, trouble_zh = ?, owner = NULL, owner_started = NULL "
            "WHERE id = ?",
            (state, en, zh, id),
        ).rowcount
        if found:
            self._written.pop(id, None)
            self._sql.execute("DELETE FROM media WHERE message = ?", (id,))
            self._write(id, message)
            self._written.pop(id)
            self._index(id, find.words_of(message))

    def _write(self, id: int, message: Message) -> None:
        """The body, and the media that ``message`` has not had before: those are neither hashed nor written again."""
        written = self._written.setdefault(id, {})

        def put(data: bytes) -> str:
            if data not in written:
                written[data] = self._media.put(data)
            return written[data]

        body = codec.dumps(codec.encode(message, put))
        self._sql.execute("UPDATE messages SET body = ? WHERE id = ?", (body, id))
        links = ((id, name) for name in written.values())
        self._sql.executemany("INSERT OR IGNORE INTO media (message, sha256) VALUES (?, ?)", links)

    def cut_lost(self) -> int:
        """Settle the running messages of processes that are gone, as cut; returns how many."""
        rows = self._sql.execute(
            "SELECT id, body, owner, owner_started FROM messages WHERE state = 'running'"
        ).fetchall()
        lost = [(id, json.loads(body)) for id, body, owner, started in rows if not _alive(owner, started)]
        for id, value in lost:
            words = find.words_of(codec.decode(value, lambda name: b""))
            body = codec.dumps(value | {"cut": True})
            self._sql.execute("UPDATE messages SET body = ?, state = 'done', owner = NULL WHERE id = ?", (body, id))
            self._index(id, words)
        return len(lost)

    def forget_written(self) -> None:
        """A transaction was rolled back: what it wrote to the media folder may be swept."""
        self._written.clear()

    def remove_deleted(self, before: float) -> int:
        """Remove what was deleted before that moment, and media that nothing names; returns how many conversations."""
        old = "SELECT id FROM conversations WHERE deleted <= ?"
        for rows in (
            f"SELECT id FROM messages WHERE conversation IN ({old})",
            f"SELECT -number FROM conversations WHERE id IN ({old})",
        ):
            self._sql.execute(f"DELETE FROM words WHERE rowid IN ({rows})", (before,))
        count = self._sql.execute(f"DELETE FROM conversations WHERE id IN ({old})", (before,)).rowcount
        self._media.sweep({name for (name,) in self._sql.execute("SELECT sha256 FROM media")})
        return count

    def nodes(self, rows: Sequence[NodeRow], sound: bool = True) -> list[Node]:
        """Rows of ``NODE`` of one conversation, with messages and siblings; recordings are empty without ``sound``."""
        if not rows:
            return []
        children: dict[int | None, list[int]] = defaultdict(list)
        family = "SELECT id, parent FROM messages WHERE conversation = ? ORDER BY id"
        for id, parent in self._sql.execute(family, (rows[0][1],)):
            children[parent].append(id)
        return [self._node(row, tuple(children[row[2]]), sound) for row in rows]

    def _node(self, row: NodeRow, siblings: tuple[int, ...], sound: bool) -> Node:
        id, conversation, parent, body, state, trouble_en, trouble_zh, feedback, created = row
        message = codec.decode(json.loads(body), self._media.get, sound)
        trouble = both(trouble_en, trouble_zh)
        return Node(id, conversation, parent, message, state, trouble, feedback, created, siblings)

    def _index(self, row: int, text: str) -> None:
        self._sql.execute("DELETE FROM words WHERE rowid = ?", (row,))
        if text:
            self._sql.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (row, find.indexed(text)))


def _alive(pid: int, started: float) -> bool:
    """Whether the process with that id is still the one that started at that time (seconds since 1970)."""
    try:
        return abs(psutil.Process(pid).create_time() - started) < CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
