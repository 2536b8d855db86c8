"""The structures of the format, one module each: bytes to values and back. No files, no compression, no clocks.

docs/format.md describes them; the modules here use its words. A decoder raises `Malformed` for bytes that the page does
not allow.
"""
