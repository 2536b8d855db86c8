"""What may come next in a text. Pure: the text, where the cursor is, and a catalogue; and, for file names, the directory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lakebed._cli.pipes.split import STARTERS, Piece
from lakebed._cli.pipes.tokens import Token, tokens
from lakebed._cli.pipes.verbs import PIPE_VERBS
from lakebed._cli.pipes.verbs import find as find_pipe
from lakebed._cli.pipes.words import Word, quote
from lakebed._cli.shell import statements
from lakebed._cli.shell.catalogue import Catalogue, Column, Table
from lakebed._cli.shell.dots import DOTS
from lakebed._cli.verbs import Argument
from lakebed.duck.names import quoted


class Suggestion(NamedTuple):
    """Something to put in place of the text from `start` to the cursor."""

    text: str
    start: int
    kind: str
    """What it is, in a word or a type: shown beside it."""


_WORD = re.compile(r"[\w.\"]*\Z")
_TABLE_AFTER = frozenset(("from", "join", "into", "describe", "summarize", "update", "table", "show"))
_MOST = 200


def suggest(text: str, cursor: int, catalogue: Catalogue, *, asked: bool = False) -> list[Suggestion]:
    """What may come at the cursor; nothing before a word is begun, unless somebody `asked` or a table must follow."""
    before = text[:cursor]
    piece = next((one for one in reversed(list(statements.pieces(before)))), None)
    if piece is None or piece.terminated:
        return list(_limited(_beginnings(before, cursor, asked)))
    if piece.kind == "dot":
        return list(_limited(_dot(piece, cursor, catalogue)))
    if piece.kind == "verb" and (piece.words or before[-1:].isspace()):
        verb = statements.find(piece.verb)
        assert verb is not None, piece
        return list(_limited(_arguments(verb.arguments, piece.words, before, catalogue, json=verb.json)))
    if piece.kind == "pipe" and (piece.words or before[-1:].isspace()):
        pipe = find_pipe(piece.verb)
        assert pipe is not None, piece
        return list(_limited(_arguments(() if pipe.raw else pipe.arguments, piece.words, before, catalogue)))
    if not piece.sql or (re.fullmatch(r"\w+", piece.text) and not before[-1:].isspace()):
        return list(_limited(_beginnings(before, cursor, asked)))
    whole = next((one for one in statements.pieces(text) if one.start <= piece.start <= one.end), piece)
    return list(_limited(_sql(text, before, piece.start, whole, catalogue, asked)))


def _limited(found: Iterable[Suggestion]) -> Iterator[Suggestion]:
    seen: set[str] = set()
    for one in found:
        if one.text.lower() not in seen and len(seen) < _MOST:
            seen.add(one.text.lower())
            yield one


def _matching(names: Iterable[str], typed: str, start: int, kind: str) -> Iterator[Suggestion]:
    lowered = typed.lower()
    for name in names:
        if name.lower().startswith(lowered):
            yield Suggestion(name, start, kind)


# --- The first word, verbs ------------------------------------------------------------------------------------------------


def _beginnings(before: str, cursor: int, asked: bool) -> Iterator[Suggestion]:
    found = re.search(r"[.\w]*\Z", before)
    typed = found[0] if found else ""
    start = cursor - len(typed)
    if typed.startswith("."):
        yield from (Suggestion(f".{name}", start, "DuckDB's") for name in DOTS if name.startswith(typed[1:].lower()))
        return
    if not typed and not asked:
        return
    starters = sorted(word for word in STARTERS if "_" not in word)
    yield from _matching((word if typed.islower() else word.upper() for word in starters), typed, start, "SQL")
    yield from _matching(statements.verbs(), typed, start, "verb")


def _dot(piece: Piece, cursor: int, catalogue: Catalogue) -> Iterator[Suggestion]:
    if not piece.words and not piece.text.endswith(" "):
        yield from _beginnings(piece.text, cursor, asked=True)
    elif piece.verb in ("schema", "tables"):
        typed = piece.words[-1].text if piece.words else ""
        yield from _matching((table.name for table in catalogue.tables.values()), typed, cursor - len(typed), "table")


def _arguments(
    known: tuple[Argument, ...], words: tuple[Word, ...], before: str, catalogue: Catalogue, *, json: bool = False
) -> Iterator[Suggestion]:
    """What may be the next word of a verb."""
    beginning = bool(words) and words[-1].end == len(before) and not (words[-1].quoted and words[-1].closed)
    typed, start = (words[-1].text, words[-1].start) if beginning else ("", len(before))
    done = words[:-1] if beginning else words
    options = {option: one for one in known for option in one.options}
    options |= {one.options[0].removeprefix("--"): one for one in known if one.bare}
    previous = options.get(done[-1].text) if done and not done[-1].quoted else None
    if previous is not None and previous.kind != "flag":
        yield from _values(previous, typed, start, catalogue)
        return
    if typed.startswith("-"):
        names = [option for one in known for option in one.options if option.startswith("--")]
        yield from _matching([*names, *(["--json"] if json else [])], typed, start, "option")
        return
    given = sum(
        1
        for index, word in enumerate(done)
        if word.text not in options and not (index and done[index - 1].text in options)
    )
    places = [one for one in known if not one.options]
    if places and (given < len(places) or places[-1].many):
        yield from _values(places[min(given, len(places) - 1)], typed, start, catalogue)
    if given:
        yield from _matching((one.options[0].removeprefix("--") for one in known if one.bare), typed, start, "option")


def _values(argument: Argument, typed: str, start: int, catalogue: Catalogue) -> Iterator[Suggestion]:
    if argument.choices:
        yield from _matching(argument.choices, typed, start, argument.name)
    elif argument.completes == "file":
        yield from files(typed, start)
    elif argument.completes == "collection":
        yield from (
            one._replace(text=quote(one.text)) for one in _matching(catalogue.collections, typed, start, "collection")
        )
    elif argument.completes == "verb":
        yield from _matching([*statements.verbs(), *(verb.name for verb in PIPE_VERBS)], typed, start, "verb")
    elif argument.completes == "query":
        yield from _matching(catalogue.queries, typed, start, "saved query")
    elif argument.completes == "model":
        yield from _matching(catalogue.models, typed, start, "model")


def files(typed: str, start: int) -> Iterator[Suggestion]:
    """The files whose path begins so."""
    directory, beginning = os.path.split(typed)
    try:
        with os.scandir(os.path.expanduser(directory) or ".") as entries:  # noqa: PTH111
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:
        return
    for name, is_directory in found:
        if name.startswith(beginning) and (beginning.startswith(".") or not name.startswith(".")):
            path = os.path.join(directory, name) + ("/" if is_directory else "")  # noqa: PTH118
            yield Suggestion(quote(path), start, "directory" if is_directory else "file")


# --- SQL --------------------------------------------------------------------------------------------------------------------


def _sql(text: str, before: str, start: int, whole: Piece, catalogue: Catalogue, asked: bool) -> Iterator[Suggestion]:
    found = list(tokens(before, start))
    if found and found[-1].kind in ("string_const", "comment") and found[-1].end >= len(before.rstrip()):
        last = before[found[-1].start :]
        if last.startswith("'") and last.count("'") == 1:
            # A file between quotes: the quotes are there already.
            yield from (one._replace(text=one.text.strip("'")) for one in files(last[1:], found[-1].start + 1))
        return
    match = _WORD.search(before)
    typed = match[0] if match else ""
    begin = len(before) - len(typed)
    if before[:begin].rstrip().endswith("|"):
        yield from _matching((verb.name for verb in PIPE_VERBS), typed, begin, "pipe")
    earlier = [token for token in found if token.end <= begin]
    in_use = _tables(text[whole.start : whole.end], catalogue)
    if "." in typed:
        yield from _parts(typed, begin, in_use, catalogue)
        return
    wants_table = bool(earlier) and _word_of(before, earlier[-1]) in _TABLE_AFTER
    wants_table = wants_table or _goes_on_with_tables(before, earlier)
    if wants_table:
        tables = sorted((table for key, table in catalogue.tables.items() if "." not in key), key=_by_place)
        yield from (
            _named(table.name, begin, "table", catalogue)
            for table in tables
            if table.name.lower().startswith(typed.lower().strip('"'))
        )
        yield from _matching(_with_names(before, earlier), typed, begin, "with")
        return
    if not typed and not asked:
        return
    lowered = typed.lower().strip('"')
    named = list(in_use.values())
    if not named and lowered:
        # SELECT comes before FROM: any collection's columns may be meant.
        named = [catalogue.tables[one.lower()] for one in catalogue.collections if one.lower() in catalogue.tables]
    columns = [column for table in dict.fromkeys(named) for column in table.columns]
    yield from (
        _named(one.name, begin, _kind(one.type), catalogue) for one in columns if one.name.lower().startswith(lowered)
    )
    yield from _matching((alias for alias in in_use if lowered), typed, begin, "table")
    if lowered:
        upper = not typed.islower()
        common = (word for word in catalogue.keywords if len(word) > 1)
        yield from _matching((word.upper() if upper else word for word in common), typed, begin, "keyword")
        yield from _matching(catalogue.functions, typed, begin, "function")


def _by_place(table: Table) -> tuple[bool, str]:
    return table.place.endswith(".sys"), table.name.lower()


def _word_of(text: str, token: Token) -> str:
    return text[token.start : token.end].lower()


def _named(name: str, start: int, kind: str, catalogue: Catalogue) -> Suggestion:
    plain = re.fullmatch(r"[A-Za-z_]\w*", name) and name.lower() not in catalogue.reserved
    return Suggestion(name if plain else quoted(name), start, kind)


def _kind(name: str) -> str:
    return name.lower() if len(name) <= 24 else name.partition("(")[0].lower()


def _goes_on_with_tables(before: str, earlier: list[Token]) -> bool:
    """Whether a comma in a FROM clause asks for another table."""
    if not earlier or _word_of(before, earlier[-1]) != ",":
        return False
    depth = 0
    for token in reversed(earlier[:-1]):
        word = _word_of(before, token)
        if word in (")", "]"):
            depth += 1
        elif word in ("(", "["):
            depth -= 1
            if depth < 0:
                return False
        elif depth == 0 and token.kind == "keyword":
            if word == "from":
                return True
            if word not in ("as", "join"):
                return False
    return False


def _with_names(before: str, earlier: list[Token]) -> list[str]:
    """The names that a WITH clause gives."""
    words = [_word_of(before, token) for token in earlier]
    if "with" not in words:
        return []
    return [
        words[index - 1]
        for index, word in enumerate(words)
        if word == "as" and words[index + 1 : index + 2] == ["("] and index
    ]


def _tables(statement: str, catalogue: Catalogue) -> dict[str, Table]:
    """The tables that a statement names, by alias or short name, wherever the cursor is."""
    found: dict[str, Table] = {}
    all_tokens = [token for token in tokens(statement) if token.kind != "comment"]
    shown = [statement[token.start : token.end] for token in all_tokens]
    index = 0
    expecting = False
    while index < len(shown):
        word = shown[index].lower()
        if word in _TABLE_AFTER or (word == "," and expecting):
            name, index = _dotted(shown, index + 1)
            table = catalogue.tables.get(".".join(name[-2:]).lower()) or (
                catalogue.tables.get(name[-1].lower()) if name else None
            )
            alias = name[-1] if name else ""
            if table is not None:
                if index < len(shown) and shown[index].lower() == "as":
                    index += 1
                if index < len(shown) and all_tokens[index].kind == "identifier":
                    alias = shown[index].strip('"')
                    index += 1
                found[alias] = table
            expecting = True
            continue
        if all_tokens[index].kind == "keyword" and word not in ("as", "on", "using"):
            expecting = False
        index += 1
    return found


def _dotted(shown: list[str], index: int) -> tuple[list[str], int]:
    """The parts of a name that may have dots, and where it ends."""
    parts: list[str] = []
    while index < len(shown) and re.match(r"[\w\"]", shown[index]):
        parts.append(shown[index].strip('"'))
        index += 1
        if index < len(shown) and shown[index] == ".":
            index += 1
            continue
        break
    return parts, index


def _parts(typed: str, begin: int, in_use: dict[str, Table], catalogue: Catalogue) -> Iterator[Suggestion]:
    """What comes after a dot: columns of a table, fields of a column, tables of a schema."""
    *path, last = typed.split(".")
    start = begin + len(typed) - len(last)
    names = [part.strip('"').lower() for part in path]
    known = {alias.lower(): table for alias, table in in_use.items()}
    columns: list[Column] = []
    if names[0] in known and (len(names) == 1 or _column(known[names[0]].columns, names[1]) is not None):
        columns, names = list(known[names[0]].columns), names[1:]
    else:
        columns = [column for table in in_use.values() for column in table.columns]
        if _column(columns, names[0]) is None:
            columns = []
    for name in names:
        column = _column(columns, name)
        columns = fields(column.type) if column is not None else []
    lowered = last.lower().strip('"')
    yield from (
        _named(one.name, start, _kind(one.type), catalogue) for one in columns if one.name.lower().startswith(lowered)
    )
    if not columns:
        place = ".".join(names)
        tables = [
            table
            for table in dict.fromkeys(catalogue.tables.values())
            if table.place == place or table.place.endswith("." + place) or table.place == f"{place}.main"
        ]
        yield from (
            _named(table.name, start, "table", catalogue) for table in tables if table.name.lower().startswith(lowered)
        )


def _column(columns: Iterable[Column], name: str) -> Column | None:
    return next((one for one in columns if one.name.lower() == name), None)


def fields(kind: str) -> list[Column]:
    """The fields of a struct, from its type: `STRUCT("name" VARCHAR, age BIGINT)`."""
    if not kind.startswith("STRUCT(") or not kind.endswith(")"):
        return []
    found: list[Column] = []
    for part in _parted(kind[len("STRUCT(") : -1]):
        match = re.match(r'\s*(?:"((?:[^"]|"")*)"|(\S+))\s+(.*)$', part, re.DOTALL)
        if match:
            name = match[1].replace('""', '"') if match[1] is not None else match[2]
            found.append(Column(name, match[3].strip()))
    return found


def _parted(text: str) -> Iterator[str]:
    """The parts between commas that are in no bracket and no quote."""
    depth, start, in_quotes = 0, 0, False
    for index, character in enumerate(text):
        if character == '"':
            in_quotes = not in_quotes
        elif not in_quotes and character in "([":
            depth += 1
        elif not in_quotes and character in ")]":
            depth -= 1
        elif not in_quotes and character == "," and depth == 0:
            yield text[start:index]
            start = index + 1
    if text[start:].strip():
        yield text[start:]
