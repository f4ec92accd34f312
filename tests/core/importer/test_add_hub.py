"""Models from the hub, through the hub's own client: found, recognised, pinned, fetched, and every refusal explained.

What a transfer promises of itself is in tests/core/download.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from core.catalogue import spec as catalogue
from core.catalogue.load import load
from core.catalogue.spec import Hub, ModelSpec, installed
from core.catalogue.user_file import file_of
from core.errors import BadInput, DownloadFailed, Offline
from core.importer import add_hub as hub
from core.manage.get import get
from core.settings import Settings
from core.types.events import Progress
from tests.support.hub_server import BODY, COMMIT, Fault, HubServer, left, serving

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
NEWER = "fedcba9876" * 4
REPO = "someone/Small-Chat-GGUF"
API = f"/api/models/{REPO}"
GGUF = {"architecture": "llama", "context_length": 4096, "total": 135_000_000}
CARD = {"license": "apache-2.0", "language": ["en", "zh"]}
LLAVA = {
    "config.json": json.dumps({"model_type": "llava"}).encode(),
    "tokenizer.json": b"{}",
    "preprocessor_config.json": b'{"size": 32}',
    "model.safetensors": BODY[:300_000],
    "pytorch_model.bin": BODY[:5000],
    "onnx/model.onnx": BODY[:5000],
    "README.md": b"hello",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with serving(monkeypatch) as started:
        quantised = {
            f"small-chat-{kind}.gguf": BODY[: 200_000 + n] for n, kind in enumerate(("Q2_K", "Q4_K_M", "Q8_0"))
        }
        started.add_repo(REPO, {**quantised, "README.md": b"hi"}, gguf=GGUF, cardData=CARD)
        yield started


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def outcome(steps: Generator[Progress, None, T]) -> T:
    """What the generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value


def look_up(settings: Settings, name: str = REPO, **options: str) -> ModelSpec:
    return outcome(hub.look_up(name, settings, **options))


def wait_until(done: Callable[[], object]) -> None:
    """Wait for ``done``, but not for ever."""
    give_up = time.monotonic() + 60
    while not done():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def own(settings: Settings) -> catalogue.Catalogue:
    return load(file_of(settings))


def with_repository(settings: Settings, repo: str, revision: str, include: str) -> ModelSpec:
    """A catalogue entry whose files are still to be looked up."""
    settings.home.mkdir(parents=True)
    file_of(settings).write_text(
        f"""
        [[model]]
        id = "eyes"
        name = "Eyes"
        task = "see"
        engine = "llava"
        licence = "MIT"
        languages = ["en"]
        memory_mb = 1
        revision = "{revision}"
        download_mb = 1
        repository = {{ hub = "{repo}", revision = "{revision}", include = [{include}] }}
        """,
        "utf-8",
    )
    return own(settings).find("eyes")


def test_a_repository_is_recognised_pinned_and_noted(server: HubServer, settings: Settings) -> None:
    spec = look_up(settings)
    assert (spec.id, spec.task, spec.engine) == ("small-chat-q4_k_m", "chat", "llama")
    assert (spec.licence, spec.languages, spec.revision) == ("apache-2.0", ("en", "zh"), COMMIT)
    assert [file.name for file in spec.files] == ["small-chat-Q4_K_M.gguf"]
    assert spec.files[0].sha256 == hashlib.sha256(BODY[:200_001]).hexdigest()
    assert spec.files[0].sources == (Hub(REPO, COMMIT, "small-chat-Q4_K_M.gguf"),)
    assert own(settings).find(spec.id) == spec
    assert [path for path, _ in server.seen] == [API], "one question is enough, and nothing else is told"


@pytest.mark.parametrize("file", ["small-chat-Q8_0.gguf", "Q8_0", "q8_0", "*q8_0.gguf"])
def test_another_file_of_the_repository_can_be_named(server: HubServer, settings: Settings, file: str) -> None:
    assert look_up(settings, file=file).files[0].name == "small-chat-Q8_0.gguf"


def test_the_file_and_the_revision_may_stand_in_the_name(server: HubServer, settings: Settings) -> None:
    spec = look_up(settings, f"{REPO}@{COMMIT}:small-chat-Q2_K.gguf", id="two")
    assert (spec.id, spec.files[0].name) == ("two", "small-chat-Q2_K.gguf")
    assert server.asked(f"{API}/revision/{COMMIT}") == 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a/b", hub.HubName("a/b")),
        ("a/b@main", hub.HubName("a/b", "main")),
        ("a/b:x.gguf", hub.HubName("a/b", "", "x.gguf")),
        ("https://hub.example/a/b", hub.HubName("a/b")),
        ("https://hub.example/a/b/tree/v2", hub.HubName("a/b", "v2")),
        ("https://hub.example/a/b/blob/main/sub/x.gguf", hub.HubName("a/b", "main", "sub/x.gguf")),
        ("just-a-name", None),
        ("a/b/c", None),
    ],
)
def test_names_and_addresses_of_repositories(text: str, wanted: hub.HubName | None) -> None:
    assert hub.named(text) == wanted


def test_what_sees_takes_its_mmproj_in_half_precision(server: HubServer, settings: Settings) -> None:
    files = {
        "eyes-Q4_K_M.gguf": BODY[:90_000],
        "mmproj-eyes-Q8_0.gguf": BODY[:3000],
        "mmproj-eyes-f16.gguf": BODY[:4000],
    }
    server.add_repo("someone/eyes", files, gguf=GGUF)
    spec = look_up(settings, "someone/eyes")
    assert (spec.task, spec.engine) == ("see", "llama")
    assert [file.name for file in spec.files] == ["eyes-Q4_K_M.gguf", "mmproj-eyes-f16.gguf"]


def test_a_llava_repository_leaves_out_pickles_and_other_formats(server: HubServer, settings: Settings) -> None:
    server.add_repo("someone/llava", LLAVA, cardData={"license": "llama2"})
    spec = look_up(settings, "someone/llava")
    assert (spec.task, spec.engine, spec.licence) == ("see", "llava", "llama2")
    names = [file.name for file in spec.files]
    assert names == ["model.safetensors", "config.json", "preprocessor_config.json", "tokenizer.json"]
    outcome(get(spec, settings))
    assert left(settings) == sorted(f"llava/{name}" for name in names)
    small = f"/someone/llava/resolve/{COMMIT}/config.json"
    assert server.asked(small) == 1, "what was read to recognise it is not fetched again"


def test_the_same_repository_twice_is_one_model(server: HubServer, settings: Settings) -> None:
    assert look_up(settings) == look_up(settings)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"config.json": b'{"model_type": "llava"}', "pytorch_model.bin": BODY[:5000]}, "can run code"),
        ({"config.json": b'{"model_type": "qwen2"}', "model.safetensors": BODY[:5000]}, "get the GGUF"),
        ({"README.md": b"nothing"}, "nothing that Parlor understands"),
        ({"adapter_config.json": b'{"peft_type": "LORA"}', "adapter_model.safetensors": BODY[:5000]}, "LoRA adapter"),
    ],
)
def test_what_cannot_be_used_says_why_and_leaves_nothing(
    server: HubServer, settings: Settings, files: dict[str, bytes], reason: str
) -> None:
    server.add_repo("someone/odd", files)
    with pytest.raises(BadInput, match=reason):
        look_up(settings, "someone/odd")
    assert left(settings) == []
    assert not file_of(settings).exists()


def test_a_task_the_files_cannot_do_is_refused(server: HubServer, settings: Settings) -> None:
    with pytest.raises(BadInput, match="without its mmproj"):
        look_up(settings, task="see")


def test_a_repository_cannot_write_outside_its_folder(server: HubServer, settings: Settings) -> None:
    server.add_repo("someone/llava", {**LLAVA, "../../evil.json": b"{}", "C:/evil.json": b"{}"})
    names = [file.name for file in look_up(settings, "someone/llava").files]
    assert not any("evil" in name for name in names)


def test_an_entry_of_the_catalogue_with_a_repository_is_pinned_when_it_is_fetched(
    server: HubServer, settings: Settings
) -> None:
    server.add_repo("someone/llava", LLAVA)
    spec = with_repository(settings, "someone/llava", "main", '"*.json", "*.safetensors"')
    pinned = outcome(get(spec, settings))
    assert installed(pinned, settings.models)
    assert own(settings).find("eyes") == pinned
    assert (pinned.revision, pinned.repository) == (COMMIT, None)
    assert pinned.files[0].sources == (Hub("someone/llava", COMMIT, pinned.files[0].name),)
    assert server.asked(f"/someone/llava/resolve/{COMMIT}/config.json") == 1
    assert not any("pytorch" in path or "onnx" in path for path, _ in server.seen)


def test_after_a_cut_it_goes_on_at_the_commit_it_began_with(server: HubServer, settings: Settings) -> None:
    server.add_repo("someone/llava", LLAVA)
    spec = with_repository(settings, "someone/llava", "main", '"config.json", "model.safetensors"')
    weights = f"/someone/llava/resolve/{COMMIT}/model.safetensors"
    server.fail(weights, Fault(cut=100_000), *[Fault(cut=0) for _ in range(4)])
    with pytest.raises(DownloadFailed, match="broke off"):
        outcome(get(spec, settings))
    server.add_repo("someone/llava", {**LLAVA, "model.safetensors": BODY[1000:300_000]}, commit=NEWER)
    pinned = outcome(get(own(settings).find("eyes"), settings))
    assert (settings.models / "eyes" / "model.safetensors").read_bytes() == LLAVA["model.safetensors"]
    assert pinned.revision == COMMIT
    assert server.ranges(weights)[-1] == "bytes=100000-"


def test_weights_with_another_hash_than_the_hub_told_are_refused(server: HubServer, settings: Settings) -> None:
    spec = look_up(settings)
    server.files[f"/{REPO}/resolve/{COMMIT}/small-chat-Q4_K_M.gguf"] = b"!" + BODY[1:200_001]
    with pytest.raises(DownloadFailed, match="wrong content"):
        outcome(get(spec, settings))
    assert left(settings) == []


def test_a_small_file_with_another_git_hash_is_refused(server: HubServer, settings: Settings) -> None:
    server.add_repo("someone/llava", LLAVA)
    server.files[f"/someone/llava/resolve/{COMMIT}/config.json"] = b'{"model_type": "evil!"}'
    with pytest.raises(BadInput, match="wrong content"):
        look_up(settings, "someone/llava")
    assert left(settings) == []


def test_a_large_file_without_a_sha256_is_refused(server: HubServer, settings: Settings) -> None:
    server.add_repo("someone/plain", {"plain-Q4_0.gguf": BODY}, lfs=False, gguf=GGUF)
    described = json.loads(server.files["/api/models/someone/plain"])
    described["siblings"][0]["size"] = 21_000_000
    server.files["/api/models/someone/plain"] = json.dumps(described).encode()
    with pytest.raises(DownloadFailed, match="no sha256"):
        look_up(settings, "someone/plain")


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (401, "GatedRepo", "hf auth login"),
        (403, "GatedRepo", "accepts its conditions"),
        (401, "RepoNotFound", "or it is private"),
        (404, "RepoNotFound", f"has no {REPO}"),
        (404, "RevisionNotFound", "has no revision"),
        (401, "", "or it is private"),
        (403, "", "asks for permission"),
        (404, "", f"has no {REPO}"),
        (400, "", "refused with status 400"),
    ],
)
def test_a_refusal_of_the_hub_says_what_it_means(
    server: HubServer, settings: Settings, status: int, code: str, reason: str
) -> None:
    server.fail(API, Fault(status=status, code=code))
    with pytest.raises(DownloadFailed, match=reason) as caught:
        look_up(settings)
    assert REPO in str(caught.value) or "127.0.0.1" in str(caught.value)
    assert len(server.seen) == 1, "asking again would not help"


def test_a_gated_model_names_its_page_and_how_to_log_in(server: HubServer, settings: Settings) -> None:
    server.add_repo("someone/gated", LLAVA, gated="manual", cardData={"license": "llama3"})
    refused = Fault(status=403, code="GatedRepo")
    server.fail(f"/someone/gated/resolve/{COMMIT}/config.json", refused)
    with pytest.raises(DownloadFailed) as caught:
        look_up(settings, "someone/gated")
    for text in (str(caught.value), caught.value.said("zh")):
        assert "someone/gated" in text
        assert f"{server.url}/someone/gated" in text
        assert "hf auth login" in text
    assert look_up(settings, "someone/gated").terms == f"{server.url}/someone/gated"


def test_a_gated_model_refused_in_mid_fetch_says_the_same(server: HubServer, settings: Settings) -> None:
    spec = look_up(settings)
    server.fail(f"/{REPO}/resolve/{COMMIT}/small-chat-Q4_K_M.gguf", Fault(status=403, code="GatedRepo"))
    with pytest.raises(DownloadFailed, match=f"on the model's page, {server.url}/{REPO}"):
        outcome(get(spec, settings))


def test_a_licence_against_commerce_has_to_be_agreed_to(server: HubServer, settings: Settings) -> None:
    about = {
        "license": "other",
        "license_name": "coqui-public-model-license",
        "license_link": "https://example.org/cpml",
    }
    xtts = {
        "config.json": b'{"model": "xtts", "languages": ["en", "zh-cn"]}',
        "model.pth": BODY[:5000],
        "vocab.json": b"{}",
    }
    server.add_repo("someone/xtts", {**xtts, "dvae.pth": BODY[:4000]}, cardData=about)
    spec = look_up(settings, "someone/xtts")
    assert (spec.task, spec.engine, spec.languages, spec.clones) == ("speak", "coqui", ("en", "zh"), True)
    assert spec.terms == "https://example.org/cpml"
    assert sorted(file.name for file in spec.files) == ["config.json", "model.pth", "vocab.json"]


def test_a_busy_hub_is_asked_again_after_the_time_it_names(server: HubServer, settings: Settings) -> None:
    server.fail(API, Fault(status=429, retry_after="1"), Fault(status=503))
    look_up(settings)
    assert server.asked(API) == 3


def test_a_hub_that_asks_for_an_hour_is_not_waited_for(server: HubServer, settings: Settings) -> None:
    server.fail(API, Fault(status=429, retry_after="3600"))
    with pytest.raises(DownloadFailed, match="try again in 3600 s"):
        look_up(settings)


def test_a_connection_that_dies_is_tried_again_and_then_given_up(server: HubServer, settings: Settings) -> None:
    server.fail(API, Fault(cut=10))
    look_up(settings)
    server.fail(API, *[Fault(cut=10) for _ in range(9)])
    with pytest.raises(DownloadFailed, match="broke off"):
        look_up(settings, id="again")
    assert server.asked(API) < 9


def test_a_slow_hub_is_waited_for_while_it_sends(server: HubServer, settings: Settings) -> None:
    server.fail(API, Fault(drip=40))
    assert look_up(settings).revision == COMMIT


def test_a_hub_that_hangs_can_be_left_at_once(server: HubServer, settings: Settings) -> None:
    held = Fault(hold=0)
    server.fail(API, held)
    steps = hub.look_up(REPO, settings)
    assert str(next(steps).note) == f"Looking {REPO} up"
    steps.close()
    assert not file_of(settings).exists()


@pytest.mark.parametrize("entry", [False, True])
def test_a_look_up_that_was_left_adds_nothing_when_the_hub_answers(
    server: HubServer, settings: Settings, entry: bool
) -> None:
    held = Fault(hold=0)
    server.fail(f"{API}/revision/main" if entry else API, held)
    spec = with_repository(settings, REPO, "main", '"*.gguf"') if entry else None
    steps = hub.pin(spec, settings) if spec else hub.look_up(REPO, settings)
    before = own(settings)
    next(steps)
    wait_until(lambda: server.seen)
    steps.close()
    held.release.set()
    for thread in threading.enumerate():
        if thread.name == "hub":
            thread.join()
    assert own(settings) == before
    assert left(settings) == []


def test_what_the_look_up_of_a_killed_process_has_left_goes_at_the_next(server: HubServer, settings: Settings) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    dead, living = (settings.models / ".partial" / f".look-{pid}-7" for pid in (ended.pid, os.getpid()))
    for folder in (dead, living):
        folder.mkdir(parents=True)
        (folder / "config.json").touch()
    look_up(settings)
    assert not dead.exists()
    assert living.exists(), "another look-up of this process is under way"


def test_a_hub_that_read_the_mmproj_first_does_not_hide_the_model(server: HubServer, settings: Settings) -> None:
    files = {"eyes-Q4_K_M.gguf": BODY[:90_000], "Eyes-mmproj-f16.gguf": BODY[:4000]}
    server.add_repo("someone/eyes", files, gguf={"architecture": "clip", "total": 86_000_000})
    spec = look_up(settings, "someone/eyes")
    assert (spec.task, str(spec.about)) == ("see", "Q4_K_M")


def test_an_answer_that_is_no_hubs_is_told_as_such(server: HubServer, settings: Settings) -> None:
    server.files[API] = b"<html>log in to the wireless network</html>"
    with pytest.raises(DownloadFailed, match="does not answer as a model hub does"):
        look_up(settings)


def test_without_a_network_it_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Offline, match="cannot be reached"):
        look_up(settings)


def test_offline_no_request_leaves(server: HubServer, settings: Settings) -> None:
    spec = with_repository(settings, REPO, "main", '"*"')
    offline = replace(settings, offline=True)
    for steps in (hub.look_up(REPO, offline), get(spec, offline)):
        with pytest.raises(Offline, match="offline switch"):
            outcome(steps)
    assert server.seen == []


@pytest.mark.slow
def test_the_command_line_adds_fetches_and_lists_it(server: HubServer, settings: Settings) -> None:
    environment = {**os.environ, "PARLOR_HOME": str(settings.home), "LANG": "C", "LC_ALL": "C"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "core.cli", "models", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    noted = run("add", REPO, "--no-get", "--file", "Q8_0", "--id", "noted")
    assert (noted.returncode, noted.stdout) == (0, "noted: added, not fetched yet\n"), noted.stderr
    added = run("add", REPO, "--json")
    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout.splitlines()[-1]) == {"event": "done", "id": "small-chat-q4_k_m", "text": "added"}
    rows = {row["id"]: row for row in map(json.loads, run("list", "--json").stdout.splitlines())}
    assert rows["small-chat-q4_k_m"]["installed"]
    assert rows["noted"]["own"]
    assert not rows["noted"]["installed"]
    assert run("remove", "noted", "small-chat-q4_k_m").stdout == "noted: removed\nsmall-chat-q4_k_m: removed\n"
    assert left(settings) == []
    assert "noted" not in run("list").stdout
