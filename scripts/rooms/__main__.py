"""`python -m scripts.rooms [--root DIR] [--figures]`: says what of the source the table does not allow; exit code 1 if
anything."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.rooms import check, table


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.rooms", description=__doc__)
    parser.add_argument(
        "--root", type=Path, default=Path(__file__).parents[2], help="the tree to read, with its rooms.toml"
    )
    parser.add_argument(
        "--figures", action="store_true", help="print lengths of files and the number of circles, and end"
    )
    options = parser.parse_args()
    root = options.root.resolve()
    try:
        rooms = table.read(root / "rooms.toml")
    except (table.Unreadable, KeyError) as error:
        print(f"rooms.toml: {error}", file=sys.stderr)
        return 1
    source = check.read(root, rooms)
    if options.figures:
        print(check.figures(source))
        return 0
    found = list(check.complaints(source, rooms))
    for complaint in found:
        print(f"rooms: {complaint}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
