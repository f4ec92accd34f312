"""Schema migrations: the conversation database, numbered and append-only; opening it, and what goes wrong.

A database's ``user_version`` is the number of migrations it has had. A migration that has been released is never
changed: add the next one at the end.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import DiskFull, ParlorError
from core.host.disk import is_full
from core.l10n.text import l10n

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE conversations (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            title TEXT NOT NULL,
            created REAL NOT NULL,
            updated REAL NOT NULL,
            deleted REAL,
            selected INTEGER REFERENCES messages (id) ON DELETE SET NULL
        )
        """,
        "CREATE INDEX conversations_updated ON conversations (updated)",
        """
        CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            parent INTEGER REFERENCES messages (id) ON DELETE CASCADE,
            body TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
            trouble_en TEXT NOT NULL DEFAULT '',
            trouble_zh TEXT NOT NULL DEFAULT '',
            feedback INTEGER CHECK (feedback IN (0, 1)),
            created REAL NOT NULL,
            owner INTEGER,
            owner_started REAL
        )
        """,
        "CREATE INDEX messages_conversation ON messages (conversation)",
        "CREATE INDEX messages_parent ON messages (parent)",
        "CREATE INDEX messages_running ON messages (state) WHERE state = 'running'",
        "CREATE INDEX conversations_selected ON conversations (selected)",
        """
        CREATE TABLE media (
            message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
            sha256 TEXT NOT NULL,
            PRIMARY KEY (message, sha256)
        ) WITHOUT ROWID
        """,
        # rowid: a message's id, or minus a conversation's number for its title
        """
        CREATE VIRTUAL TABLE words USING fts5 (
            text, tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co Sm Sc So'"
        )
        """,
    ),
)

BUSY_SECONDS = 30
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_database(file: Path) -> tuple[sqlite3.Connection, ParlorError | None]:
    """A connection to the database at ``file``, brought up to date, and what there is to tell the person about it.

    A file that is damaged or no database at all is set aside under a new name, never deleted, and a new database begun:
    that is the trouble returned. Raises ParlorError when the database was written by a newer Parlor, which leaves it
    untouched.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    seen = _identity(file)
    try:
        return _open(file), None
    except sqlite3.DatabaseError as error:
        if not is_broken(error):
            raise
        if _identity(file) != seen:  # another process has set it aside just now
            return _open(file), None
        aside = _set_aside(file)
        return _open(file), _told(file, aside)


@contextmanager
def spoken(database: Path) -> Iterator[None]:
    """Turn what SQLite and the file system refuse into DiskFull or a ParlorError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _said(getattr(error, "sqlite_errorcode", 0) & 0xFF, database, str(error)) from error
    except OSError as error:
        raise _said(sqlite3.SQLITE_FULL if is_full(error) else sqlite3.SQLITE_IOERR, database, str(error)) from error


def _said(code: int, database: Path, reason: str) -> ParlorError:
    folder = database.parent
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(
            l10n(
                "There is no room left in {folder}, so this could not be saved; what was saved before is safe. "
                "Free some disk space, then try again.",
                folder=folder,
            )
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ParlorError(
            l10n(
                "Another program has kept {database} busy for {busy_seconds} seconds. Close it, then try again.",
                database=database,
                busy_seconds=BUSY_SECONDS,
            )
        )
    if code in _BROKEN:
        return ParlorError(
            l10n(
                "The conversation database {database} is damaged ({reason}). Restart Parlor: it will set the file "
                "aside, delete nothing and begin a new one.",
                database=database,
                reason=reason,
            )
        )
    return ParlorError(
        l10n(
            "The conversations in {folder} cannot be read or written: {reason}. Check that the folder is there and "
            "yours.",
            folder=folder,
            reason=reason,
        )
    )


def is_broken(error: sqlite3.Error) -> bool:
    """Whether ``error`` means a damaged file, not a passing state of it."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in _BROKEN


def _open(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _refuse_newer(connection, file)
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            error = sqlite3.DatabaseError(damage)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection, file)
    except BaseException:  # an interrupt, too, must not leave it half done
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, file: Path) -> None:
    """Run the migrations that are missing, all or none; the write lock keeps a second process waiting meanwhile."""
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _refuse_newer(connection, file)
        for statements in MIGRATIONS[_version(connection) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:  # an interrupt, too, must not leave it half done
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _refuse_newer(connection: sqlite3.Connection, file: Path) -> None:
    if _version(connection) > len(MIGRATIONS):
        raise ParlorError(
            l10n(
                "The conversations in {file} were written by a newer Parlor, and this one would damage them. "
                "Nothing was changed. Update Parlor, or set PARLOR_HOME to another folder.",
                file=file,
            )
        )


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _set_aside(file: Path) -> Path:
    """Rename the database with its journal files; the journal keeps its name's tail, so SQLite still pairs them."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside, count = file.with_name(f"{file.name}.broken-{stamp}"), 1
    while aside.exists():
        aside, count = file.with_name(f"{file.name}.broken-{stamp}-{count}"), count + 1
    os.rename(file, aside)
    for tail in ("-wal", "-shm"):
        if Path(f"{file}{tail}").exists():
            os.rename(f"{file}{tail}", f"{aside}{tail}")
    return aside


def _told(file: Path, aside: Path) -> ParlorError:
    return ParlorError(
        l10n(
            "The conversation database {file} was damaged and could not be read. It was set aside as {name}, with "
            "nothing deleted, and a new one begun. If you have a backup, close Parlor and put it in its place.",
            file=file,
            name=aside.name,
        )
    )
