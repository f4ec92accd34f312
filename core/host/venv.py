"""The virtual environment ``.venv``: where it is, what it holds, how a command runs in it. Standard library only."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import ParlorError
from core.host.terminal import StatusLine, say
from core.l10n.text import l10n

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
SITE = VENV / ("Lib" if os.name == "nt" else f"lib/python{sys.version_info[0]}.{sys.version_info[1]}") / "site-packages"
LOG = VENV / "setup.log"
CONSTRAINTS = ROOT / "constraints.txt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended and what it printed."""

    ok: bool
    output: str


def pin(package: str) -> str:
    """The version of ``package`` that constraints.txt pins."""
    found = re.search(rf"^{re.escape(package)}==(\S+)", CONSTRAINTS.read_text("utf-8"), re.MULTILINE | re.IGNORECASE)
    if not found:
        raise ParlorError(l10n("{constraints} does not pin {package}.", constraints=CONSTRAINTS, package=package))
    return found[1]


def installed_version(package: str) -> str:
    """The version of ``package`` (the name in its dist-info) here, without a local label; empty for none."""
    found = next(SITE.glob(f"{package}-*.dist-info/METADATA"), None)
    return found.parent.name.removesuffix(".dist-info").rpartition("-")[2].partition("+")[0] if found else ""


def torch_accelerator() -> str:
    """What the installed torch was built for: ``cuda 13.0``, ``rocm ...``, ``cpu``; empty when there is none.

    Read from torch/version.py, so that nothing is loaded.
    """
    try:
        text = (SITE / "torch" / "version.py").read_text("utf-8")
    except OSError:
        return ""
    for name in ("cuda", "hip"):
        if found := re.search(rf"^{name}\b.*= '([^']+)'", text, re.MULTILINE):
            return f"{name.replace('hip', 'rocm')} {found[1]}"
    return "cpu"


def run(command: list[str], what: str = "", extra: dict[str, str] | None = None) -> Outcome:
    """Run with the output in the log, whose last line is shown meanwhile. An interrupt ends the child as well."""
    status = StatusLine()
    with LOG.open("ab+") as log:
        log.write(f"$ {' '.join(command)}\n".encode())
        log.flush()
        start = log.tell()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 env=environment() | (extra or {}), close_fds=False)  # fmt: skip
        try:
            while child.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(0.3)
                if what:
                    status.show(f"{what}: {_tail(LOG)}")
        finally:
            status.clear()
            if child.poll() is None:
                child.terminate()
                child.wait()
        log.seek(start)
        return Outcome(child.returncode == 0, log.read().decode("utf-8", "replace"))


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 400))
        return file.read().decode("utf-8", "replace").strip().rpartition("\n")[2].strip()


def environment() -> dict[str, str]:
    """What pip and uv run under: no questions, no user site, and no network when Parlor is switched offline."""
    given = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONNOUSERSITE": "1", "UV_HTTP_RETRIES": "1"}
    if os.environ.get("PARLOR_OFFLINE", "").lower() in ("1", "true", "yes"):
        given["PIP_NO_INDEX"] = "1"
    return os.environ | given


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One setup at a time. Children inherit the lock: a pip that outlives a killed start.py is waited for."""
    name = hashlib.sha256(str(ROOT).encode()).hexdigest()[:16]
    with open(Path(tempfile.gettempdir()) / f"parlor-setup-{name}.lock", "a+b") as lock:
        os.set_inheritable(lock.fileno(), True)
        if not _lock(lock.fileno(), wait=False):
            say(l10n("Another setup is under way; waiting for it."))
            _lock(lock.fileno(), wait=True)
        yield


def _lock(descriptor: int, wait: bool) -> bool:
    if sys.platform == "win32":
        import msvcrt

        mode = msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK
        with contextlib.suppress(OSError):
            msvcrt.locking(descriptor, mode, 1)
            return True
        return False
    import fcntl

    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return True
    return False
