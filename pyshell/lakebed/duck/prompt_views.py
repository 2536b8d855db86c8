"""The views over the collections of prompts, `sys.requests`, `sys.replies`, `sys.runs` and `sys.latest_results`, and
the macro `lakebed_reply`.

They are plain SQL over the collections `_requests`, `_replies`, `_runs` and those that runs have results in. Their
columns have fixed types, and they are empty where the collection does not exist. A run without an end is shown as
running if its process ran at the last refresh, else as interrupted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lakebed._sql_text import literal, quoted

NAMES = ("requests", "replies", "runs")
_COLLECTIONS = {"requests": "_requests", "replies": "_replies", "runs": "_runs"}


def statements(
    database: str,
    schema: str,
    existing: Collection[str],
    active: Collection[str],
    results: Mapping[str, str],
    paths: Collection[str],
) -> list[str]:
    """The statements that create the views and the macro.

    `existing` are the collections of prompts that exist, `active` the ids of the runs whose process is running,
    `results` the collections with results, each with the name of its view, and `paths` the paths by which the macro
    accepts the store.
    """
    place = f"{quoted(database)}.{quoted(schema)}"
    made = [
        f"CREATE OR REPLACE VIEW {place}.{name} AS {_SQL[name](_rows(database, collection, collection in existing), active)}"
        for name, collection in _COLLECTIONS.items()
    ]
    runs = _rows(database, "_runs", "_runs" in existing)
    made.append(f"CREATE OR REPLACE VIEW {place}.latest_results AS {_latest_results(database, results, runs)}")
    store = f"CASE WHEN store_ IN ({', '.join(map(literal, paths))}) THEN "
    other = " ELSE error('The store ' || store_ || ' is not the one attached here: attach it first.')::VARCHAR END"
    by_hash = f"(SELECT arg_max(r.text, r.n) FROM {place}.replies AS r WHERE r.request = request_)"
    by_prompt = (
        f"(SELECT arg_max(r.text, r.n) FROM {place}.replies AS r JOIN {place}.requests AS q ON q.request = r.request "
        f"WHERE q.prompt = prompt_ AND {_short('r.model')} IN ({_short('model_')}, {_short('model_')} || ':latest'))"
    )
    made.append(
        f"CREATE OR REPLACE MACRO {quoted(database)}.main.lakebed_reply(store_, request_) AS ({store}{by_hash}{other}), "
        f"(store_, model_, prompt_) AS ({store}{by_prompt}{other})"
    )
    return made


def _rows(database: str, collection: str, exists: bool) -> str:
    """The rows of a collection with their JSON; none if it does not exist."""
    if exists:
        return f"(SELECT _seq, _hash, _ingested_at, _json FROM {quoted(database)}.main.{collection})"
    return "(SELECT 0::BIGINT AS _seq, ''::VARCHAR AS _hash, now()::TIMESTAMPTZ AS _ingested_at, 'null'::JSON AS _json WHERE false)"


def _requests(source: str, _active: Collection[str]) -> str:
    text = "json_extract_string(_json, ['$.model', '$.messages[#-1].content', '$.messages[0].role', '$.messages[0].content', '$.think'])"
    return (
        "SELECT _hash AS request, substr(t[1], 8) AS digest, t[2] AS prompt, CASE WHEN t[3] = 'system' THEN t[4] END AS system, "
        "(_json->'$.messages')::JSON AS messages, (_json->'$.options')::JSON AS options, (_json->'$.format')::JSON AS format, "
        f"t[5] AS think FROM (SELECT *, {text} AS t FROM {source})"
    )


def _short(model: str) -> str:
    """The name of a model without what Ollama adds where it is missing, but the tag."""
    return rf"regexp_replace(lower(trim({model})), '^(https?://)?(registry\.ollama\.ai/)?(library/)?', '')"


def _replies(source: str, _active: Collection[str]) -> str:
    fields = "request model digest text thinking done_reason stats.prompt_eval_count stats.eval_count stats.eval_duration attempts asked_at"
    paths = ", ".join(literal(f"$.{name}") for name in (*fields.split(), "seconds", "first_seconds"))
    return (
        "SELECT t[1] AS request, _hash AS reply, t[2] AS model, t[3] AS digest, t[4] AS text, t[5] AS thinking, "
        "(_json->'$.tool_calls')::JSON AS tool_calls, t[6] AS done_reason, TRY_CAST(t[7] AS BIGINT) AS prompt_tokens, "
        "TRY_CAST(t[8] AS BIGINT) AS reply_tokens, "
        "TRY_CAST(t[8] AS DOUBLE) * 1e9 / nullif(TRY_CAST(t[9] AS DOUBLE), 0) AS tokens_per_second, "
        "TRY_CAST(t[10] AS BIGINT) AS attempts, TRY_CAST(t[11] AS TIMESTAMPTZ) AS asked_at, TRY_CAST(t[12] AS DOUBLE) AS seconds, "
        f"TRY_CAST(t[13] AS DOUBLE) AS first_seconds, _seq AS n FROM (SELECT *, json_extract_string(_json, [{paths}]) AS t FROM {source})"
    )


def _runs(source: str, active: Collection[str]) -> str:
    begin = "run model digest template system query into sources at".split()
    last = "run outcome rows asked new cached present errors cut prompt_tokens reply_tokens at".split()

    def rows(condition: str, fields: list[str], more: str = "") -> str:
        paths = ", ".join(literal(f"$.{name}") for name in fields)
        return f"(SELECT json_extract_string(_json, [{paths}]) AS t FROM {source} WHERE (_json->>'$.event') {condition}{more})"

    running = f"b.t[1] IN ({', '.join(map(literal, active))})" if active else "false"
    numbers = ", ".join(
        f"TRY_CAST(e.t[{place}] AS BIGINT) AS {name}" for place, name in enumerate(last, 1) if 3 <= place <= 11
    )
    # Of a run that was killed, the last row is the one of its middle.
    newest = " QUALIFY row_number() OVER (PARTITION BY (_json->>'$.run') ORDER BY _seq DESC) = 1"
    first, rest = rows("= 'begin'", begin), rows("IN ('progress', 'end')", last, newest)
    ended = "CASE WHEN e.t[2] IS NOT NULL THEN TRY_CAST(e.t[12] AS TIMESTAMPTZ) END"
    return (
        f"SELECT b.t[1] AS run, CASE WHEN e.t[2] IS NOT NULL THEN e.t[2] WHEN {running} THEN 'running' ELSE 'interrupted' END AS status, "
        f"TRY_CAST(b.t[9] AS TIMESTAMPTZ) AS began, {ended} AS ended, b.t[2] AS model, b.t[3] AS digest, "
        f'b.t[4] AS template, b.t[5] AS system, b.t[6] AS query, b.t[7] AS "into", b.t[8] AS sources, {numbers} '
        f"FROM {first} AS b LEFT JOIN {rest} AS e ON e.t[1] = b.t[1]"
    )


def _latest_results(database: str, results: Mapping[str, str], runs: str) -> str:
    """The newest result of each input row: of the same source rows and input in runs with the same settings.

    Equal input rows without known source rows are told apart by their order in the run.
    """
    parts = [
        f"SELECT {literal(name)} AS place, _seq, _hash, _json FROM {quoted(database)}.main.{quoted(view)}"
        for name, view in results.items()
    ]
    source = (
        " UNION ALL ".join(parts)
        or f"SELECT ''::VARCHAR AS place, * EXCLUDE (_ingested_at) FROM {_rows(database, '', False)}"
    )
    settings = ", ".join(literal(f"$.{name}") for name in "model template system format options think".split())
    begun = (
        f"(SELECT (_json->>'$.run') AS run, json_extract_string(_json, [{settings}]) AS settings FROM {runs} "
        "WHERE (_json->>'$.event') = 'begin')"
    )
    return (
        'SELECT place AS "into", t[1] AS run, TRY_CAST(t[2] AS BIGINT) AS n, input, sources, t[3] AS request, t[4] AS reply, '
        "t[5] AS text, (_json->'$.value')::JSON AS value, t[6] AS error, t[7] AS message, results, _seq, _hash FROM ("
        "SELECT *, count(*) OVER rows AS results, max(_seq) OVER rows AS newest FROM ("
        "SELECT *, row_number() OVER (PARTITION BY place, key, input, sources, t[1] ORDER BY _seq) AS place_in_run FROM ("
        "SELECT r.*, coalesce(b.settings, [r.t[3]]) AS key FROM ("
        "SELECT *, (_json->'$.input')::JSON AS input, (_json->'$.sources')::JSON AS sources, json_extract_string(_json, "
        "['$.run', '$.n', '$.request', '$.reply', '$.text', '$.error.kind', '$.error.message']) AS t "
        f"FROM ({source}) WHERE (_json->>'$.run') IS NOT NULL AND (_json->>'$.request') IS NOT NULL) AS r "
        f"LEFT JOIN {begun} AS b ON b.run = r.t[1])) "
        "WINDOW rows AS (PARTITION BY place, key, input, sources, place_in_run)) WHERE _seq = newest"
    )


_SQL = {"requests": _requests, "replies": _replies, "runs": _runs}
