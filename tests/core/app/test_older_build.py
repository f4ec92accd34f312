"""The app opens the data folders of an older build, and puts right what a killed app left in them."""

from __future__ import annotations

from pathlib import Path

from core.app.app import App
from core.settings import load
from tests.support import older_build
from tests.support import older_build_corners as corners


def test_the_app_opens_its_data_folder_and_opens_it_again(tmp_path: Path) -> None:
    home = older_build.copied(tmp_path / "home")
    app = App(load({"PARLOR_HOME": str(home)}))
    ids = older_build.IDS
    assert app.calls.recovered == 1
    assert app.store.path(ids["killed"])[-1].state == "done"
    assert len(app.store.path(ids["call"])) == len(older_build.EXPECTED["call"]["path"]) + 1
    assert app.catalogue.find("my-reader").engine == "ocr"
    app.close()
    again = App(load({"PARLOR_HOME": str(home)}))
    assert again.calls.recovered == 0
    assert older_build.told(again.store, ids["signs"]) == older_build.EXPECTED["signs"]
    assert older_build.told(again.store, ids["apple"]) == older_build.EXPECTED["apple"]
    again.close()


def test_the_app_opens_the_corners_of_its_data_folder(tmp_path: Path) -> None:
    home = corners.copied(tmp_path / "home")
    app = App(load({"PARLOR_HOME": str(home)}))
    assert app.calls.recovered == 1
    assert app.catalogue.find("my-vad").engine == "vad"
    path = app.store.path(corners.IDS["trouble"])
    assert (path[-1].state, path[-1].message.cut) == ("done", True)
    whole = set(corners.VISIBLE) - {"trouble", "call"}
    assert {name for name in whole if older_build.told(app.store, corners.IDS[name]) == corners.EXPECTED[name]} == whole
    app.close()
