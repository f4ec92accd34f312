"""The conversation store: ``Store`` keeps messages in SQLite, pictures and recordings in a folder by sha256.

A conversation is a tree of messages. An edited question is a second child of the message before it, a regenerated
answer a second child of its question, and the selected branch is the way from the root to the selected leaf. One Store
serves every thread of a process; a second process may use the same files at the same time.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.errors import BadInput, ParlorError
from core.l10n.text import l10n
from core.store.blobs import MediaFolder
from core.store.migrations import open_database, spoken
from core.store.tables import CONVERSATION, NODE, Tables
from core.store.tables import Conversation as Conversation
from core.store.tables import Hit as Hit
from core.store.tables import Node as Node
from core.text import search as find
from core.text.search import title_from as title_from
from core.types.messages import Message

DAY_SECONDS = 86_400


class Store:
    """All conversations of this person. Raises ParlorError, or its child DiskFull, when they cannot be read or written.

    ``trouble`` tells, once opened, that a damaged database was set aside; None when all was well.
    """

    def __init__(self, database: Path, media: Path) -> None:
        self._lock = threading.RLock()
        self._database = database
        with spoken(database):
            folder = MediaFolder(media)
            self._sql, self.trouble = open_database(database)
            self._tables = Tables(self._sql, folder)

    def create(self, title: str = "") -> str:
        """A new conversation; returns its id, 16 url-safe characters. It is listed once it has a message."""
        id, now = secrets.token_urlsafe(12), time.time()
        with self._writing() as tables:
            tables.insert_conversation(id, title, now, now)
        return id

    def begin(self, id: str) -> str:
        """The conversation that its owner calls ``id``: new, there, or brought back from among the deleted.

        Raises BadInput when ``id`` is not 1 to 64 letters, digits, hyphens and underscores.
        """
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", id):
            raise BadInput(
                l10n("{id!r} cannot name a conversation: use up to 64 letters, digits, hyphens and underscores.", id=id)
            )
        self.restore(id)
        if self.conversation(id) is None:
            now = time.time()
            with self._writing() as tables:
                tables.insert_conversation(id, "", now, now)
        return id

    def conversations(self, limit: int = 200, offset: int = 0) -> list[Conversation]:
        """Those with a message and not deleted, the most recently used first."""
        rows = self._read(
            f"SELECT {CONVERSATION} FROM conversations c WHERE c.deleted IS NULL "
            "AND EXISTS (SELECT 1 FROM messages WHERE conversation = c.id) "
            "ORDER BY c.updated DESC, c.number DESC LIMIT ? OFFSET ?",
            limit,
            offset,
        )
        return [Conversation(*row) for row in rows]

    def conversation(self, id: str) -> Conversation | None:
        """None when there is none or it is deleted."""
        rows = self._read(f"SELECT {CONVERSATION} FROM conversations c WHERE c.id = ? AND c.deleted IS NULL", id)
        return Conversation(*rows[0]) if rows else None

    def rename(self, id: str, title: str) -> None:
        with self._writing() as tables:
            tables.set_title(id, title)

    def delete(self, id: str) -> None:
        """Out of sight; ``restore`` brings it back until ``purge`` removes it."""
        with self._writing():
            self._sql.execute("UPDATE conversations SET deleted = ? WHERE id = ?", (time.time(), id))

    def restore(self, id: str) -> None:
        with self._writing():
            self._sql.execute("UPDATE conversations SET deleted = NULL WHERE id = ?", (id,))

    def purge(self, older_than_seconds: float = 30 * DAY_SECONDS) -> int:
        """Really remove conversations deleted that long ago, and media nothing names; returns how many of them."""
        with self._writing() as tables:
            return tables.remove_deleted(time.time() - older_than_seconds)

    def add(self, conversation: str, message: Message, parent: int | None, state: str = "done") -> int:
        """Put ``message`` under ``parent`` (None: at the root) and select it; returns its id.

        A conversation without a title takes one from the person's first message with words. Raises BadInput when the
        conversation or the parent is gone.
        """
        now = time.time()
        with self._writing() as tables:
            tables.require_place(conversation, parent)
            id = tables.insert_message(conversation, parent, message, state, now)
            changed = (id, now, conversation)
            self._sql.execute("UPDATE conversations SET selected = ?, updated = ? WHERE id = ?", changed)
            tables.title_once(conversation, message)
        return id

    def update(self, id: int, message: Message) -> None:
        """New content for a message, which stays in its state. A growing answer costs its words, not its media."""
        with self._writing() as tables:
            tables.rewrite(id, message)

    def finish(self, id: int, message: Message, trouble: ParlorError | None = None) -> None:
        """The answer as it stays: done, or failed with ``trouble``. Does nothing when it has been purged meanwhile."""
        with self._writing() as tables:
            tables.settle(id, message, "failed" if trouble else "done", trouble)
            self._sql.execute(
                "UPDATE conversations SET updated = ? WHERE id = (SELECT conversation FROM messages WHERE id = ?)",
                (time.time(), id),
            )

    def node(self, id: int) -> Node | None:
        nodes = self._nodes(f"SELECT {NODE} FROM messages m WHERE m.id = ?", id)
        return nodes[0] if nodes else None

    def nodes(self, conversation: str) -> list[Node]:
        """Every message of every branch, oldest first; a parent stands before its children."""
        return self._nodes(f"SELECT {NODE} FROM messages m WHERE m.conversation = ? ORDER BY m.id", conversation)

    def path(self, conversation: str) -> list[Node]:
        """The selected branch, root to leaf."""
        rows = self._read("SELECT selected FROM conversations WHERE id = ? AND selected IS NOT NULL", conversation)
        return self.ancestors(rows[0][0]) if rows else []

    def ancestors(self, id: int, sound: bool = True) -> list[Node]:
        """The messages from the root to ``id``, itself included; their recordings are empty without ``sound``."""
        return self._nodes(
            f"""
            WITH RECURSIVE up (id, parent) AS (
                SELECT id, parent FROM messages WHERE id = ?
                UNION ALL SELECT p.id, p.parent FROM messages p JOIN up ON p.id = up.parent
            )
            SELECT {NODE} FROM up JOIN messages m ON m.id = up.id ORDER BY m.id
            """,
            id,
            sound=sound,
        )

    def select(self, id: int) -> None:
        """Make the branch through ``id`` the selected one, down to its most recent leaf."""
        with self._writing():
            self._sql.execute(
                """
                WITH RECURSIVE down (id) AS (
                    VALUES (?) UNION ALL SELECT m.id FROM messages m JOIN down ON m.parent = down.id
                )
                UPDATE conversations SET selected = (SELECT max(id) FROM down)
                WHERE id = (SELECT conversation FROM messages WHERE id = ?)
                """,
                (id, id),
            )

    def feedback(self, id: int, value: int | None) -> None:
        """1 for good, 0 for bad, None to take it back."""
        with self._writing():
            self._sql.execute("UPDATE messages SET feedback = ? WHERE id = ?", (value, id))

    def search(self, query: str, limit: int = 50) -> list[Hit]:
        """Messages that hold all the words of ``query``, newest first, then titles; the last word may be unfinished."""
        wanted = find.query(query)
        if not wanted:
            return []
        hits = self._read(
            f"SELECT m.id, words.text, {CONVERSATION} FROM words JOIN messages m ON m.id = words.rowid "
            "JOIN conversations c ON c.id = m.conversation "
            "WHERE words MATCH ? AND words.rowid > 0 AND c.deleted IS NULL ORDER BY words.rowid DESC LIMIT ?",
            wanted,
            limit,
        )
        titles = self._read(
            f"SELECT c.selected, words.text, {CONVERSATION} FROM words JOIN conversations c ON c.number = -words.rowid "
            "WHERE words MATCH ? AND words.rowid < 0 AND c.deleted IS NULL AND c.selected IS NOT NULL "
            "ORDER BY words.rowid LIMIT ?",
            wanted,
            limit,
        )
        seen = {row[2] for row in hits}
        rows = [*hits, *(row for row in titles if row[2] not in seen)][:limit]
        return [Hit(Conversation(*row[2:]), row[0], find.excerpt(row[1], query)) for row in rows]

    def recover(self) -> int:
        """Answers still running whose process is gone become done and cut; returns how many. For the app's start."""
        with self._writing() as tables:
            return tables.cut_lost()

    def insert(self, title: str, created: float, updated: float, nodes: Sequence[Node], selected: int | None) -> str:
        """A whole conversation at once, as an import needs it; returns its new id.

        ``nodes`` come parents first. Their ids only tie them together here (``selected`` is one of them) and are given
        anew; a running one counts as done.
        """
        id = secrets.token_urlsafe(12)
        new: dict[int | None, int | None] = {None: None}
        with self._writing() as tables:
            tables.insert_conversation(id, title, created, updated)
            for node in nodes:
                state = "failed" if node.state == "failed" else "done"
                row = tables.insert_message(id, new[node.parent], node.message, state, node.created)
                new[node.id] = row
                self._sql.execute(
                    "UPDATE messages SET trouble_en = ?, trouble_zh = ?, feedback = ? WHERE id = ?",
                    (str(node.trouble), node.trouble.into("zh"), node.feedback, row),
                )
            self._sql.execute("UPDATE conversations SET selected = ? WHERE id = ?", (new[selected], id))
        return id

    def close(self) -> None:
        with self._lock:
            self._sql.close()

    @contextmanager
    def _writing(self) -> Iterator[Tables]:
        """One transaction, alone among all threads and processes; media files are written and swept inside it."""
        with self._lock, spoken(self._database):
            self._sql.execute("BEGIN IMMEDIATE")
            try:
                yield self._tables
                self._sql.execute("COMMIT")
            except BaseException:  # an interrupt, too, must not leave it half done
                if self._sql.in_transaction:
                    self._sql.execute("ROLLBACK")
                self._tables.forget_written()
                raise

    def _read(self, sql: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with self._lock, spoken(self._database):
            return self._sql.execute(sql, values).fetchall()

    def _nodes(self, sql: str, *values: object, sound: bool = True) -> list[Node]:
        with self._lock, spoken(self._database):
            return self._tables.nodes(self._sql.execute(sql, values).fetchall(), sound)
