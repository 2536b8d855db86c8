"""What the commands say of a store that lost acknowledged commits."""

import pytest


@pytest.fixture
def damaged(run, place):
    """A store in the usual place: of two ingests the second one's last record is damaged."""
    assert run("ingest", "-", "--into", "kept", stdin=b'{"keep":1}\n').code == 0
    rows = "".join(f'{{"n":{n}}}\n' for n in range(500)).encode()
    assert run("ingest", "-", "--into", "lost", stdin=rows).code == 0
    segment = place / "data.lakebed/segments/000000000001.seg"
    data = bytearray(segment.read_bytes())
    data[-50] ^= 1
    segment.write_bytes(data)
    return segment


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("collections",), 0),
        (("stats",), 0),
        (("verify",), 6),
        (("describe", "kept"), 0),
        (("export", "kept", "-"), 0),
        (("query", "SELECT count(*) FROM kept"), 0),
        (("-c", "SELECT count(*) FROM kept"), 0),
        (("ingest", "-", "--into", "more"), 6),
        (("put", "-", "--name", "a"), 6),
        (("trim", "kept", "--before-seq", "1"), 6),
        (("drop", "kept", "--yes"), 6),
        (("seal",), 6),
        (("query", "SELECT 1 AS a | into more"), 6),
    ],
)
def test_every_command_says_so_and_none_writes(run, damaged, arguments, code):
    before = damaged.read_bytes()
    done = run(*arguments, stdin=b'{"a":1}\n')
    assert done.code == code, done.err
    assert "note: " in done.err
    assert "has lost commit 2: the last commit that can be read is 1." in done.err
    if code == 6 and arguments != ("verify",):
        assert "lakebed repair" in done.err
    assert damaged.read_bytes() == before
