"""A run that is killed loses nothing it stored, and asks nothing twice for it."""

from __future__ import annotations

from tests.prompts.kills import kill_and_resume


def test_killed_runs_go_on_where_they_were(server, tmp_path):
    asked, in_vain = kill_and_resume(tmp_path, times=4, rows=60, seed=5)
    assert asked >= 60
    # Each kill loses what was under way: twice the number of requests at a time at most, and what arrived during one commit.
    assert in_vain <= 4 * 12
