"""Checks the table of rooms, `rooms.toml`, against the source: `python -m scripts.rooms`. Standard library only."""
