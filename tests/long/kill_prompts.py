#!/usr/bin/env python3
"""Kills `lakebed prompt` with SIGKILL at random times, 50 times or as often as the first argument says; a fake server.

After the last restart each request has exactly one stored reply and one result, and no request was sent again whose
reply had been stored. About two minutes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.prompts.kills import kill_and_resume


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    rows = times * 12
    with tempfile.TemporaryDirectory(prefix="lakebed-kill-prompts-") as scratch:
        sent, in_vain = kill_and_resume(Path(scratch), times=times, rows=rows, seed=times)
    print(f"killed {times} times: {rows} requests, {sent} sent, {in_vain} of them in vain, every reply stored once")


if __name__ == "__main__":
    main()
