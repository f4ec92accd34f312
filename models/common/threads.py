"""How many threads llama.cpp should compute with right now: as many as other programs leave cores for.

llama.cpp's threads meet at hundreds of barriers a token and spin there. A thread that has lost its core to another
program makes all of them wait: on two cores beside two busy processes, SmolLM2 wrote 3 to 38 tokens a second with two
threads and 83 to 89 with one. Threads that sleep instead (OMP_WAIT_POLICY=passive) bear the load, but cost 1.6 times
the time on a quiet machine.
"""

from __future__ import annotations

from time import perf_counter, process_time

import psutil

INTERVAL = 0.25  # seconds between two looks
STALE = 2.0  # seconds: a longer interval says nothing about now


class Threads:
    """Watches the machine: ``now`` is between 1 and ``most``."""

    def __init__(self, most: int) -> None:
        self.now = self._most = most
        self._cores = psutil.cpu_count() or 1
        self._look = self._looked()

    def changed(self) -> bool:
        """Look again when it is time; whether ``now`` is another number than before."""
        if perf_counter() - self._look[0] < INTERVAL:
            return False
        before, self._look = self._look, self._looked()
        seconds, busy, own = (after - earlier for after, earlier in zip(self._look, before, strict=True))
        if seconds > STALE:
            return False
        was, self.now = self.now, share(self._most, self._cores, (busy - own) / seconds)
        return self.now != was

    def _looked(self) -> tuple[float, float, float]:
        """Seconds on the clock, of computing on the whole machine, and of this process."""
        times = psutil.cpu_times()
        waiting: float = times.idle + getattr(times, "iowait", 0.0)
        guests: float = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # also counted as user
        return perf_counter(), sum(times) - waiting - guests, process_time()


def share(most: int, cores: int, others: float) -> int:
    """Threads for us when ``others`` (in cores) of ``cores`` are at work for other programs."""
    return max(1, min(most, round(most * (1 - others / cores))))
