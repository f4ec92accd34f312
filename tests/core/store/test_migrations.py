"""Databases of before, of later, damaged, and on a full disk."""

import contextlib
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import DiskFull, ParlorError
from core.store.migrations import MIGRATIONS
from core.store.store import Store
from core.types.messages import Image
from tests.core.store.conversations import answer, media_files, texts, user


def test_a_damaged_database_is_set_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    file = tmp_path / "parlor.db"
    file.write_bytes(b"this was a database once " * 1000)
    store = Store(file, tmp_path / "media")
    assert store.trouble is not None
    (aside,) = tmp_path.glob("parlor.db.broken-*")
    assert aside.read_bytes() == b"this was a database once " * 1000
    assert aside.name in str(store.trouble)
    assert aside.name in store.trouble.said("zh")
    store.add(store.create(), user("works"), None)
    store.close()
    again = Store(file, tmp_path / "media")
    assert again.trouble is None
    assert len(again.conversations()) == 1
    again.close()


def test_damage_inside_the_file_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "parlor.db"
    store = Store(file, tmp_path / "media")
    for number in range(50):
        store.add(store.create(), user(f"{number} " * 500), None)
    store.close()
    data = bytearray(file.read_bytes())
    for page in range(4096, len(data), 3 * 4096):
        data[page : page + 1000] = bytes(1000)
    file.write_bytes(data)
    store = Store(file, tmp_path / "media")
    assert store.trouble is not None
    assert len(list(tmp_path.glob("parlor.db.broken-*"))) == 1
    store.close()


def test_a_database_of_a_newer_parlor_is_left_untouched(tmp_path: Path) -> None:
    file = tmp_path / "parlor.db"
    with contextlib.closing(sqlite3.connect(file)) as sql, sql:
        sql.execute("CREATE TABLE later (x)")
        sql.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = file.read_bytes()
    with pytest.raises(ParlorError, match="newer") as told:
        Store(file, tmp_path / "media")
    assert "更新版本" in told.value.said("zh")
    assert file.read_bytes() == before
    assert list(tmp_path.glob("parlor.db*")) == [file]


@contextlib.contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The system refuses to let any file of this process grow past ``size`` bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_loses_nothing(store: Store, tmp_path: Path) -> None:
    conversation = store.create()
    first = store.add(conversation, user("before"), None)
    photo = user("photo", Image(bytes(9_000_000), "image/png"))
    with files_no_larger_than(1_000_000), pytest.raises(DiskFull) as told:
        store.add(conversation, photo, first)
    assert "磁盘" in told.value.said("zh")
    assert texts(store, conversation) == ["before"]
    assert media_files(tmp_path) == []
    store.add(conversation, photo, first)
    assert store.path(conversation)[-1].message == photo


def test_a_full_database_is_told_and_loses_nothing(store: Store) -> None:
    conversation = store.create()
    answered = store.add(conversation, answer(""), None, "running")
    (pages,) = store._sql.execute("PRAGMA page_count").fetchone()
    store._sql.execute(f"PRAGMA max_page_count = {pages + 20}")
    store.update(answered, answer("so far"))
    with pytest.raises(DiskFull):
        store.update(answered, answer("word " * 1_000_000))
    assert texts(store, conversation) == ["so far"]
    store._sql.execute("PRAGMA max_page_count = 1000000")
    store.finish(answered, answer("word " * 1_000_000))
    assert texts(store, conversation) == ["word " * 1_000_000]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ParlorError, match="cannot be read or written"):
        Store(tmp_path / "file" / "parlor.db", tmp_path / "media")


def test_an_older_database_is_brought_up_to_date_with_everything_in_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "parlor.db", tmp_path / "media")
    conversation = store.create()
    store.add(conversation, user("hello"), None)
    store.close()
    again = Store(tmp_path / "parlor.db", tmp_path / "media")
    assert texts(again, conversation) == ["hello"]
    again.close()
