"""Texts of JSON for tests: in every spelling that the grammar allows, and damaged ones."""

from __future__ import annotations

from hypothesis import strategies as st

BLANKS = st.sampled_from(["", "", "", " ", "\t ", "\r"])
NUMBERS = st.one_of(
    st.integers(-5, 5).map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(
        "-0 0.0 -0.0 1.0 1.50 1e2 1E+2 2.5e-3 1e400 1e-400 -1e308 0.1234567890123456789 9007199254740993 9007199254740992 "
        "9223372036854775807 9223372036854775808 -9223372036854775808 18446744073709551615 18446744073709551616 "
        "99999999999999999999999999999999999999 100000000000000000000000000000000000000 "
        "170141183460469231731687303715884105727 170141183460469231731687303715884105728".split()
    ),
    st.integers(1, 60).map(lambda digits: "9" * digits),
)
TIMES = st.sampled_from(
    [
        "2024-02-29",
        "2023-02-29",
        "0001-01-01",
        "0000-01-01",
        "9999-12-31",
        "2024-01-01T00:00:00",
        "2024-01-01 23:59:59.123456",
        "2024-01-01T00:00:00.123456000",
        "2024-01-01T00:00:00.1234567",
        "2024-01-01T24:00:00",
        "2024-01-01T00:00:60",
        "2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00+00:00",
        "2024-01-01T00:00:00-15:59",
        "2024-01-01T00:00:00+16",
        "2024-01-01T00:00:00+0130",
        "2024-01-01T00:00",
        "2024-01-01t00:00:00z",
    ]
)
PIECES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), max_size=4),
    st.sampled_from(
        ['\\"', "\\\\", "\\/", "\\n", "\\u0041", "\\u0000", "\\ud83d\\ude00", "\\ud800", "\\udc00x", "\x7f"]
    ),
)
STRINGS = st.one_of(
    st.lists(PIECES, max_size=3).map("".join), TIMES, TIMES.map(lambda text: text.replace("-", "\\u002d", 1))
)
KEYS = st.one_of(
    st.sampled_from("a b c A B id value other_keys _seq _JSON a_1".split()),
    st.sampled_from(["", "\\u0061", "\\u0000", "\\ud800", "é", "a b", 'q\\"q', "x" * 70]),
    STRINGS,
)


def _array(items: list[str], blank: str) -> str:
    return f"[{blank}{f'{blank},'.join(items)}{blank}]"


def _object(members: list[tuple[str, str]], blank: str) -> str:
    return f"{{{blank}{f'{blank},{blank}'.join(f'{chr(34)}{key}{chr(34)}{blank}:{blank}{value}' for key, value in members)}{blank}}}"


SCALARS = st.one_of(st.sampled_from(["null", "true", "false"]), NUMBERS, STRINGS.map(lambda text: f'"{text}"'))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(_array, st.lists(inner, max_size=4), BLANKS),
        st.builds(_object, st.lists(st.tuples(KEYS, inner), max_size=4), BLANKS),
    ),
    max_leaves=12,
)
RECORDS = st.one_of(
    st.builds(_object, st.lists(st.tuples(KEYS, VALUES), max_size=6), BLANKS),
    st.builds(_object, st.lists(st.tuples(KEYS, VALUES), max_size=6), BLANKS),
    VALUES,
)
"""Mostly objects."""


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A good line without a line break."""
    text = draw(RECORDS)
    return text.replace("\r", " ").encode()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A line that is probably not JSON."""
    data = draw(lines())
    at = draw(st.integers(0, len(data)))
    other = draw(
        st.sampled_from(
            [b"", b",", b"]", b"}", b":", b'"', b"\\", b"\x01", b"\xff", b"'", b"N", b"t", b"-", b".", b"0", b"e"]
        )
    )
    cut = draw(st.integers(0, 3))
    return (data[:at] + other + data[at + cut :]).replace(b"\n", b" ").replace(b"\r", b" ")
