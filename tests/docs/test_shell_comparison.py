"""The comparison with other shells in docs/shell.md names a test for each feature, and those tests exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_yes_in_the_table_of_shells_names_tests_that_exist():
    there = {
        name
        for place in ("shell", "cli")
        for file in (ROOT / "tests" / place).glob("test_*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    page = (ROOT / "docs/shell.md").read_text()
    rows = [line.split(" | ") for line in page[page.index("| feature |") :].splitlines()[2:]]
    assert len(rows) > 20
    for feature, lakebed, shown_by, *_ in rows:
        named = re.findall(r"`(\w+)`", shown_by)
        assert named or lakebed == "-", feature
        assert set(named) <= there, feature
