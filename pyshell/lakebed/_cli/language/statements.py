"""Splits a text into statements, and a statement at its pipe. Pure, but for DuckDB's tokenizer and parser.

A statement is tokenized once, and parsed here only where its kind depends on it; tokens and parsed statements are
handed on. Tokens are read only up to where a statement ends or its pipe begins, so that the words of a verb (quotes,
`--option`) cannot affect the SQL around them.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lakebed._cli.language import verb_line
from lakebed._cli.language.tokens import Token, tokens
from lakebed._cli.language.words import Word, Words, words
from lakebed._cli.verbs import PIPE_VERBS, find_pipe
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Statement:
    """One statement of a text."""

    kind: Literal["sql", "pipe", "verb", "dot"]
    text: str
    """The statement as it was written, without the semicolon."""
    start: int
    end: int
    """The place in the text, in characters, without the semicolon."""
    terminated: bool
    """Whether a semicolon (for a verb: or the end of the line) ends it."""
    sql: str = ""
    """The SQL: the whole statement, or the part to the left of the pipe. It ends in no semicolon."""
    tokens: tuple[Token, ...] = field(default=(), compare=False, repr=False)
    """The tokens of the SQL. Their places are in the whole text."""
    parsed: Sequence[duckdb.Statement] | None = field(default=None, compare=False, repr=False)
    """What DuckDB's parser made of the SQL, where splitting had to parse it. Any connection can run it."""
    verb: str = ""
    """The name of the verb or dot-command."""
    verb_start: int = 0
    """The place of the verb of a pipe."""
    words: tuple[Word, ...] = ()
    """The words after the verb. Their places are in the whole text."""
    ambiguous: bool = False
    """Whether the `|` of a pipe could also be the operator."""

    @property
    def first_token(self) -> Token | None:
        """The first token that is not a comment."""
        return next((token for token in self.tokens if token.kind != "comment"), None)


def parse(sql: str) -> list[duckdb.Statement]:
    """The statements that DuckDB's parser finds in SQL without a semicolon outside quotes; none when it refuses the
    text.

    DuckDB turns some statements, such as PIVOT, into several.
    """
    from lakebed._duckdb import duckdb

    try:
        return duckdb.extract_statements(sql)
    except duckdb.Error:
        return []


SQL_KEYWORDS = frozenset(
    "abort alter analyze attach begin call checkpoint comment commit connect copy create deallocate delete desc describe "
    "destroy detach disconnect drop end execute explain "
    "export force from import insert install load merge pivot pivot_longer pivot_wider pragma prepare reindex reset rollback "
    "savepoint select set show start summarize table truncate unpivot update use vacuum values with".split()
)
"""The first words of SQL statements. A verb with such a name ends with its line where its next word is not one of
SQL's."""

_FIRST_PREFIX = 1024
"""Characters of the first prefix that is tokenized in search of the end of a statement. Each further prefix is twice as
long."""


def _tokens_by_prefixes(text: str, begin: int) -> Iterator[Token]:
    """DuckDB's tokens of the text from `begin` on, read lazily: a script may have thousands of statements, and each is
    tokenized on its own.
    """
    at, size = begin, _FIRST_PREFIX
    while begin + size < len(text):
        # The last token may continue behind the prefix, and the one before it with it: two adjacent strings can be one.
        for token in list(tokens(text, begin, begin + size))[:-2]:
            if token.start >= at:
                yield token
                at = token.end
        size *= 2
    yield from (token for token in tokens(text, begin) if token.start >= at)


_BLANK = r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
_BEFORE_STATEMENT = re.compile(_BLANK, re.DOTALL)
_COMMAND = re.compile(r"[.\\][A-Za-z_]\w*\+?|\\?[?!]|\\")
"""What a dot-command begins with, or one of psql's: `.tables`, `\\d`, `\\?`, `?`, `!`."""
_NAME = re.compile(r"[A-Za-z_]\w*")
_PIPE = re.compile(rf"\|{_BLANK}(!|[A-Za-z_]\w*)", re.DOTALL)


def split(
    text: str, options_of: Callable[[str], Collection[str] | None] = lambda _word: None, *, dots: bool = False
) -> Iterator[Statement]:
    """The statements of a text, found one after the other.

    `options_of` gives the options of the verb with this name, None when there is no such verb; `dots` says whether
    dot-commands are statements. A text that is both a verb and valid SQL is SQL, unless a comment in it is one of the
    verb's options.
    """
    at = 0
    while at < len(text):
        blank = _BEFORE_STATEMENT.match(text, at)
        begin = blank.end() if blank else at
        if begin >= len(text):
            return
        if dots and (command := _COMMAND.match(text, begin)):
            found = _command(text, command)
        else:
            first = _NAME.match(text, begin)
            name = first[0].lower() if first else ""
            options = options_of(name) if name else None
            if options is None:
                found = _sql_or_pipe(text, begin)
            elif name in SQL_KEYWORDS:
                found = _sql_or_verb(text, begin, name, options)
            else:
                found = _verb(text, begin, name, line=True)
        if found.text:
            yield found
        at = found.end + (1 if found.terminated else 0)


def _sql_or_verb(text: str, begin: int, name: str, options: Collection[str]) -> Statement:
    """A statement whose first word is the name of a verb and a keyword of SQL, too."""
    reading = verb_line.reading(text, begin + len(name), name)
    if reading == "verb":
        return _verb(text, begin, name, line=True)
    found = _sql_or_pipe(text, begin)
    if found.kind != "sql" or reading == "sql":
        return found
    starts = tuple(options)
    if any(token.kind == "comment" and text.startswith(starts, token.start) for token in found.tokens):
        return _verb(text, begin, name, line=False)
    parsed = parse(found.sql)
    return (
        _sql(text, begin, found.end, found.tokens, parsed, terminated=found.terminated)
        if parsed
        else _verb(text, begin, name, line=False)
    )


_RUNS_SHELL = ("!", "\\!", ".shell", ".system")
"""The commands whose line is for the system's shell, as it is."""


def _command(text: str, name: re.Match[str]) -> Statement:
    begin = name.start()
    verb = name[0] if name[0][0] == "\\" else name[0].lower()
    if verb in _RUNS_SHELL:
        end = text.find("\n", begin)
        end, terminated = (end, True) if end >= 0 else (len(text), False)
        line = text[name.end() : end].strip()
        start = text.index(line, name.end())
        found = Words((Word(line, start, start + len(line)),) if line else (), end, terminated)
    else:
        found = words(text, name.end(), line=True)
    return Statement(
        "dot", text[begin : found.end].rstrip(), begin, found.end, found.terminated, verb=verb, words=found.words
    )


def _verb(text: str, begin: int, name: str, *, line: bool) -> Statement:
    found = words(text, begin, line=line)
    return Statement(
        "verb", text[begin : found.end].rstrip(), begin, found.end, found.terminated, verb=name, words=found.words[1:]
    )


def _sql_or_pipe(text: str, begin: int) -> Statement:
    """A statement of SQL, with or without a pipe."""
    depth = 0
    read: list[Token] = []
    for token in _tokens_by_prefixes(text, begin):
        if token.kind == "operator":
            operator = text[token.start : token.end]
            if operator.startswith(";"):
                return _sql(text, begin, token.start, tuple(read), None, terminated=True)
            if operator[0] in "([{":
                depth += 1
            elif operator[0] in ")]}":
                depth -= 1
            elif depth == 0 and operator in ("|", "|!"):
                piped = _pipe(text, begin, token.start, tuple(read))
                if piped is not None:
                    return piped
        read.append(token)
    return _sql(text, begin, len(text), tuple(read), None, terminated=False)


def _sql(
    text: str,
    begin: int,
    end: int,
    read: tuple[Token, ...],
    parsed: Sequence[duckdb.Statement] | None,
    *,
    terminated: bool,
) -> Statement:
    sql = text[begin:end].rstrip()
    return Statement("sql", sql, begin, end, terminated, sql=sql, tokens=read, parsed=parsed)


def _pipe(text: str, begin: int, bar: int, read: tuple[Token, ...]) -> Statement | None:
    """The statement with a pipe at `bar`; None where the `|` there is the operator. `read` are the tokens to its
    left."""
    found = _PIPE.match(text, bar)
    if found is None or find_pipe(found[1]) is None:
        return None
    sql = text[begin:bar].rstrip()
    parsed = parse(sql)
    if not parsed:
        return None
    right = words(text, found.start(1) + len(found[1]))
    whole = text[begin : right.end].rstrip()
    return Statement(
        "pipe",
        whole,
        begin,
        right.end,
        right.terminated,
        sql=sql,
        tokens=read,
        parsed=parsed,
        verb=found[1].lower(),
        verb_start=found.start(1),
        words=right.words,
        # DuckDB parses `!` as an operator, but has none of that name.
        ambiguous=found[1] != "!" and bool(parse(whole)),
    )


def sql_statement(sql: str) -> Statement:
    """The statement of a text that is one statement of SQL, without a semicolon."""
    return Statement("sql", sql, 0, len(sql), terminated=True, sql=sql, tokens=tuple(tokens(sql)))


@contextlib.contextmanager
def hinting_at_pipe_verbs(statement: Statement) -> Iterator[None]:
    """Adds to DuckDB's error about a statement that the verb of a pipe may be misspelt.

    Raises `InvalidArgument` instead of DuckDB's error where the statement is not valid SQL for that reason.
    """
    from lakebed._duckdb import duckdb

    try:
        yield
    except (duckdb.ParserException, duckdb.BinderException) as problem:
        if (misspelt := _misspelt_pipe_verb(statement)) is None:
            raise
        word, suggestion = misspelt
        hint = f"There is no verb {word!r} to pipe to; "
        hint += f"did you mean {suggestion!r}?" if suggestion else f"`| ! {word}` runs the program {word}."
        if isinstance(problem, duckdb.ParserException):
            raise InvalidArgument(hint) from None
        if f'"{word}"' not in str(problem):
            raise
        # The user may have meant the operator.
        raise type(problem)(f"{problem}\n\n{hint}") from None


def _misspelt_pipe_verb(statement: Statement) -> tuple[str, str] | None:
    """The first word behind a `|` that resembles a verb, with a valid statement to the left of the `|`; and that
    verb, or nothing where the word is a program."""
    for token in statement.tokens:
        bar = token.start - statement.start
        found = _PIPE.match(statement.sql, bar) if token.kind == "operator" else None
        if found is None or find_pipe(found[1]) is not None:
            continue
        import difflib

        similar = difflib.get_close_matches(found[1].lower(), [verb.name for verb in PIPE_VERBS], n=1)
        if not similar and shutil.which(found[1]) is None:
            continue
        if parse(statement.sql[:bar]):
            return found[1], similar[0] if similar else ""
    return None
