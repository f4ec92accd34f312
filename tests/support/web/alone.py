"""A network of one's own, in which there is nothing but this machine."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import subprocess
import sys
from collections.abc import Iterator

NEW_NETWORK = 0x40000000  # CLONE_NEWNET


@contextlib.contextmanager
def alone() -> Iterator[bool]:
    """Yields whether this thread, and what it starts from now on, has no way out: that takes Linux, root and ``ip``."""
    if sys.platform != "linux" or not shutil.which("ip"):
        yield False
        return
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as before:
        if libc.unshare(NEW_NETWORK):
            yield False
            return
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield True
        finally:
            libc.setns(before.fileno(), NEW_NETWORK)
