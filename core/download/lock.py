"""Download lock: one fetch a model at a time, across processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core.download.transfer_state import TransferState

TICK = 0.1  # seconds between two tries


@contextmanager
def alone(staging: Path, flow: TransferState) -> Iterator[None]:
    """Hold the model's lock, which the system frees however its holder ends."""
    lock = FileLock(f"{staging}.lock")
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            flow.waiting = True
            flow.pause(TICK)
    flow.waiting = False
    try:
        staging.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        lock.release()
