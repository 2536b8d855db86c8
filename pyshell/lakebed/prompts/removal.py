"""`lakebed.forget`: rows, and everything that prompts stored because of them.

A result stems from a row if its `sources` name the row; results can be sources, too. A request stems from its results,
and a reply from its request. A request that another result needs is kept, with its replies. Deleting is by blob, so
rows with the same bytes are removed with each other, wherever they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lakebed._sql_text import literal, quoted
from lakebed._types import Hash
from lakebed.duck.names import view_names
from lakebed.errors import BlobNotFound, CollectionNotFound, InvalidArgument
from lakebed.prompts.results import CollectionRows, ForgetReport
from lakebed.prompts.storage import REPLIES, REQUESTS
from lakebed.store import Store

if TYPE_CHECKING:
    import duckdb

__all__ = ["forget"]

_RESULT_COLUMNS = {"run", "n", "input", "sources", "request", "reply", "text"}
_ROUNDS = 5
"""How often the store is searched again at most, because a run may have stored more meanwhile."""


def forget(
    store: Store, where: str, collections: str | Iterable[str] | None = None, *, dry_run: bool = False
) -> ForgetReport:
    """Remove the rows for which `where`, a condition in SQL, holds, and what prompts stored because of them.

        lakebed.forget(store, "customer_id = 4711", dry_run=True)

    - `collections`: where to search; without it in all collections that have the columns of the condition. Those of
      prompts, whose names begin with `_`, are searched only if they are named.
    - `dry_run`: find and report, and change nothing.

    Removed are the rows, rows with the same bytes in any collection, results that have one of them as a source, the
    requests and replies of these results, files and images that they name. What other rows need is kept. All is removed
    in one commit, pending changes included; then the store is compacted, so that the bytes are gone from its files.
    Returns a `lakebed.ForgetReport`.

    Raises `InvalidArgument` for a condition that is not one, or that fits no collection; `CollectionNotFound`.
    """
    names = [collections] if isinstance(collections, str) else None if collections is None else list(collections)
    found = _Search(store, where, names)
    report = found.report
    if dry_run:
        return report
    for _ in range(_ROUNDS):
        hashes = found.hashes
        if not hashes:
            break
        for hash in hashes:
            try:
                store.delete(hash)
            except BlobNotFound:
                # Removed already, with equal bytes.
                continue
        store.commit()
        store.refresh()
        found = _Search(store, where, names, allow_nothing=True)
        report = report.plus(found.report)
    return report.model_copy(update={"removed": True, "erased": _erased(store)})


def _erased(store: Store) -> bool:
    """Takes what was removed out of the store's files. Returns whether it is gone."""
    done = store.compact()
    return not (done.held_bytes or done.skipped_segments or done.aside_bytes)


class _Search:
    """What is found for one condition in the newest commit. Raises like `forget`."""

    def __init__(self, store: Store, where: str, names: list[str] | None, *, allow_nothing: bool = False) -> None:
        from lakebed.duck import connect

        infos = sorted(store.collections(), key=lambda info: info.id)
        self._store = store
        self._views = view_names(info.name for info in infos)
        for name in names or ():
            if name not in self._views and not allow_nothing:
                known = ", ".join(self._views) or "none"
                message = f"There is no collection {name!r}; there are: {known}."
                raise CollectionNotFound(message)
        self._columns = {info.name: {column.name for column in store.schema(info.name).columns} for info in infos}
        self._results = [name for name, columns in self._columns.items() if columns >= _RESULT_COLUMNS]
        self._con: duckdb.DuckDBPyConnection = connect(store, config={"python_enable_replacements": False})
        try:
            self._con.execute("SET TimeZone = 'UTC'")
            self._con.execute("CREATE TEMP TABLE gone (kind VARCHAR, collection VARCHAR, seq BIGINT, hash VARCHAR)")
            searched = self._find_rows(where, [name for name in self._views if self._is_wanted(name, names)], names)
            if not searched and self._views and not allow_nothing:
                raise self._no_fit
            self._find_equal_rows()
            self._find_results()
            self._find_requests()
            self._find_blobs()
            self.hashes = [str(hash) for (hash,) in self._all("SELECT DISTINCT hash FROM gone ORDER BY hash")]
            self.report = self._report(where, searched)
        finally:
            self._con.close()

    def _is_wanted(self, name: str, names: list[str] | None) -> bool:
        return name in names if names is not None else not name.startswith("_")

    def _table(self, name: str) -> str:
        return f"data.main.{quoted(self._views[name])}"

    def _all(self, sql: str) -> list[tuple[object, ...]]:
        return self._con.execute(sql).fetchall()

    # --- Rows ---

    def _find_rows(self, where: str, wanted: list[str], names: list[str] | None) -> list[str]:
        """Finds the rows for which the condition holds. Returns the collections that were searched."""
        import duckdb

        searched = []
        self._no_fit = InvalidArgument(f"No collection has the columns of the condition {where!r}.")
        for name in wanted:
            # A line break ends a comment of the condition.
            select = f"SELECT 'row', {literal(name)}, _seq, _hash FROM {self._table(name)} WHERE (\n{where}\n)"
            try:
                statements = self._con.extract_statements(select)
                if len(statements) != 1 or statements[0].type.name != "SELECT":
                    message = f"The condition {where!r} is not one condition of SQL."
                    raise InvalidArgument(message)
                self._con.execute(f"DESCRIBE {select}")
            except duckdb.ParserException as problem:
                message = f"The condition {where!r} is no SQL: {_first_line(problem)}"
                raise InvalidArgument(message) from None
            except (duckdb.BinderException, duckdb.CatalogException) as problem:
                if names is not None:
                    message = f"The condition does not fit {name}: {_first_line(problem)}"
                    raise InvalidArgument(message) from None
                self._no_fit = InvalidArgument(
                    f"The condition fits none of the collections; of {name} DuckDB says: {_first_line(problem)}"
                )
                continue
            try:
                self._con.execute(f"INSERT INTO gone {select}")
            except duckdb.Error as problem:
                message = f"The condition fails for a row of {name}: {_first_line(problem)}"
                raise InvalidArgument(message) from None
            searched.append(name)
        return searched

    def _find_equal_rows(self) -> None:
        if not self._all("SELECT 1 FROM gone LIMIT 1"):
            return
        for name in self._views:
            self._con.execute(
                f"INSERT INTO gone SELECT 'equal', {literal(name)}, _seq, _hash FROM {self._table(name)} "
                "WHERE _hash IN (SELECT hash FROM gone) "
                f"AND _seq NOT IN (SELECT seq FROM gone WHERE collection = {literal(name)})"
            )

    # --- Results, requests, replies ---

    def _find_results(self) -> None:
        """Finds the results of the rows, and those that have these results as sources."""
        before = -1
        while (count := len(self._all("SELECT 1 FROM gone"))) != before:
            before = count
            for name in self._results:
                sources = f"SELECT _seq, unnest(json_extract_string(_json, '$.sources[*].hash')) AS source FROM {self._table(name)}"
                stems = [f"_seq IN (SELECT _seq FROM ({sources}) WHERE source IN (SELECT hash FROM gone))"]
                if REQUESTS in self._views:
                    stems.append(f"(_json->>'$.request') IN (SELECT hash FROM gone WHERE collection = '{REQUESTS}')")
                if REPLIES in self._views:
                    stems.append(f"(_json->>'$.reply') IN (SELECT hash FROM gone WHERE collection = '{REPLIES}')")
                self._con.execute(
                    f"INSERT INTO gone SELECT 'result', {literal(name)}, _seq, _hash FROM {self._table(name)} "
                    f"WHERE ({' OR '.join(stems)}) "
                    f"AND _seq NOT IN (SELECT seq FROM gone WHERE collection = {literal(name)})"
                )

    def _find_requests(self) -> None:
        """Finds the requests and replies of the results, and those that other results need."""
        parts = [
            f"SELECT {literal(name)} AS collection, _seq AS seq, _hash AS hash, _json->>'$.request' AS request, "
            f"_json->>'$.reply' AS reply FROM {self._table(name)}"
            for name in self._results
        ]
        self._con.execute(
            "CREATE TEMP TABLE results_found (collection VARCHAR, seq BIGINT, hash VARCHAR, request VARCHAR, reply VARCHAR)"
        )
        for part in parts:
            self._con.execute(f"INSERT INTO results_found {part}")
        self._con.execute("CREATE TEMP TABLE replies_found AS SELECT request, reply, n AS seq FROM data.sys.replies")
        self._con.execute(
            "CREATE TEMP VIEW gone_results AS SELECT r.* FROM results_found AS r SEMI JOIN gone AS g ON g.hash = r.hash"
        )
        self._con.execute(
            "CREATE TEMP VIEW other_results AS SELECT r.* FROM results_found AS r ANTI JOIN gone AS g ON g.hash = r.hash"
        )
        for kind in ("gone", "other"):
            # A result may have the reply to another request: of an older version of the model.
            self._con.execute(
                f"CREATE TEMP TABLE {kind}_requests AS SELECT request FROM {kind}_results UNION "
                f"SELECT p.request FROM replies_found AS p JOIN {kind}_results AS r ON p.reply = r.reply"
            )
        self._con.execute(
            "CREATE TEMP TABLE forgotten AS SELECT request FROM gone_requests EXCEPT SELECT request FROM other_requests"
        )
        if REQUESTS in self._views:
            self._con.execute(
                f"INSERT INTO gone SELECT 'request', '{REQUESTS}', _seq, _hash FROM {self._table(REQUESTS)} "
                f"WHERE _hash IN (FROM forgotten) AND _seq NOT IN (SELECT seq FROM gone WHERE collection = '{REQUESTS}')"
            )
        self._con.execute(
            f"INSERT INTO gone SELECT 'reply', '{REPLIES}', seq, reply FROM replies_found "
            f"WHERE request IN (FROM forgotten) AND seq NOT IN (SELECT seq FROM gone WHERE collection = '{REPLIES}')"
        )

    # --- Files and images ---

    def _find_blobs(self) -> None:
        """Finds the blobs that rows and requests name: files that were put, and images."""
        named = []
        others = []
        for name, columns in self._columns.items():
            if "hash" in columns:
                rows = f"(SELECT _seq, lower(_json->>'$.hash') AS blob FROM {self._table(name)})"
                gone = f"(SELECT seq FROM gone WHERE collection = {literal(name)})"
                named.append(f"SELECT blob FROM {rows} WHERE _seq IN {gone}")
                others.append(f"SELECT blob FROM {rows} WHERE _seq NOT IN {gone}")
        if REQUESTS in self._views:
            listed = "unnest(json_extract_string(_json, '$.messages[*].images[*]'))"
            images = f"(SELECT _hash, lower({listed}) AS blob FROM {self._table(REQUESTS)})"
            named.append(f"SELECT blob FROM {images} WHERE _hash IN (SELECT hash FROM gone)")
            others.append(f"SELECT blob FROM {images} WHERE _hash NOT IN (SELECT hash FROM gone)")
        candidates = self._all(" UNION ".join(named)) if named else []
        hashes = [_hash(text) for (text,) in candidates]
        blobs = [str(hash) for hash in hashes if hash is not None and hash in self._store]
        self._con.execute("CREATE TEMP TABLE blobs_found (hash VARCHAR)")
        if blobs:
            self._con.executemany("INSERT INTO blobs_found VALUES (?)", [[blob] for blob in blobs])
            needed = f"SELECT blob FROM ({' UNION '.join(others)}) WHERE blob IS NOT NULL"
            self._con.execute(
                "INSERT INTO gone SELECT 'blob', '', NULL, hash FROM blobs_found "
                f"WHERE hash NOT IN (SELECT hash FROM gone) AND hash NOT IN ({needed})"
            )

    # --- The report ---

    def _report(self, where: str, searched: list[str]) -> ForgetReport:
        def counted(kind: str) -> tuple[CollectionRows, ...]:
            return tuple(
                CollectionRows(collection=str(name), rows=int(str(rows)))
                for name, rows in self._all(
                    f"SELECT collection, count(*) FROM gone WHERE kind = '{kind}' GROUP BY ALL ORDER BY ALL"
                )
            )

        def count(sql: str) -> int:
            ((number,),) = self._all(f"SELECT count(*) FROM ({sql})")
            return int(str(number))

        kept = "(SELECT request FROM gone_requests INTERSECT SELECT request FROM other_requests)"
        stored = f"SELECT _hash FROM {self._table(REQUESTS)} WHERE _hash IN {kept}" if REQUESTS in self._views else None
        unknown = [
            f"SELECT 1 FROM {self._table(name)} WHERE json_array_length(_json, '$.sources') = 0 "
            f"AND (_json->>'$.input') != '{{}}' AND _hash NOT IN (SELECT hash FROM gone)"
            for name in self._results
        ]
        return ForgetReport(
            where=where,
            searched=tuple(searched),
            rows=counted("row"),
            equal=counted("equal"),
            results=counted("result"),
            requests=count("SELECT 1 FROM gone WHERE kind = 'request'"),
            replies=count("SELECT 1 FROM gone WHERE kind = 'reply'"),
            blobs=count("SELECT 1 FROM gone WHERE kind = 'blob'"),
            kept_requests=count(stored) if stored else 0,
            kept_replies=count(f"SELECT 1 FROM replies_found WHERE request IN {kept}"),
            kept_blobs=count("SELECT 1 FROM blobs_found WHERE hash NOT IN (SELECT hash FROM gone)"),
            kept_for=tuple(
                CollectionRows(collection=str(name), rows=int(str(rows)))
                for name, rows in self._all(
                    "SELECT r.collection, count(*) FROM other_results AS r WHERE r.request IN "
                    f"{kept} OR r.reply IN (SELECT reply FROM replies_found WHERE request IN {kept}) GROUP BY ALL ORDER BY ALL"
                )
            ),
            unknown_sources=sum(count(sql) for sql in unknown),
        )


def _hash(text: object) -> Hash | None:
    """The hash that a text is; None for anything else."""
    try:
        return Hash(text) if isinstance(text, str) else None
    except InvalidArgument:
        return None


def _first_line(problem: BaseException) -> str:
    return next(_lines(problem), "").rstrip(".") + "."


def _lines(problem: BaseException) -> Iterator[str]:
    return (line for line in str(problem).splitlines() if line.strip())
