"""Background work: whatever becomes of it, its end is reported once, with the reason."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator

import pytest

from core.errors import BadInput, EngineFailed, ParlorError
from core.host.background import Background
from core.l10n.text import both

UNEXPECTED = EngineFailed(both("It failed; the log says why.", "失败，原因见日志。"))
DEADLY = (ValueError("no"), KeyError("see"), MemoryError(), SystemExit(3), KeyboardInterrupt())
WAIT = 10.0  # seconds, far more than any of this takes


class Ends:
    """What was reported at the end, on which thread."""

    def __init__(self) -> None:
        self.told: list[ParlorError | None] = []
        self.thread = ""

    def __call__(self, error: ParlorError | None) -> None:
        self.told.append(error)
        self.thread = threading.current_thread().name


class Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def log() -> Iterator[list[logging.LogRecord]]:
    """What goes to the log meanwhile."""
    logger, handler = logging.getLogger(Background.__module__), Records()
    logger.addHandler(handler)
    yield handler.records
    logger.removeHandler(handler)


def counting(closed: list[bool]) -> Iterator[int]:
    try:
        number = 0
        while True:
            yield number
            number += 1
    finally:
        closed.append(True)


def failing(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def ran(work: Callable[[], object]) -> Ends:
    background, ends = Background("a test", UNEXPECTED), Ends()
    background.run(work, ends)
    assert background.join(WAIT)
    return ends


def test_work_is_done_on_a_named_daemon_thread_and_its_end_is_told_there() -> None:
    seen: list[tuple[str, bool]] = []
    ends = ran(lambda: seen.append((threading.current_thread().name, threading.current_thread().daemon)))
    assert seen == [("a test", True)]
    assert (ends.told, ends.thread) == ([None], "a test")


def test_an_error_meant_for_a_person_is_told_as_it_is() -> None:
    error = BadInput(both("too long", "太长"))
    assert ran(failing(error)).told == [error]


@pytest.mark.parametrize("error", DEADLY)
def test_a_thread_that_dies_of_anything_tells_why(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert ran(failing(error)).told == [UNEXPECTED]
    assert caplog.records[0].exc_info
    assert caplog.records[0].exc_info[1] is error


def test_every_item_is_handed_on_and_the_generator_closed_at_its_end() -> None:
    background, ends, got, closed = Background("a test", UNEXPECTED), Ends(), list[int](), list[bool]()

    def three() -> Generator[int, None, str]:
        try:
            yield from range(3)
        finally:
            closed.append(True)
        return "done"

    background.drive(three(), got.append, ends)
    assert background.join(WAIT)
    assert (got, ends.told, closed) == ([0, 1, 2], [None], [True])


def test_stopped_it_closes_the_generator_after_the_item_under_way_and_before_the_end_is_told() -> None:
    background, got, closed = Background("a test", UNEXPECTED), list[int](), list[bool]()
    told: list[tuple[ParlorError | None, bool]] = []

    def each(number: int) -> None:
        got.append(number)
        if number == 2:
            background.stop()

    background.drive(counting(closed), each, lambda error: told.append((error, bool(closed))))
    assert background.join(WAIT)
    assert (got, told) == ([0, 1, 2], [(None, True)])


def test_stopped_before_it_began_nothing_is_done_and_the_end_is_told() -> None:
    background, ends, got = Background("a test", UNEXPECTED), Ends(), list[int]()
    background.stop()
    background.drive(counting([]), got.append, ends)
    assert background.join(WAIT)
    assert (got, ends.told, background.stopping, background.alive) == ([], [None], True, False)


def test_who_cannot_take_an_item_ends_the_work_and_the_generator_is_closed() -> None:
    background, ends, closed = Background("a test", UNEXPECTED), Ends(), list[bool]()
    error = BadInput(both("the disk is full", "磁盘已满"))

    def each(number: int) -> None:
        raise error

    background.drive(counting(closed), each, ends)
    assert background.join(WAIT)
    assert (ends.told, closed) == ([error], [True])
