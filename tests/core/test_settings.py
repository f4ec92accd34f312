"""Settings: what is kept is what was changed, folders mean the same everywhere, and impossible values are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.app.app import App
from core.errors import BadInput
from core.settings import Settings, keep, load


def test_a_change_keeps_neither_the_environment_nor_undoes_what_another_process_kept(tmp_path: Path) -> None:
    app = App(load({"PARLOR_HOME": str(tmp_path), "PARLOR_TEMPERATURE": "0.1"}))
    keep(tmp_path, chat="theirs")
    app.change(speed=1.5)
    stored = load({"PARLOR_HOME": str(tmp_path)})
    assert (stored.speed, stored.chat, stored.temperature) == (1.5, "theirs", Settings(home=tmp_path).temperature)
    assert (app.settings.temperature, app.pool.settings.speed) == (0.1, 1.5)
    app.close()


def test_a_relative_folder_means_the_same_in_every_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load({"PARLOR_HOME": "home", "PARLOR_MODELS_FOLDER": "../elsewhere"})
    assert settings.home == tmp_path / "home"
    assert settings.models == tmp_path.parent / "elsewhere"


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_what_is_no_number_is_no_setting(tmp_path: Path, value: str) -> None:
    with pytest.raises(BadInput, match="memory_gb cannot be"):
        load({"PARLOR_HOME": str(tmp_path), "PARLOR_MEMORY_GB": value})
    (tmp_path / "parlor.toml").write_text("threads = inf", "utf-8")
    with pytest.raises(BadInput, match="threads cannot be"):
        load({"PARLOR_HOME": str(tmp_path)})


def test_a_budget_below_nothing_is_none(tmp_path: Path) -> None:
    settings = load({"PARLOR_HOME": str(tmp_path), "PARLOR_MEMORY_GB": "-3", "PARLOR_GPU_GB": "-1"})
    assert (settings.memory_gb, settings.gpu_gb) == (0, 0)


def test_the_home_of_somebody_unknown_is_refused() -> None:
    with pytest.raises(BadInput, match="does not know"):
        load({"PARLOR_HOME": "~nobody-of-that-name/parlor"})
