"""Models in the background: fetched, paused, cancelled, added, removed and moved, and the app sees it at once."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from core.app.app import App
from core.catalogue import licences as terms
from core.catalogue import user_file as usercatalogue
from core.catalogue.spec import installed
from core.cli import main as cli
from core.errors import BadInput, DownloadFailed
from core.manage.remove import remove
from core.server.launch import claim
from core.settings import Settings, SpeechSettings, load
from tests.support.hub_server import BODY, COMMIT, HUB, ON_HUB, Fault, HubServer, left, serving, tiny
from tests.support.leases import chat_model
from tests.tiny.tiny_gguf import write_tiny_gguf

PART = Path(".partial") / "tiny" / "model.bin.part"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with serving(monkeypatch) as started:
        yield started


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """An app that knows the tiny model of the hub."""
    settings = Settings(home=tmp_path / "home")
    usercatalogue.write(tiny(HUB), settings)
    opened = App(settings)
    yield opened
    for key in ("tiny", "add", "move"):
        opened.jobs.cancel(key)
        until(lambda key=key: not opened.jobs.progress(key))
    opened.close()


def until(done: Callable[[], object]) -> None:
    """Wait for ``done``, but not for ever."""
    give_up = time.monotonic() + 60
    while not done():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def ended(app: App, key: str) -> None:
    until(lambda: not app.jobs.progress(key))


def begin_and_hold(app: App, server: HubServer, size: int = 700_000) -> Fault:
    """Begin to fetch the tiny model; its server stops sending after ``size`` bytes, until the fault is released."""
    held = Fault(hold=size)
    server.fail(ON_HUB, held)
    app.jobs.get(tiny(HUB))
    until(lambda: (app.settings.models / PART).exists() and (app.settings.models / PART).stat().st_size >= size)
    return held


def test_a_model_is_fetched_and_told_on_the_way(server: HubServer, app: App) -> None:
    held = begin_and_hold(app, server)
    until(lambda: (progress := app.jobs.progress("tiny")) and progress.fraction)
    app.jobs.get(tiny(HUB))  # a second click
    assert app.jobs.paused(tiny(HUB)) == 0
    held.release.set()
    ended(app, "tiny")
    assert server.asked(ON_HUB) == 1
    assert installed(tiny(HUB), app.settings.models)


def test_a_paused_download_goes_on_where_it_was(server: HubServer, app: App) -> None:
    begin_and_hold(app, server)
    app.jobs.pause("tiny")
    ended(app, "tiny")
    assert app.jobs.paused(tiny(HUB)) == 700_000
    assert app.jobs.trouble("tiny") is None
    assert app.jobs.said("tiny") is None
    app.jobs.get(tiny(HUB))
    ended(app, "tiny")
    assert server.ranges(ON_HUB) == ["", "bytes=700000-"]
    assert installed(tiny(HUB), app.settings.models)
    said = app.jobs.said("tiny")
    assert said
    assert str(said.note) == "Tiny is installed"
    assert app.jobs.paused(tiny(HUB)) == 0


def test_a_cancelled_download_leaves_nothing(server: HubServer, app: App) -> None:
    begin_and_hold(app, server)
    app.jobs.cancel("tiny")
    ended(app, "tiny")
    assert left(app.settings) == []
    assert app.jobs.paused(tiny(HUB)) == 0


def test_what_failed_is_told_until_it_is_dismissed_or_tried_again(server: HubServer, app: App) -> None:
    server.fail(ON_HUB, Fault(status=404), Fault(status=404))
    for _ in range(2):
        app.jobs.get(tiny(HUB))
        ended(app, "tiny")
        assert isinstance(app.jobs.trouble("tiny"), DownloadFailed)
    app.jobs.dismiss("tiny")
    assert app.jobs.trouble("tiny") is None
    app.jobs.get(tiny(HUB))
    ended(app, "tiny")
    assert app.jobs.trouble("tiny") is None


def test_verifying_says_how_it_ended(server: HubServer, app: App) -> None:
    app.jobs.get(tiny(HUB))
    ended(app, "tiny")
    app.jobs.verify(tiny(HUB))
    ended(app, "tiny")
    said = app.jobs.said("tiny")
    assert said
    assert str(said.note) == "Tiny is as it should be"
    (app.settings.models / "tiny" / "model.bin").write_bytes(b"!" + BODY[1:])
    app.jobs.verify(tiny(HUB))
    ended(app, "tiny")
    assert app.jobs.said("tiny") is None
    assert "damaged" in str(app.jobs.trouble("tiny"))


def test_a_licence_is_agreed_to_once_and_noted_with_its_time(server: HubServer, app: App) -> None:
    spec = replace(tiny(HUB), licence="CPML-1.0", terms="https://example.org/cpml")
    with pytest.raises(BadInput, match=r"https://example\.org/cpml .*non-commercial") as caught:
        app.jobs.get(spec)
    assert "https://example.org/cpml" in caught.value.said("zh")
    assert server.seen == []
    app.jobs.get(spec, accepted=True)
    ended(app, "tiny")
    noted = tomllib.loads((app.settings.home / "accepted.toml").read_text("utf-8"))["tiny"]
    assert (noted["licence"], noted["terms"]) == ("CPML-1.0", "https://example.org/cpml")
    assert datetime.fromisoformat(noted["time"]).tzinfo
    assert app.jobs.accepted(spec)
    app.jobs.get(spec)
    ended(app, "tiny")
    assert not app.jobs.accepted(replace(spec, terms="https://example.org/other"))


def test_a_model_added_by_file_is_used_at_once_and_after_a_restart(app: App, tmp_path: Path) -> None:
    app.jobs.add(write_tiny_gguf(tmp_path / "talk.gguf"))
    ended(app, "add")
    assert app.jobs.trouble("add") is None
    assert app.jobs.added() == "talk"
    app.change({"chat": "talk"})
    chosen = app.services.choice().chat
    assert chosen
    assert chosen == app.catalogue.find("talk")
    again = App(app.settings)
    assert again.catalogue.find("talk") == chosen
    assert installed(chosen, again.settings.models)
    again.close()


def test_a_removed_model_of_ones_own_is_forgotten(app: App, tmp_path: Path) -> None:
    app.jobs.add(write_tiny_gguf(tmp_path / "talk.gguf"))
    ended(app, "add")
    app.change({"chat": "talk", "memory.pinned": ("kokoro", "talk")})
    app.remove(app.catalogue.find("talk"))
    with pytest.raises(BadInput, match="no model called 'talk'"):
        app.catalogue.find("talk")
    assert (app.settings.chat, app.settings.memory.pinned) == ("", ("kokoro",))
    assert load({"PARLOR_HOME": str(app.settings.home)}).memory.pinned == ("kokoro",)
    assert left(app.settings) == []
    assert (tmp_path / "talk.gguf").exists(), "the person's own file is not ours to delete"


def test_a_model_that_is_being_loaded_is_not_removed(app: App) -> None:
    opening = app.pool.use(chat_model(app.settings, "talk", memory=1_000_000))
    next(opening)
    assert not app.pool.loaded()
    with pytest.raises(BadInput, match="in use"):
        app.remove(chat_model(app.settings, "talk"))
    with pytest.raises(BadInput, match="in use"):
        app.unload_all()
    opening.close()
    app.unload_all()


def test_a_removed_model_takes_its_adapter_and_nothing_else_out_of_the_settings(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, see="zh", chat="zh", language="zh", adapter="poet", speech=SpeechSettings(speaker="zh")
    )
    (settings.models / "zh" / "adapters" / "poet").mkdir(parents=True)
    spec = replace(tiny(HUB), id="zh")
    assert remove(replace(spec, id="other"), settings) == {}
    assert remove(spec, replace(settings, adapter="of another")) == {"see": "", "chat": ""}
    (settings.models / "zh" / "adapters" / "poet").mkdir(parents=True)
    assert remove(spec, settings) == {"see": "", "chat": "", "adapter": ""}


def test_a_model_that_is_a_link_is_removed_and_what_it_means_is_not(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    (tmp_path / "theirs").mkdir()
    settings.models.mkdir(parents=True)
    (settings.models / "tiny").symlink_to(tmp_path / "theirs", target_is_directory=True)
    remove(tiny(HUB), settings)
    assert not (settings.models / "tiny").is_symlink()
    assert (tmp_path / "theirs").exists()


def test_while_the_app_is_open_the_command_line_leaves_its_models_alone(
    app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARLOR_HOME", str(app.settings.home))
    monkeypatch.setenv("LC_ALL", "C")
    for name in ("tiny", "kokoro"):
        (app.settings.models / name).mkdir(parents=True)
    app.change({"memory.pinned": ("kokoro", "tiny")})
    lock = claim(app.settings.home)
    assert lock
    assert cli.main(["models", "remove", "tiny"]) == 2
    lock.release()
    assert "Parlor is open. Remove models on its Models page" in capsys.readouterr().err
    assert cli.main(["models", "remove", "tiny", "kokoro"]) == 0
    assert load().memory.pinned == ()


@pytest.mark.parametrize("command", ["add", "move"])
@pytest.mark.parametrize("what", ["~nobody-of-that-name/x", "/" + "a" * 300])
def test_a_path_that_cannot_be_is_one_line_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, what: str
) -> None:
    monkeypatch.setenv("PARLOR_HOME", str(tmp_path))
    assert cli.main(["models", command, what]) == 2


def test_a_hand_written_file_of_licences_does_not_break_the_app(app: App) -> None:
    spec = replace(tiny(HUB), terms="https://example.org/cpml")
    (app.settings.home / "accepted.toml").write_text("tiny = 5\nx = 5", "utf-8")
    assert not app.jobs.accepted(spec)
    terms.accept(spec, app.settings)
    assert app.jobs.accepted(spec)
    assert "x = 5" in (app.settings.home / "accepted.toml").read_text("utf-8")


def test_a_file_that_is_no_model_is_told(app: App, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello", "utf-8")
    app.jobs.add(tmp_path / "notes.txt")
    ended(app, "add")
    assert "nothing that Parlor understands" in str(app.jobs.trouble("add"))
    assert app.jobs.said("add") is None


def test_a_model_is_added_from_the_hub_and_fetched(server: HubServer, app: App) -> None:
    server.add_repo("someone/talk", {"talk-Q4_K_M.gguf": BODY}, gguf={"architecture": "llama"})
    app.jobs.add_from_hub("someone/talk", model="mine")
    ended(app, "add")
    assert app.jobs.trouble("add") is None
    assert app.jobs.added() == "mine"
    assert installed(app.catalogue.find("mine"), app.settings.models)


def test_adding_from_the_hub_paused_goes_on_as_a_download_and_cancelled_is_undone(server: HubServer, app: App) -> None:
    server.add_repo("someone/talk", {"talk-Q4_K_M.gguf": BODY}, gguf={"architecture": "llama"})
    weights = f"/someone/talk/resolve/{COMMIT}/talk-Q4_K_M.gguf"
    for stop in (app.jobs.pause, app.jobs.cancel):
        server.fail(weights, Fault(hold=500_000))
        app.jobs.add_from_hub("someone/talk", model="mine")
        if stop == app.jobs.pause:
            with pytest.raises(BadInput, match="Another model is being added"):
                app.jobs.add_from_hub("someone/else")
        part = app.settings.models / ".partial" / "mine" / "talk-Q4_K_M.gguf.part"
        until(lambda part=part: part.exists() and part.stat().st_size >= 500_000)
        stop("add")
        ended(app, "add")
        if stop == app.jobs.pause:
            spec = app.catalogue.find("mine")
            assert app.jobs.paused(spec) == 500_000
            app.remove(spec)
    assert left(app.settings) == []
    with pytest.raises(BadInput):
        app.catalogue.find("mine")


def test_adding_again_what_is_there_and_cancelling_that_loses_nothing(server: HubServer, app: App) -> None:
    server.add_repo("someone/talk", {"talk-Q4_K_M.gguf": BODY[1:]}, gguf={"architecture": "llama"})
    app.jobs.add_from_hub("someone/talk")
    ended(app, "add")
    app.jobs.add_from_hub("someone/talk")
    app.jobs.cancel("add")
    ended(app, "add")
    assert installed(app.catalogue.find("talk-q4_k_m"), app.settings.models)


def test_the_folder_moves_and_the_app_goes_over_to_it(server: HubServer, app: App, tmp_path: Path) -> None:
    begin_and_hold(app, server)
    with pytest.raises(BadInput, match="being fetched"):
        app.jobs.move(tmp_path / "elsewhere")
    app.jobs.cancel("tiny")
    ended(app, "tiny")
    app.jobs.get(tiny(HUB))
    ended(app, "tiny")
    app.jobs.move(tmp_path / "elsewhere")
    ended(app, "move")
    assert app.jobs.trouble("move") is None
    assert app.settings.models == tmp_path / "elsewhere"
    assert app.pool.settings.models == tmp_path / "elsewhere"
    assert installed(tiny(HUB), app.settings.models)
    assert load({"PARLOR_HOME": str(app.settings.home)}).models == tmp_path / "elsewhere"
    assert not (app.settings.home / "models").exists()
