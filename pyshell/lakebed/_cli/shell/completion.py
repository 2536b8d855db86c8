"""Completion: what may come next in a text. Pure: from the text, the cursor and the catalog; for file names, from the
directory."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from lakebed._cli.language.statements import SQL_KEYWORDS, Statement
from lakebed._cli.language.words import Word, quote
from lakebed._cli.shell import dot_commands, statements
from lakebed._cli.shell.completion_catalog import CompletionCatalog
from lakebed._cli.shell.dot_commands import DOT_COMMANDS, PSQL_COMMANDS
from lakebed._cli.shell.sql_completion import suggest_sql
from lakebed._cli.shell.suggestions import Suggestion, files, with_prefix
from lakebed._cli.verbs import PIPE_VERBS, Argument, find_in_shell, find_pipe, in_shell

_MOST_SUGGESTIONS = 200


def suggest(text: str, cursor: int, catalog: CompletionCatalog, *, requested: bool = False) -> list[Suggestion]:
    """The suggestions at the cursor, a place in characters.

    Before a word is begun there are none, unless the user has `requested` them or a table must follow.
    """
    before = text[:cursor]
    found = statements.typed(before)
    statement = found[-1] if found else None
    if statement is None or statement.terminated:
        return list(_limited(_first_words(before, cursor, requested)))
    if statement.kind == "dot":
        return list(_limited(_dot_command(statement, before, catalog)))
    if statement.kind == "verb" and (statement.words or before[-1:].isspace()):
        verb = find_in_shell(statement.verb)
        assert verb is not None, statement
        found_arguments = _arguments(verb.arguments, statement.words, before, catalog, json=verb.json)
        whole_words = statement.words if before[-1:].isspace() else statement.words[:-1]
        if verb.name == "set" and all(word.text.lower() in ("global", "session", "local") for word in whole_words):
            # What is no setting of the shell is one of DuckDB's.
            found_arguments = itertools.chain(
                found_arguments, suggest_sql(text, before, statement, statement, catalog, requested=True)
            )
        return list(_limited(found_arguments))
    if statement.kind == "pipe" and (statement.words or before[-1:].isspace()):
        pipe = find_pipe(statement.verb)
        assert pipe is not None, statement
        return list(
            _limited(_arguments(() if pipe.takes_raw_words else pipe.arguments, statement.words, before, catalog))
        )
    if not statement.sql or (re.fullmatch(r"\w+", statement.text) and not before[-1:].isspace()):
        return list(_limited(_first_words(before, cursor, requested)))
    whole = next((one for one in statements.typed(text) if one.start <= statement.start <= one.end), statement)
    return list(_limited(suggest_sql(text, before, statement, whole, catalog, requested=requested)))


def _limited(found: Iterable[Suggestion]) -> Iterator[Suggestion]:
    """The first suggestions, each text once."""
    seen: set[str] = set()
    for one in found:
        if one.text.lower() not in seen and len(seen) < _MOST_SUGGESTIONS:
            seen.add(one.text.lower())
            yield one


# --- First words and verbs ------------------------------------------------------------------------------------------


def _first_words(before: str, cursor: int, requested: bool) -> Iterator[Suggestion]:
    """What a statement can begin with."""
    found = re.search(r"[.\\\w]*\Z", before)
    typed = found[0] if found else ""
    start = cursor - len(typed)
    if typed[:1] in (".", "\\"):
        known, kind = (DOT_COMMANDS, "DuckDB's") if typed[0] == "." else (PSQL_COMMANDS, "psql's")
        yield from with_prefix((f"{typed[0]}{name}" for name in known), typed, start, kind)
        return
    if not typed and not requested:
        return
    keywords = sorted(word for word in SQL_KEYWORDS if "_" not in word)
    yield from with_prefix((word if typed.islower() else word.upper() for word in keywords), typed, start, "SQL")
    yield from with_prefix(in_shell(), typed, start, "verb")


def _dot_command(statement: Statement, before: str, catalog: CompletionCatalog) -> Iterator[Suggestion]:
    """The rest of a dot-command: the arguments of the verb that it stands for."""
    if not statement.words and not before[-1:].isspace():
        yield from _first_words(before, len(before), requested=True)
        return
    command = dot_commands.found(statement.verb)
    verb = find_in_shell(command.verb) if command is not None else None
    if command is not None and verb is not None:
        yield from _arguments(verb.arguments[command.given :], statement.words, before, catalog)


def _arguments(
    known: tuple[Argument, ...], words: tuple[Word, ...], before: str, catalog: CompletionCatalog, *, json: bool = False
) -> Iterator[Suggestion]:
    """The next word of a verb with the arguments `known`; `words` are those so far."""
    is_begun = bool(words) and words[-1].end == len(before) and not (words[-1].quoted and words[-1].closed)
    typed, start = (words[-1].text, words[-1].start) if is_begun else ("", len(before))
    done = words[:-1] if is_begun else words
    options = {option: one for one in known for option in one.options}
    options |= {one.options[0].removeprefix("--"): one for one in known if one.bare}
    previous = options.get(done[-1].text) if done and not done[-1].quoted else None
    if previous is not None and previous.kind != "flag":
        yield from _values(previous, typed, start, catalog)
        return
    if typed.startswith("-"):
        names = [option for one in known for option in one.options if option.startswith("--")]
        yield from with_prefix([*names, *(["--json"] if json else [])], typed, start, "option")
        return
    given = sum(
        1
        for index, word in enumerate(done)
        if word.text not in options and not (index and done[index - 1].text in options)
    )
    positional = [one for one in known if not one.options]
    if positional and (given < len(positional) or positional[-1].many):
        yield from _values(positional[min(given, len(positional) - 1)], typed, start, catalog)
    if given:
        yield from with_prefix((one.options[0].removeprefix("--") for one in known if one.bare), typed, start, "option")


def _values(argument: Argument, typed: str, start: int, catalog: CompletionCatalog) -> Iterator[Suggestion]:
    """The values of an argument."""
    if argument.choices:
        yield from with_prefix(argument.choices, typed, start, argument.name)
    elif argument.completes == "file":
        yield from files(typed, start)
    elif argument.completes == "collection":
        yield from (
            one._replace(text=quote(one.text)) for one in with_prefix(catalog.collections, typed, start, "collection")
        )
    elif argument.completes == "table":
        tables = (table.name for key, table in catalog.tables.items() if "." not in key)
        yield from (one._replace(text=quote(one.text)) for one in with_prefix(tables, typed, start, "table"))
    elif argument.completes == "verb":
        yield from with_prefix([*in_shell(), *(verb.name for verb in PIPE_VERBS)], typed, start, "verb")
    elif argument.completes == "query":
        yield from with_prefix(catalog.queries, typed, start, "saved query")
    elif argument.completes == "model":
        yield from with_prefix(catalog.models, typed, start, "model")
