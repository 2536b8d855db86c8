"""`lakebed repair`."""

import pytest


@pytest.fixture
def broken(run, store, place):
    """The store with a flipped bit in a sealed frame."""
    run("seal")
    (segment,) = (place / "data.lakebed/segments").iterdir()
    data = bytearray(segment.read_bytes())
    data[100] ^= 1
    segment.write_bytes(data)
    return place / "data.lakebed"


def test_a_whole_store(run, store, on_terminal):
    done = run("repair")
    assert done.code == 0
    assert done.rows[0]["clean"]
    assert on_terminal("repair").text.startswith("nothing to repair: ")


def test_damage_is_mended_and_losses_are_the_exit_code(run, broken, on_terminal):
    assert run("verify").code == 6
    assert b"lakebed repair" in run("verify").out
    foretold = run("repair", "--dry-run")
    assert foretold.code == 6
    assert foretold.rows[0]["lost_rows"] > 0
    assert run("verify").code == 6
    assert "LOST: " in on_terminal("repair", "--dry-run").text
    done = run("repair", str(broken))
    assert done.code == 6
    assert done.rows[0]["losses"] == foretold.rows[0]["losses"]
    assert run("verify").code == 0
    assert run("repair").code == 0
    assert run("ingest", "-", "--into", "more", stdin=b'{"a":1}\n').code == 0


def test_a_store_that_does_not_open(run, store, place):
    (place / "data.lakebed/FORMAT").unlink()
    failed = run("collections")
    assert failed.code == 6
    assert "lakebed repair" in failed.err
    assert run("repair").code == 0
    assert run("collections").code == 0


def test_no_store(run, place):
    done = run("repair")
    assert done.code == 5
    assert "There is no store at" in done.err
    assert not (place / "data.lakebed").exists()
    assert run("repair", "elsewhere").code == 5
