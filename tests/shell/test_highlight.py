"""Colors while typing."""

from __future__ import annotations

import pytest

from lakebed._cli.shell.highlight import spans


def parts(text):
    return [(text[span.start : span.end], span.kind) for span in spans(text)]


def test_sql_after_a_wide_character_is_colored_where_it_stands():
    assert parts("SELECT '値é' AS x, 12 FROM t -- ö") == [
        ("SELECT", "keyword"),
        ("'値é'", "string"),
        ("AS", "keyword"),
        ("12", "number"),
        ("FROM", "keyword"),
        ("-- ö", "comment"),
    ]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("SELECT 'abc", "'abc"),
        ('SELECT "abc', '"abc'),
        ("SELECT $$abc", "$$abc"),
        ("SELECT /* abc", "/* abc"),
        ("SELECT (1", "("),
        ("SELECT [1)", ")"),
        ("SELECT 1)", ")"),
        ("put 'a", "'a"),
        ("FROM t | write 'a", "'a"),
    ],
)
def test_what_is_not_closed_is_wrong(text, wrong):
    assert (wrong, "error") in parts(text)


@pytest.mark.parametrize("text", ["SELECT 'it''s', \"a\", $x$b$x$, e'\\'', [(1)], {'a': 1} /* c */", "put 'it''s'"])
def test_what_is_closed_is_not(text):
    assert "error" not in {kind for _, kind in parts(text)}


def test_verbs_options_and_pipes():
    assert parts("drop events --yes; FROM t | into x --z 'q'") == [
        ("drop", "verb"),
        ("events", "word"),
        ("--yes", "option"),
        ("FROM", "keyword"),
        ("|", "pipe"),
        ("into", "verb"),
        ("x", "word"),
        ("--z", "option"),
        ("'q'", "string"),
    ]
    assert parts("drop table x")[0] == ("drop", "keyword")
    assert parts(".mode csv")[0] == (".mode", "verb")


def test_a_verb_is_colored_where_it_stands():
    # One character, which becomes two in lower case.
    assert ("write", "verb") in parts("SELECT 'İİİ' AS write | write x.csv")
    assert parts("FROM t | /* write */ write x")[1:4] == [("|", "pipe"), ("/* write */", "comment"), ("write", "verb")]


def test_spans_are_in_order_and_inside_the_text():
    text = "SELECT ('a; stats\n.tables\nFROM é | write 'x"
    found = spans(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert [one.start for one in found] == sorted(one.start for one in found)
