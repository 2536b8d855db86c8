"""A connection that has the extension, and how the tests of it ask."""

from __future__ import annotations

import contextlib

import duckdb

import lakebed


@contextlib.contextmanager
def extended():
    with duckdb.connect(config={"allow_unsigned_extensions": True}) as connection:
        connection.execute(f"LOAD '{lakebed.extension_path()}'")
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def rows(con, query, **parameters):
    return con.execute(query, parameters).fetchall() if parameters else con.execute(query).fetchall()


def scan(store, rest="", collection="things"):
    return f"lakebed_scan('{store}', '{collection}'{rest})"
