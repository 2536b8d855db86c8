"""`backup`, `restore` and `copy` as commands."""

from pathlib import Path


def test_backup_and_restore(run, store, on_terminal, place):
    (first,) = run("backup", "backups").rows
    (second,) = run("backup", "data.lakebed", "backups", "--keep", "1").rows
    assert second["removed"] == [Path(first["path"]).name]
    shown = on_terminal("backup", "backups").text
    assert shown.startswith("backed up: commit 1, 1 segment, ")
    assert "1 segment linked" in shown
    assert run("--store", second["path"], "verify").code == 0
    refused = run("--store", second["path"], "drop", "events", "--yes")
    assert (refused.code, "is a backup" in refused.err) != (0, False)
    assert refused.code != 0
    (restored,) = run("restore", "backups", "new.lakebed").rows
    assert restored["path"] == str(place / "new.lakebed")
    assert run("--store", "new.lakebed", "export", "events").out == store.read_bytes()
    again = run("restore", "backups")
    assert (again.code, "replaces nothing" in again.err) == (2, True)
    assert run("--store", "second.lakebed", "restore", "backups").code == 0
    assert run("--store", "second.lakebed", "export", "events").out == store.read_bytes()
    assert run("backup").code == 2
    assert run("backup", "a", "b", "c").code == 2


def test_copy(run, store, on_terminal):
    (report,) = run("copy", "data.lakebed", "other.lakebed", "events").rows
    assert report["rows"] == 5
    assert run("--store", "other.lakebed", "export", "events").out == store.read_bytes()
    assert "after the 5 copied before" in on_terminal("copy", "data.lakebed", "other.lakebed").text
    assert run("copy", "data.lakebed").code == 2
    missing = run("copy", "data.lakebed", "other.lakebed", "nothing")
    assert (missing.code, "has no collection" in missing.err) == (run("describe", "nothing").code, True)


def test_safe_forbids_other_places(run, store):
    done = run("--safe", "-c", "backup backups")
    assert done.code == 2
    assert "--safe" in done.err
