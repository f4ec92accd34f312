"""The suite's lanes: where a test stands or what its mark says decides, and the closing line counts them all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.lanes import Outcome, clock, counts, table
from tests.plugin import TESTS, lane_of, lane_of_file


def test_a_folder_decides_the_lane_of_all_that_is_in_it() -> None:
    assert lane_of_file(TESTS / "browser/test_app.py") == "browser"
    assert lane_of_file(TESTS / "models/llama/test_engine.py") == "engines"
    assert lane_of_file(TESTS / "core") == ""


@pytest.mark.parametrize(
    ("line", "lane"),
    [
        ("pytestmark = pytest.mark.engines", "engines"),
        ("pytestmark = [\n    pytest.mark.slow,\n]", "engines"),
        ("pytestmark = [pytest.mark.filterwarnings('ignore::UserWarning'), pytest.mark.models]", "engines"),
        ("pytestmark = pytest.mark.filterwarnings('ignore: slow')", ""),
        ("@pytest.mark.slow\ndef test_it() -> None: ...", ""),
    ],
)
def test_the_mark_of_a_file_decides_its_lane_before_it_is_imported(tmp_path: Path, line: str, lane: str) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(line, "utf-8")
    assert lane_of_file(file) == lane


def test_a_test_of_no_marked_file_is_one_of_values(request: pytest.FixtureRequest) -> None:
    assert lane_of(request.node) == "values"


def test_pytests_closing_line_is_read() -> None:
    said = "1 failed in a test's own output\n=== 2 failed, 30 passed, 1 skipped, 9 deselected in 61.02s (0:01:01) ===\n"
    assert counts(said) == Counter(failed=2, passed=30, skipped=1)
    assert counts("3 passed in 0.12s\n") == Counter(passed=3)
    assert counts("Success: no issues found in 300 source files\n") == Counter()


def test_each_lane_is_told_with_its_time_and_the_last_line_adds_them_up() -> None:
    outcomes = [
        Outcome("", 0, 3.0),
        Outcome("values", 0, 61.0, Counter(passed=2400)),
        Outcome("engines", 0, 300.0, Counter(passed=400, skipped=8)),
        Outcome("engines", 1, 200.0, Counter(passed=500, failed=1)),
    ]
    told = table(outcomes, 3725.5).splitlines()
    assert [line.split() for line in told[:2]] == [
        ["values", "2,400", "tests", "0:01:01"],
        ["engines", "909", "tests", "0:08:20"],
    ]
    assert "less than 60" in told[2]
    assert told[-1].strip("= ") == "1 failed, 3300 passed, 8 skipped in 3725.50s (1:02:05)"
    assert clock(3725.5) == "1:02:05"
