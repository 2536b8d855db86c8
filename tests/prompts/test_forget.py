"""`forget`: rows, and everything that prompts stored because of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

import lakebed
from tests.cli.conftest import on_terminal, place, run
from tests.prompts.runs import ask, rows

__all__ = ["on_terminal", "place", "run"]

PEOPLE = [
    {"id": 1, "name": "Zoë", "city": "Rome"},
    {"id": 2, "name": "Ann", "city": "Rome"},
    {"id": 3, "name": "Zoë", "city": "Oslo"},
]


@pytest.fixture
def people(store: lakebed.Store) -> lakebed.Store:
    store.append("people", PEOPLE)
    store.commit()
    return store


def text_of(store: lakebed.Store) -> bytes:
    """All that is found in the store."""
    return b"\n".join(row.data for info in store.collections() for row in store.scan(info.name))


def counts(found: tuple[Any, ...]) -> dict[str, int]:
    return {one.collection: one.rows for one in found}


def test_all_that_stems_from_a_row_is_removed(server, people):
    ask(people, template="Greet {name} of {city}", query="SELECT name, city FROM people")
    zoe = "name = 'Zoë'"
    before = text_of(people)
    planned = lakebed.forget(people, zoe, dry_run=True)
    assert text_of(people) == before
    done = lakebed.forget(people, zoe)
    assert planned.model_copy(update={"removed": True, "erased": done.erased}) == done
    assert (counts(done.rows), counts(done.results)) == ({"people": 2}, {"results": 2})
    assert (done.requests, done.replies, done.kept_requests, done.kept_replies) == (2, 2, 0, 0)
    assert done.searched == ("people",)
    assert done.erased
    assert "Zoë".encode() not in text_of(people)
    assert [len(rows(people, name)) for name in ("people", "results", "_requests", "_replies")] == [1, 1, 1, 1]
    _, report = ask(people, template="Greet {name} of {city}", query="SELECT name, city FROM people")
    assert (report.present, report.asked) == (1, 0)


def test_what_other_rows_need_is_kept_and_said(server, people):
    results, _ = ask(people, template="About {city}", query="SELECT id, city FROM people", into="cities")
    done = lakebed.forget(people, "id = 1")
    assert (done.requests, done.replies, done.kept_requests, done.kept_replies) == (0, 0, 1, 1)
    assert counts(done.kept_for) == {"cities": 1}
    assert sorted(row["input"]["id"] for row in rows(people, "cities")) == [2, 3]
    for row in rows(people, "cities"):
        assert people.get(row["request"])
        assert people.get(row["reply"])
    last = lakebed.forget(people, "id = 2")
    assert (last.requests, last.replies, last.kept_requests) == (1, 1, 0)
    assert not any(one.reply in people for one in results if one.input["city"] == "Rome")


def test_rows_with_the_same_bytes_are_removed_wherever_they_are(server, people):
    people.append("backup", [PEOPLE[0], PEOPLE[1]])
    done = lakebed.forget(people, "id = 1", "people")
    assert (counts(done.rows), counts(done.equal)) == ({"people": 1}, {"backup": 1})
    assert rows(people, "backup") == [PEOPLE[1]]
    both = lakebed.forget(people, "id = 2")
    assert (counts(both.rows), both.equal) == ({"people": 1, "backup": 1}, ())


def test_results_of_results_stem_too(server, people):
    ask(people, template="Greet {name}", query="SELECT name FROM people WHERE id = 1", into="first")
    ask(people, template="Translate {text}", query="SELECT text FROM first", into="second")
    done = lakebed.forget(people, "id = 1")
    assert counts(done.results) == {"first": 1, "second": 1}
    assert (done.requests, done.replies) == (2, 2)
    assert rows(people, "second") == rows(people, "_requests") == rows(people, "_replies") == []


def test_results_and_replies_can_be_searched_themselves(server, people):
    ask(people, template="Greet {name} {id}", query=None, rows=PEOPLE)
    unknown = lakebed.forget(people, "id = 1")
    assert (counts(unknown.rows), unknown.results, unknown.unknown_sources) == ({"people": 1}, (), 3)
    done = lakebed.forget(people, "input->>'name' = 'Zoë'")
    assert (counts(done.rows), done.requests, done.replies) == ({"results": 2}, 2, 2)
    by_reply = lakebed.forget(people, "text LIKE '%Ann%'", ["_replies"])
    assert (counts(by_reply.rows), counts(by_reply.results)) == ({"_replies": 1}, {"results": 1})
    assert rows(people, "results") == rows(people, "_requests") == []


def test_failed_rows_and_fresh_replies_go_too(server, people):
    query = "SELECT name FROM people WHERE id = 1"
    ask(people, "small", "{name} " + "word" * 80, query=query)
    ask(people, template="Greet {name}", query=query)
    ask(people, template="Greet {name}", query=query, fresh=True)
    done = lakebed.forget(people, "id = 1")
    assert (counts(done.results), done.requests, done.replies) == ({"results": 3}, 2, 2)
    assert rows(people, "results") == rows(people, "_requests") == rows(people, "_replies") == []


def test_images_and_files_go_unless_others_name_them(server, store):
    cat, dog, bird = (store.put(name) for name in (b"a cat", b"a dog", b"a bird"))
    pictures = {"cat": cat, "dog": dog, "bird": bird}
    store.append("files", [{"name": name, "hash": str(hash)} for name, hash in pictures.items()])
    store.append("album", [{"title": "dogs", "hash": str(dog)}])
    ask(store, "vision", "What is {name}?", query="SELECT name, hash FROM files", image="hash")
    done = lakebed.forget(store, "name IN ('cat', 'dog')")
    assert (done.requests, done.replies, done.blobs, done.kept_blobs) == (2, 2, 1, 1)
    assert [hash in store for hash in (cat, dog, bird)] == [False, True, True]
    given, _ = ask(store, "vision", "Look", query="SELECT name, 'new'::BLOB AS picture FROM files", image="picture")
    assert lakebed.forget(store, "name = 'bird'").blobs == 2
    assert given[0].input["picture"] not in store


def test_hashes_in_capitals_are_the_same_hashes(server, store):
    own, shared, other = (store.put(name) for name in (b"of one", b"of both", b"of another"))
    store.append("files", [{"id": 1, "hash": str(own).upper()}, {"id": 2, "hash": str(shared)}])
    store.append("files", [{"id": 3, "hash": "x" * 64}, {"id": 4, "hash": None}, {"id": 5, "hash": str(other)[:8]}])
    store.append("album", [{"title": "both", "hash": str(shared).upper()}])
    done = lakebed.forget(store, "id <= 5", "files")
    assert (done.blobs, done.kept_blobs) == (1, 1)
    assert [hash in store for hash in (own, shared, other)] == [False, True, True]


def test_conditions_that_do_not_fit_are_refused(server, people):
    for where, message in (
        ("nmae = 'Zoë'", r"fits none of the collections; of people DuckDB says: .*nmae"),
        ("name = ", "is no SQL"),
        ("true) ; DROP TABLE x; SELECT (1", "is not one condition"),
        ("id = 'x'", "fails for a row of people|none of the collections"),
    ):
        with pytest.raises(lakebed.InvalidArgument, match=message):
            lakebed.forget(people, where)
    with pytest.raises(lakebed.CollectionNotFound, match="no collection 'nope'; there are: people"):
        lakebed.forget(people, "true", "nope")
    assert len(rows(people, "people")) == 3
    assert lakebed.forget(people, "id = 9 -- a comment").removed


def test_the_command_shows_asks_and_removes(run, server, on_terminal, people, path):
    ask(people, template="About {city}", query="SELECT city FROM people")
    people.close()
    where = ["--store", str(path), "--where", "id = 1"]
    planned = run("forget", *where, "--dry-run")
    assert (planned.code, planned.rows[0]["kept_requests"], planned.rows[0]["removed"]) == (0, 1, False)
    refused = run("forget", *where)
    assert (refused.code, "needs --yes without a terminal" in refused.err) == (2, True)
    done = run("forget", *where, "--yes")
    assert (done.code, done.rows[0]["removed"], done.rows[0]["rows"]) == (
        0,
        True,
        [{"collection": "people", "rows": 1}],
    )
    again = run("forget", *where, "--yes")
    assert (again.code, json.loads(again.out)["rows"]) == (0, [])
    shown = on_terminal("forget", "--store", str(path), "people", "--where", "id = 2", "--dry-run").text
    assert "found 1 row in people\nfound 1 result in results\nfound 1 request\nfound 1 reply\n" in shown
