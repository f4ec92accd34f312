"""Files of pictures and recordings: written once, swept when stale, and never outside their folder."""

import contextlib
import os
import sqlite3
import time
from pathlib import Path

from core.store.store import Store
from core.types.messages import Audio, Image
from tests.core.store.conversations import answer, media_files, user


def test_a_growing_answer_writes_each_sound_once(store: Store, tmp_path: Path) -> None:
    conversation = store.create()
    id = store.add(conversation, answer(""), None, "running")
    sounds = [Audio(bytes([number]) * 4000, 24_000) for number in range(3)]
    store.update(id, answer("one", sounds[0]))
    (written,) = media_files(tmp_path)
    written.unlink()
    store.update(id, answer("one two", *sounds[:2]))
    assert written not in media_files(tmp_path)
    store.finish(id, answer("one two three", *sounds))
    assert written in media_files(tmp_path)
    node = store.node(id)
    assert node is not None
    assert node.message == answer("one two three", *sounds)


def test_a_name_from_outside_never_leads_out_of_the_folder(store: Store, tmp_path: Path) -> None:
    id = store.add(store.create(), user(Image(b"x", "image/png")), None)
    (tmp_path / "secret").write_bytes(b"secret")
    with contextlib.closing(sqlite3.connect(tmp_path / "parlor.db")) as sql, sql:
        body = '{"role":"user","parts":[{"type":"image","sha256":"../../secret","mime":"image/png"}]}'
        sql.execute("UPDATE messages SET body = ? WHERE id = ?", (body, id))
    node = store.node(id)
    assert node is not None
    assert node.message == user(Image(b"", "image/png"))


def test_stale_pieces_of_a_crashed_write_are_swept(store: Store, tmp_path: Path) -> None:
    store.add(store.create(), user(Image(b"kept", "image/png")), None)
    (kept,) = media_files(tmp_path)
    kept.with_name(f"{'a' * 64}.{os.getpid()}.part").write_bytes(b"half")
    kept.with_name("b" * 64).write_bytes(b"nobody's")
    kept.with_name("notes.txt").write_bytes(b"not ours")
    os.utime(kept, (time.time() - 9e6,) * 2)
    store.purge()
    assert sorted(file.name for file in media_files(tmp_path)) == sorted([kept.name, "notes.txt"])
