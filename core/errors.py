"""Everything that can go wrong and that a person can do something about.

ParlorError               1
├── BadInput              2   what was given cannot be used
├── NotInstalled          3   a model is missing
├── NotEnoughMemory       4   a model does not fit beside what is loaded
├── DownloadFailed        1   a file could not be fetched, or was not what it should be
│   ├── Offline           1   the offline switch is on, or there is no network
│   └── DiskFull          1   no room for it
├── EngineFailed          1   an engine refused or broke, its process lives
└── WorkerDied            1   an engine's process is gone

The number is the exit status of the command line. Every error says what failed, why, and what to do next, in both
languages; ``str(error)`` is the English text.
"""

from __future__ import annotations


class ParlorError(Exception):
    """Base of all errors meant for a person; pickles across the worker's pipe."""

    exit_code = 1

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en, zh)
        self.en = en
        self.zh = zh

    def __str__(self) -> str:
        return self.en

    def said(self, language: str) -> str:
        """The text in ``language`` (``zh``, else English)."""
        return self.zh if language == "zh" else self.en


class BadInput(ParlorError):
    exit_code = 2


class NotInstalled(ParlorError):
    exit_code = 3


class NotEnoughMemory(ParlorError):
    exit_code = 4


class DownloadFailed(ParlorError):
    pass


class Offline(DownloadFailed):
    pass


class DiskFull(DownloadFailed):
    pass


class EngineFailed(ParlorError):
    pass


class WorkerDied(ParlorError):
    pass
