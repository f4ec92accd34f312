"""The npm packages that the starter models' pictures and names come from: fetched with npm, checked, read.

ATTRIBUTION.md beside this file names their authors and licences for people.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 600  # seconds for one package


class FetchError(Exception):
    """A package could not be had, or is not the one that is pinned."""


@dataclass(frozen=True)
class NpmPackage:
    """One version of an npm package, pinned by the SHA-256 of its tarball."""

    name: str
    version: str
    sha256: str
    title: str
    author: str
    licence: str  # SPDX
    page: str  # the project's, not the package's

    @property
    def short(self) -> str:
        """The name without its scope: what a style is called."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def file(self) -> str:
        """What ``npm pack`` calls the tarball."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


_NOTO, _FLUENT = "https://github.com/googlefonts/noto-emoji", "https://github.com/microsoft/fluentui-emoji"

TRAINING = (
    NpmPackage(
        "@iconify-json/noto",
        "1.2.9",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
        "Noto Emoji",
        "Google Inc",
        "Apache-2.0",
        _NOTO,
    ),
    NpmPackage(
        "@iconify-json/twemoji",
        "1.2.5",
        "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
        "Twemoji",
        "Twitter, Inc and other contributors",
        "CC-BY-4.0",
        "https://github.com/jdecked/twemoji",
    ),
    NpmPackage(
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
        "Fluent Emoji Flat",
        "Microsoft Corporation",
        "MIT",
        _FLUENT,
    ),
    NpmPackage(
        "@iconify-json/fluent-emoji",
        "1.2.7",
        "8044210dbf11e016d4de85f15d01a243423bd832457e7e2491df1b751c0e272b",
        "Fluent Emoji",
        "Microsoft Corporation",
        "MIT",
        _FLUENT,
    ),
    NpmPackage(
        "@iconify-json/noto-v1",
        "1.2.5",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
        "Noto Emoji (v1)",
        "Google Inc",
        "Apache-2.0",
        _NOTO,
    ),
    NpmPackage(
        "@iconify-json/fxemoji",
        "1.2.2",
        "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
        "Firefox OS Emoji",
        "Mozilla",
        "Apache-2.0",
        "https://github.com/mozilla/fxemoji",
    ),
)
UNSEEN = NpmPackage(
    "@iconify-json/emojione",
    "1.2.3",
    "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
    "Emoji One (Colored)",
    "EmojiTwo contributors",
    "CC-BY-4.0",
    "https://github.com/EmojiTwo/emojitwo",
)
NAMES = NpmPackage(
    "emojibase-data",
    "17.0.0",
    "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
    "Emojibase",
    "Miles Johnson",
    "MIT",
    "https://github.com/milesj/emojibase",
)


def fetch(package: NpmPackage, folder: Path) -> Path:
    """The package's tarball in ``folder``, fetched with ``npm pack`` unless it lies there already.

    Raises FetchError when npm is missing, fails or is slow, and when the tarball is not the pinned one.
    """
    tarball = folder / package.file
    if not tarball.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", f"{package.name}@{package.version}", "--pack-destination", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.CalledProcessError as error:
            raise FetchError(f"npm pack {package.name} failed: {error.stderr.strip()[-400:]}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise FetchError(f"npm pack {package.name} could not be run: {error}") from error
    verify(package, tarball)
    return tarball


def verify(package: NpmPackage, tarball: Path) -> None:
    """Raises FetchError unless ``tarball`` has the package's SHA-256; one that differs is removed."""
    try:
        found = hashlib.sha256(tarball.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise FetchError(f"npm left no {tarball.name}") from error
    if found != package.sha256:
        tarball.unlink()
        raise FetchError(f"{tarball.name} has SHA-256 {found}, not the pinned {package.sha256}")


def read_json(tarball: Path, members: Iterable[str]) -> dict[str, Any]:
    """Member path (without npm's leading ``package/``) to parsed JSON; a member that is not there is left out."""
    wanted = {f"package/{member}": member for member in members}
    found: dict[str, Any] = {}
    with tarfile.open(tarball, "r:gz") as archive:
        for entry in archive:
            if entry.name in wanted and (stream := archive.extractfile(entry)) is not None:
                found[wanted[entry.name]] = json.load(stream)
    return found
