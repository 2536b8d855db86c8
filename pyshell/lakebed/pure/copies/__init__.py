"""Backups, restores, and rows copied to another store (docs/copies.md)."""
