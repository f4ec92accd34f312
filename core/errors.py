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

The number is the exit status of the command line. Every error says what failed, why, and what to do next, as a text
that can be put into any of Parlor's languages; ``str(error)`` is the English.
"""

from __future__ import annotations

from core.l10n.text import L10n


class ParlorError(Exception):
    """Base of all errors meant for a person; pickles across the worker's pipe."""

    exit_code = 1

    def __init__(self, text: L10n) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return str(self.text)

    def said(self, language: str) -> str:
        """The text in ``language``, or in English where it has no translation."""
        return self.text.into(language)


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
