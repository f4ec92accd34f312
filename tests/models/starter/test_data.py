"""The starter models' data: icons matched to concepts, named in two languages, drawn, packed; all offline.

The sets and names are small and made by hand, in the packages' own format, down to the tarballs.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import SafetensorError

from models.starter.data import build as data
from models.starter.data import fetch as data_fetch
from models.starter.data import render as data_render
from models.starter.data.fetch import FetchError, NpmPackage
from tests.models.starter.data_helpers import (
    CHINESE,
    DISC,
    ENGLISH,
    HALF,
    SHORTCODES,
    STAR,
    drawn,
)


def tarball(folder: Path, package: NpmPackage, files: Mapping[str, Any]) -> NpmPackage:
    """Writes ``files`` as npm would; the package, pinned to what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / package.file, "w:gz") as archive:
        for name, content in files.items():
            raw = json.dumps(content).encode()
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    return replace(package, sha256=hashlib.sha256((folder / package.file).read_bytes()).hexdigest())


def iconify(**bodies: str) -> dict[str, Any]:
    icons = {name.replace("_", "-"): {"body": body} for name, body in bodies.items()}
    return {"icons.json": {"icons": icons, "width": 36, "height": 36}}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with every package, small; npm is never called."""
    pytest.importorskip("resvg_py")
    folder = tmp_path / "cache"
    bodies = {"red_apple": HALF, "cat_face": STAR, "water_pistol": DISC, "waving_hand": DISC}
    trained = [tarball(folder, package, iconify(**bodies)) for package in data.TRAINING[:2]]
    bodies = {"apple": HALF, "catface": STAR, "waving_hand": STAR, "umbrella": DISC}
    trained.append(tarball(folder, data.TRAINING[5], iconify(**bodies)))
    names: dict[str, Any] = {"en/data.json": ENGLISH, "zh/data.json": CHINESE}
    names |= {f"en/shortcodes/{name}.json": SHORTCODES[0] for name in data.SHORTCODES}
    monkeypatch.setattr(data, "TRAINING", tuple(trained))
    monkeypatch.setattr(data, "NAMES", tarball(folder, data.NAMES, names))
    unseen = iconify(red_apple=DISC, umbrella=STAR)
    monkeypatch.setattr(data, "UNSEEN", tarball(folder, data.UNSEEN, unseen))
    monkeypatch.setattr(data_fetch.subprocess, "run", lambda *_, **__: pytest.fail("npm was called"))
    return folder


def run(out: Path, cache: Path, *more: str) -> int:
    return data.main(["--out", str(out), "--cache", str(cache), "--jobs", "1", *more])


def test_the_command_keeps_what_three_sets_show(tmp_path: Path, cache: Path) -> None:
    assert run(tmp_path, cache) == 0
    pack = data.read_pack(tmp_path / data.PACK)
    assert [each["slug"] for each in pack.concepts] == ["cat-face", "red-apple", "waving-hand"]
    assert pack.styles == ["noto", "twemoji", "fxemoji"]
    assert pack.licences == {"noto": "Apache-2.0", "twemoji": "CC-BY-4.0", "fxemoji": "Apache-2.0"}
    assert pack.concept.tolist() == [0, 1, 2] * 3
    assert pack.style.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert not (tmp_path / data.UNSEEN_PACK).exists()


def test_the_unseen_style_has_the_same_concepts_and_only_them(tmp_path: Path, cache: Path) -> None:
    assert run(tmp_path, cache, "--unseen") == 0
    pack, unseen = data.read_pack(tmp_path / data.PACK), data.read_pack(tmp_path / data.UNSEEN_PACK)
    assert unseen.concepts == pack.concepts
    assert (unseen.styles, unseen.concept.tolist()) == (["emojione"], [1])
    assert "emojione" not in pack.styles


def test_a_pack_gives_back_its_pictures(tmp_path: Path, cache: Path) -> None:
    assert run(tmp_path, cache) == 0
    pack = data.read_pack(tmp_path / data.PACK)
    assert (len(pack), pack.ends.dtype, pack.concept.dtype, pack.style.dtype) == (9, np.int64, np.int16, np.int16)
    assert (pack.webp.dtype, pack.ends[-1]) == (np.uint8, pack.webp.size)
    for index, body in enumerate((STAR, HALF, DISC)):
        np.testing.assert_array_equal(pack.picture(index), data_render.decode(drawn(body)))


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path, cache: Path) -> None:
    for out in ("a", "b"):
        assert run(tmp_path / out, cache, "--unseen") == 0
    for name in (data.PACK, data.UNSEEN_PACK):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_pack_that_would_be_too_large_is_not_written(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, "LARGEST", 1000)
    assert run(tmp_path / "out", cache) == 1
    assert "icons.safetensors would take" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_no_pack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"no pack at all")
    with pytest.raises(SafetensorError):
        data.read_pack(tmp_path / "a")


def test_a_tarball_that_differs_is_refused_and_removed(tmp_path: Path, cache: Path) -> None:
    package = data.TRAINING[0]
    (cache / package.file).write_bytes(b"something else")
    with pytest.raises(FetchError, match="not the pinned"):
        data_fetch.fetch(package, cache)
    assert not (cache / package.file).exists()


def test_npm_packs_the_pinned_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tarball(tmp_path / "there", data_fetch.TRAINING[0], iconify(cat=DISC))

    def npm(command: list[str], **_: Any) -> None:
        assert command[:3] == ["npm", "pack", "@iconify-json/noto@1.2.9"]
        (Path(command[-1]) / package.file).write_bytes((tmp_path / "there" / package.file).read_bytes())

    monkeypatch.setattr(data_fetch.subprocess, "run", npm)
    found = data_fetch.read_json(data_fetch.fetch(package, tmp_path / "here"), ["icons.json", "chars.json"])
    assert found == iconify(cat=DISC)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError("no npm"), "could not be run: no npm"),
        (subprocess.TimeoutExpired("npm", 600), "could not be run"),
        (subprocess.CalledProcessError(1, "npm", stderr="E404 nowhere\n"), "failed: E404 nowhere"),
    ],
)
def test_npm_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str) -> None:
    def npm(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(data_fetch.subprocess, "run", npm)
    with pytest.raises(FetchError, match=said):
        data_fetch.fetch(data_fetch.TRAINING[0], tmp_path)


def test_every_package_is_pinned_and_attributed() -> None:
    text = (Path(data.__file__).parents[1] / "ATTRIBUTION.md").read_text(encoding="utf-8")
    for package in (*data_fetch.TRAINING, data_fetch.UNSEEN, data_fetch.NAMES):
        assert len(package.sha256) == 64
        row = next(line for line in text.splitlines() if f"{package.name} {package.version} |" in line)
        assert all(part in row for part in (package.title, package.author, package.licence, package.page))
